package incident

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
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
func (e *Engine) WriteSnapshot(w io.Writer) error { return WriteFrozen(e.Freeze(), w) }

// WriteFrozen writes a state as [Engine.Snapshot] returns it.
func WriteFrozen(st *saved.State, w io.Writer) error {
	if err := st.Write(w); err != nil {
		return fmt.Errorf("write the state of incidents: %w", err)
	}
	return nil
}

// Freeze returns the engine's state as it is now. That takes a fraction of what
// writing it takes, and the engine may go on, in another goroutine, while it is
// written: what they have in common never changes.
func (e *Engine) Freeze() *saved.State {
	s := newSaver(e)
	return s.state()
}

// saver gives everything its place in the state.
type saver struct {
	e     *Engine
	hosts []*host
	rules []*rule
	keys  []*key
	nodes int
	edges []*edge
	dead  map[*key]bool // of those, that were forgotten
}

func newSaver(e *Engine) *saver {
	s := &saver{e: e, keys: make([]*key, 0, len(e.keys)), dead: make(map[*key]bool)}
	s.hosts = slices.SortedFunc(maps.Values(e.hosts), func(a, b *host) int { return cmp.Compare(a.id, b.id) })
	s.rules = slices.SortedFunc(maps.Values(e.rules), func(a, b *rule) int { return cmp.Compare(a.id, b.id) })
	for i, h := range s.hosts {
		h.place = i
	}
	for i, r := range s.rules {
		r.place = i
	}
	for k := e.keyList.next; k != &e.keyList; k = k.next {
		k.place = len(s.keys)
		s.keys = append(s.keys, k)
	}
	for g := e.list.next; g != &e.list; g = g.next {
		for _, n := range g.nodes {
			s.addNode(n)
		}
	}
	return s
}

func (s *saver) addNode(n *node) {
	n.place = s.nodes
	s.nodes++
	for _, r := range n.refs {
		s.addKey(r.key)
	}
	for _, d := range n.edges {
		if d.a != n {
			continue // the other end's
		}
		d.place = len(s.edges)
		s.edges = append(s.edges, d)
		for _, r := range d.reasons {
			s.addKey(r.key)
		}
	}
}

// addKey gives a key a place that was forgotten: the others have one.
func (s *saver) addKey(k *key) {
	if k != nil && k.dead && !s.dead[k] {
		s.dead[k] = true
		k.place = len(s.keys)
		s.keys = append(s.keys, k)
	}
}

func (s *saver) state() *saved.State {
	e := s.e
	st := &saved.State{
		Version: snapshotVersion, Now: e.now, Began: e.began, Swept: e.swept, Serial: e.serial, Counters: e.counters,
		Tallies: make([]saved.Tally, 0, len(e.tallies)), Keys: make([]saved.Key, 0, len(s.keys)),
		Groups: make([]saved.Group, 0, len(e.groups)), Edges: make([]saved.Edge, 0, len(s.edges)),
	}
	for _, h := range s.hosts {
		st.Hosts = append(st.Hosts, saved.Host{ID: h.id, Name: h.name, Asset: h.asset, First: h.first, Last: h.last, Rare: places(h.rare)})
	}
	for _, r := range s.rules {
		st.Rules = append(st.Rules, saved.Rule{
			ID: r.id, Title: r.title, Prior: r.prior, Weight: r.weight, Hours: r.hours, Last: r.last, Right: r.right, Wrong: r.wrong,
		})
	}
	for p, t := range e.tallies {
		st.Tallies = append(st.Tallies, saved.Tally{
			Rule: p.rule.place, Host: p.host.place, Hours: t.hours, Last: t.last, Count: t.count, Peak: t.peak,
		})
	}
	for _, k := range s.keys {
		st.Keys = append(st.Keys, saved.Key{
			Kind: k.id.kind, Value: k.id.value, Host: k.id.host, Name: k.name, Generic: k.generic, Hub: k.hub, Dead: k.dead,
			Hosts: k.hosts, Known: k.known, Nodes: k.nodes, First: k.first, Last: k.last, Posting: places(k.posting),
		})
	}
	for g := e.list.next; g != &e.list; g = g.next {
		st.Groups = append(st.Groups, s.group(g))
	}
	for _, d := range s.edges {
		st.Edges = append(st.Edges, savedEdge(d))
	}
	for _, g := range e.changed {
		if len(g.nodes) > 0 || g.told {
			st.Changed = append(st.Changed, g.id)
		}
	}
	return st
}

// places returns the indexes of those of the nodes that are still there.
func places(nodes []*node) []int {
	if len(nodes) == 0 {
		return nil
	}
	at := make([]int, 0, len(nodes))
	for _, n := range nodes {
		if n.group != nil {
			at = append(at, n.place)
		}
	}
	return at
}

func (s *saver) group(g *group) saved.Group {
	sg := saved.Group{
		ID: g.id, Aliases: g.aliases, Omitted: g.omitted, Touched: g.touched, Born: g.born, Told: g.told,
		Nodes: make([]saved.Node, 0, len(g.nodes)),
	}
	for _, r := range g.related {
		sg.Related = append(sg.Related, [2]string{r.id, r.reason})
	}
	for _, j := range g.judged {
		sg.Judged = append(sg.Judged, saved.Judgement{Rule: j.rule.place, Right: j.right, Wrong: j.wrong})
	}
	for _, n := range g.nodes {
		sg.Nodes = append(sg.Nodes, s.node(n))
	}
	return sg
}

func (s *saver) node(n *node) saved.Node {
	sn := saved.Node{
		Serial: n.serial, Rule: n.rule.place, Host: n.host.place, Severity: n.severity, Confirmed: n.confirmed,
		Hidden: n.hidden, First: n.first, Last: n.last, Count: n.count, Burst: n.burst, Text: n.text, Tactics: n.tactics, Methods: n.methods,
		Steps: n.steps, Repeat: n.repeat[:], OpenRepeat: s.e.repeats[n.repeat] == n,
	}
	if n.action != (digest{}) {
		sn.Action, sn.OpenAction = n.action[:], s.e.actions[n.action] == n
	}
	sn.Reports = make([]saved.Report, 0, len(n.reports))
	for _, r := range n.reports {
		sn.Reports = append(sn.Reports, saved.Report{ID: r.id, Count: r.count})
	}
	sn.Refs = make([]saved.Ref, 0, len(n.refs))
	for _, r := range n.refs {
		sn.Refs = append(sn.Refs, saved.Ref{Key: r.key.place, Role: r.role, Hops: r.hops})
	}
	for _, d := range n.edges {
		sn.Edges = append(sn.Edges, d.place)
	}
	return sn
}

func savedEdge(d *edge) saved.Edge {
	se := saved.Edge{A: d.a.place, B: d.b.place, Strength: d.strength, Reasons: make([]saved.Reason, 0, len(d.reasons))}
	for _, r := range d.reasons {
		at := -1
		if r.key != nil {
			at = r.key.place
		}
		se.Reasons = append(se.Reasons, saved.Reason{Kind: r.kind, Weight: r.weight, Key: at, Hops: r.hops})
	}
	return se
}
