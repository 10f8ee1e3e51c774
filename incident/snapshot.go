package incident

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/holdfast-security/holdfast/incident/saved"
)

// snapshotVersion changes when an older program could not read a snapshot as
// it was meant.
const snapshotVersion = 1

// Snapshot returns the engine's state, for [Restore]. The same state gives the
// same bytes.
func (e *Engine) Snapshot() ([]byte, error) {
	var b bytes.Buffer
	err := e.WriteSnapshot(&b)
	return b.Bytes(), err
}

// WriteSnapshot writes what [Engine.Snapshot] returns, in pieces.
func (e *Engine) WriteSnapshot(w io.Writer) error {
	s := newSaver(e)
	state := s.state()
	if err := state.Write(w); err != nil {
		return fmt.Errorf("write the state of incidents: %w", err)
	}
	return nil
}

// saver knows the indexes of everything.
type saver struct {
	e     *Engine
	hosts []*host
	rules []*rule
	keys  []*key
	edges []*edge

	hostAt map[*host]int
	ruleAt map[*rule]int
	keyAt  map[*key]int
	nodeAt map[*node]int
	edgeAt map[*edge]int
}

func newSaver(e *Engine) *saver {
	s := &saver{e: e, keyAt: make(map[*key]int), nodeAt: make(map[*node]int), edgeAt: make(map[*edge]int)}
	for _, h := range e.hosts {
		s.hosts = append(s.hosts, h)
	}
	slices.SortFunc(s.hosts, func(a, b *host) int { return cmp.Compare(a.id, b.id) })
	for _, r := range e.rules {
		s.rules = append(s.rules, r)
	}
	slices.SortFunc(s.rules, func(a, b *rule) int { return cmp.Compare(a.id, b.id) })
	s.hostAt, s.ruleAt = indexes(s.hosts), indexes(s.rules)
	for k := e.keyList.next; k != &e.keyList; k = k.next {
		s.addKey(k)
	}
	for g := e.list.next; g != &e.list; g = g.next {
		for _, n := range g.nodes {
			s.nodeAt[n] = len(s.nodeAt)
			for _, r := range n.refs {
				s.addKey(r.key)
			}
			for _, d := range n.edges {
				s.addEdge(d)
			}
		}
	}
	return s
}

func indexes[T comparable](list []T) map[T]int {
	at := make(map[T]int, len(list))
	for i, v := range list {
		at[v] = i
	}
	return at
}

func (s *saver) addKey(k *key) {
	if _, ok := s.keyAt[k]; !ok {
		s.keyAt[k] = len(s.keys)
		s.keys = append(s.keys, k)
	}
}

func (s *saver) addEdge(d *edge) {
	if _, ok := s.edgeAt[d]; ok {
		return
	}
	s.edgeAt[d] = len(s.edges)
	s.edges = append(s.edges, d)
	for _, r := range d.reasons {
		if r.key != nil {
			s.addKey(r.key)
		}
	}
}

func (s *saver) state() saved.State {
	e := s.e
	st := saved.State{
		Version: snapshotVersion, Now: e.now, Began: e.began, Swept: e.swept, Serial: e.serial, Counters: e.counters,
	}
	for _, h := range s.hosts {
		st.Hosts = append(st.Hosts, saved.Host{ID: h.id, Name: h.name, Asset: h.asset, First: h.first, Last: h.last, Rare: s.places(h.rare)})
	}
	for _, r := range s.rules {
		st.Rules = append(st.Rules, saved.Rule{
			ID: r.id, Title: r.title, Prior: r.prior, Weight: r.weight, Hours: r.hours, Last: r.last, Right: r.right, Wrong: r.wrong,
		})
	}
	for p, t := range e.tallies {
		st.Tallies = append(st.Tallies, saved.Tally{Rule: s.ruleAt[p.rule], Host: s.hostAt[p.host], Hours: t.hours, Last: t.last, Count: t.count, Peak: t.peak})
	}
	slices.SortFunc(st.Tallies, func(a, b saved.Tally) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Host, b.Host))
	})
	for _, k := range s.keys {
		st.Keys = append(st.Keys, saved.Key{
			Kind: k.id.kind, Value: k.id.value, Host: k.id.host, Name: k.name, Generic: k.generic, Hub: k.hub, Dead: k.dead,
			Hosts: k.hosts, Known: k.known, Nodes: k.nodes, First: k.first, Last: k.last, Posting: s.places(k.posting),
		})
	}
	for g := e.list.next; g != &e.list; g = g.next {
		st.Groups = append(st.Groups, s.group(g))
	}
	for _, d := range s.edges {
		st.Edges = append(st.Edges, s.edge(d))
	}
	for _, g := range e.changed {
		if len(g.nodes) > 0 || g.told {
			st.Changed = append(st.Changed, g.id)
		}
	}
	return st
}

// places returns the indexes of those of the nodes that are still there.
func (s *saver) places(nodes []*node) []int {
	var at []int
	for _, n := range nodes {
		if n.group != nil {
			at = append(at, s.nodeAt[n])
		}
	}
	return at
}

func (s *saver) group(g *group) saved.Group {
	sg := saved.Group{ID: g.id, Aliases: g.aliases, Omitted: g.omitted, Touched: g.touched, Born: g.born, Told: g.told}
	for _, r := range g.related {
		sg.Related = append(sg.Related, [2]string{r.id, r.reason})
	}
	for _, j := range g.judged {
		sg.Judged = append(sg.Judged, saved.Judgement{Rule: s.ruleAt[j.rule], Right: j.right, Wrong: j.wrong})
	}
	for _, n := range g.nodes {
		sg.Nodes = append(sg.Nodes, s.node(n))
	}
	return sg
}

func (s *saver) node(n *node) saved.Node {
	sn := saved.Node{
		Serial: n.serial, Rule: s.ruleAt[n.rule], Host: s.hostAt[n.host], Severity: n.severity, Confirmed: n.confirmed,
		Hidden: n.hidden, First: n.first, Last: n.last, Count: n.count, Burst: n.burst, Text: n.text, Tactics: n.tactics, Methods: n.methods,
		Steps: n.steps, Repeat: n.repeat[:], OpenRepeat: s.e.repeats[n.repeat] == n,
	}
	if n.action != (digest{}) {
		sn.Action, sn.OpenAction = n.action[:], s.e.actions[n.action] == n
	}
	for _, r := range n.reports {
		sn.Reports = append(sn.Reports, saved.Report{ID: r.id, Count: r.count})
	}
	for _, r := range n.refs {
		sn.Refs = append(sn.Refs, saved.Ref{Key: s.keyAt[r.key], Role: r.role, Hops: r.hops})
	}
	for _, d := range n.edges {
		sn.Edges = append(sn.Edges, s.edgeAt[d])
	}
	return sn
}

func (s *saver) edge(d *edge) saved.Edge {
	se := saved.Edge{A: s.nodeAt[d.a], B: s.nodeAt[d.b], Strength: d.strength}
	for _, r := range d.reasons {
		at := -1
		if r.key != nil {
			at = s.keyAt[r.key]
		}
		se.Reasons = append(se.Reasons, saved.Reason{Kind: r.kind, Weight: r.weight, Key: at, Hops: r.hops})
	}
	return se
}
