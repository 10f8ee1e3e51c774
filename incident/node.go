package incident

import (
	"slices"

	"github.com/holdfast-security/holdfast/finding"
)

// node is one signal with its repeats.
type node struct {
	serial    uint64 // order of insertion
	group     *group // nil once forgotten
	rule      *rule
	host      *host
	severity  finding.Severity
	confirmed bool
	hidden    bool // suppressed
	first     int64
	last      int64
	count     uint64
	burst     float64 // times as often in an hour as ever before; zero where that is not known
	text      string
	tactics   []finding.Tactic
	methods   []finding.Technique
	steps     []string
	reports   []report // latest ids, oldest first
	refs      []ref
	edges     []*edge // kept ones
	repeat    digest
	action    digest // zero for none
	place     int    // in the snapshot that is being taken
}

// report is one alert that a node stands for.
type report struct {
	id    string
	count uint32
}

// ref is a thing that a node has, and how.
type ref struct {
	key  *key
	role Role
	hops uint8 // of a process: how far up the lineage
}

const (
	nodeSize = 536
	refSize  = 24
)

func (n *node) size() int64 {
	size := nodeSize + len(n.text) + refSize*len(n.refs)
	for _, p := range n.reports {
		size += 24 + len(p.id)
	}
	for _, s := range n.steps {
		size += 16 + len(s)
	}
	for _, t := range n.tactics {
		size += 16 + len(t)
	}
	for _, m := range n.methods {
		size += 16 + len(m)
	}
	return int64(size)
}

// newNode makes a node that belongs to no group yet and has nothing to share.
func (e *Engine) newNode(s *Signal, r *rule, h *host) *node {
	e.serial++
	at := s.Time.UnixNano()
	n := &node{
		serial: e.serial, rule: r, host: h, severity: s.Severity, confirmed: s.Confirmed, hidden: s.Suppressed,
		first: at, last: s.Last.UnixNano(), text: s.Text, tactics: s.Tactics, methods: s.Methods, steps: s.Steps,
		repeat: s.Circumstances(),
	}
	n.report(s)
	e.repeats[n.repeat] = n
	if s.Action != "" {
		n.action = s.ActionDigest()
		e.actions[n.action] = n
	}
	h.nodes++
	r.uses++
	e.bytes += n.size()
	return n
}

// report counts an alert that n stands for; an update of one that it knows
// counts only what is new.
func (n *node) report(s *Signal) {
	for i := range n.reports {
		if p := &n.reports[i]; p.id == s.ID {
			n.count += uint64(max(s.Count, p.count) - p.count)
			p.count = max(s.Count, p.count)
			return
		}
	}
	n.count += uint64(s.Count)
	if len(n.reports) >= maxReports {
		n.reports = slices.Delete(n.reports, 1, 2) // the first one made the node
	}
	n.reports = append(n.reports, report{s.ID, s.Count})
}

// gap returns how far a time is from the time that n covers.
func (n *node) gap(at int64) int64 { return max(n.first-at, at-n.last, 0) }

// gapTo returns the time between two nodes, zero where they overlap.
func (n *node) gapTo(o *node) int64 { return max(n.first-o.last, o.first-n.last, 0) }

// release lets go of everything that n holds.
func (e *Engine) release(n *node) {
	if e.repeats[n.repeat] == n {
		delete(e.repeats, n.repeat)
	}
	if e.actions[n.action] == n {
		delete(e.actions, n.action)
	}
	n.host.nodes--
	n.rule.uses--
	n.group = nil
	e.bytes -= n.size()
}
