package incident

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// snapshotVersion changes when an older program could not read a snapshot as
// it was meant.
const snapshotVersion = 1

// The state in the form in which it is written: pointers become indexes, into
// the hosts and rules, the keys, and the nodes of all groups one after the
// other. Lists are in an order that matters to the engine, or sorted.
type (
	savedState struct {
		Version  int          `json:"version"`
		Now      int64        `json:"now"`
		Began    int64        `json:"began"`
		Swept    int64        `json:"swept"`
		Serial   uint64       `json:"serial"`
		Counters Counters     `json:"counters"`
		Hosts    []savedHost  `json:"hosts"`
		Rules    []savedRule  `json:"rules"`
		Tallies  []savedTally `json:"tallies"`
		Keys     []savedKey   `json:"keys"`   // by last use, then forgotten ones
		Groups   []savedGroup `json:"groups"` // by last signal
		Edges    []savedEdge  `json:"edges"`
		Changed  []string     `json:"changed"`
	}
	savedHost struct {
		ID    event.HostID `json:"id"`
		Name  string       `json:"name,omitempty"`
		Asset float64      `json:"asset"`
		First int64        `json:"first"`
		Last  int64        `json:"last"`
		Rare  []int        `json:"rare,omitempty"`
	}
	savedRule struct {
		ID     string  `json:"id"`
		Title  string  `json:"title,omitempty"`
		Prior  float64 `json:"prior"`
		Weight float64 `json:"weight"`
		Hours  float64 `json:"hours"`
		Last   int64   `json:"last"`
		Right  float64 `json:"right,omitempty"`
		Wrong  float64 `json:"wrong,omitempty"`
	}
	savedTally struct {
		Rule  int     `json:"r"`
		Host  int     `json:"h"`
		Hours float64 `json:"n"`
		Last  int64   `json:"t"`
	}
	savedKey struct {
		Kind    finding.EntityKind `json:"kind"`
		Value   string             `json:"value"`
		Host    event.HostID       `json:"host,omitempty"`
		Name    string             `json:"name,omitempty"`
		Generic bool               `json:"generic,omitempty"`
		Hub     bool               `json:"hub,omitempty"`
		Dead    bool               `json:"dead,omitempty"`
		Hosts   []event.HostID     `json:"hosts,omitempty"`
		Known   int                `json:"known,omitempty"`
		Nodes   int                `json:"nodes"`
		First   int64              `json:"first"`
		Last    int64              `json:"last"`
		Posting []int              `json:"posting,omitempty"`
	}
	savedGroup struct {
		ID      string      `json:"id"`
		Aliases []string    `json:"aliases,omitempty"`
		Omitted uint64      `json:"omitted,omitempty"`
		Related [][2]string `json:"related,omitempty"`
		Touched int64       `json:"touched"`
		Born    uint64      `json:"born"`
		Told    bool        `json:"told,omitempty"`
		Nodes   []savedNode `json:"nodes"`
	}
	savedNode struct {
		Serial     uint64              `json:"serial"`
		Rule       int                 `json:"rule"`
		Host       int                 `json:"host"`
		Severity   finding.Severity    `json:"severity"`
		Confirmed  bool                `json:"confirmed,omitempty"`
		Hidden     bool                `json:"hidden,omitempty"`
		First      int64               `json:"first"`
		Last       int64               `json:"last"`
		Count      uint64              `json:"count"`
		Text       string              `json:"text,omitempty"`
		Tactics    []finding.Tactic    `json:"tactics,omitempty"`
		Methods    []finding.Technique `json:"methods,omitempty"`
		Steps      []string            `json:"steps,omitempty"`
		Reports    []savedReport       `json:"reports"`
		Refs       []savedRef          `json:"refs,omitempty"`
		Edges      []int               `json:"edges,omitempty"`
		Repeat     []byte              `json:"repeat"`
		Action     []byte              `json:"action,omitempty"`
		OpenRepeat bool                `json:"open_repeat,omitempty"`
		OpenAction bool                `json:"open_action,omitempty"`
	}
	savedReport struct {
		ID    string `json:"id"`
		Count uint32 `json:"n"`
	}
	savedRef struct {
		Key  int   `json:"k"`
		Role Role  `json:"r,omitempty"`
		Hops uint8 `json:"h,omitempty"`
	}
	savedEdge struct {
		A        int           `json:"a"`
		B        int           `json:"b"`
		Strength float64       `json:"s"`
		Reasons  []savedReason `json:"why"`
	}
	savedReason struct {
		Kind   finding.LinkKind `json:"kind"`
		Weight float64          `json:"w"`
		Key    int              `json:"k"` // -1 for none
		Hops   uint8            `json:"h,omitempty"`
	}
)

// Snapshot returns the engine's state, for [Restore]. The same state gives the
// same bytes.
func (e *Engine) Snapshot() ([]byte, error) {
	s := newSaver(e)
	data, err := json.Marshal(s.state())
	if err != nil {
		return nil, fmt.Errorf("encode the state of incidents: %w", err)
	}
	return data, nil
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

func (s *saver) state() savedState {
	e := s.e
	st := savedState{
		Version: snapshotVersion, Now: e.now, Began: e.began, Swept: e.swept, Serial: e.serial, Counters: e.counters,
	}
	for _, h := range s.hosts {
		st.Hosts = append(st.Hosts, savedHost{h.id, h.name, h.asset, h.first, h.last, s.places(h.rare)})
	}
	for _, r := range s.rules {
		st.Rules = append(st.Rules, savedRule{r.id, r.title, r.prior, r.weight, r.hours, r.last, r.right, r.wrong})
	}
	for p, t := range e.tallies {
		st.Tallies = append(st.Tallies, savedTally{s.ruleAt[p.rule], s.hostAt[p.host], t.hours, t.last})
	}
	slices.SortFunc(st.Tallies, func(a, b savedTally) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Host, b.Host))
	})
	for _, k := range s.keys {
		st.Keys = append(st.Keys, savedKey{
			k.id.kind, k.id.value, k.id.host, k.name, k.generic, k.hub, k.dead, k.hosts, k.known, k.nodes, k.first, k.last,
			s.places(k.posting),
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

func (s *saver) group(g *group) savedGroup {
	sg := savedGroup{ID: g.id, Aliases: g.aliases, Omitted: g.omitted, Touched: g.touched, Born: g.born, Told: g.told}
	for _, r := range g.related {
		sg.Related = append(sg.Related, [2]string{r.id, r.reason})
	}
	for _, n := range g.nodes {
		sg.Nodes = append(sg.Nodes, s.node(n))
	}
	return sg
}

func (s *saver) node(n *node) savedNode {
	sn := savedNode{
		Serial: n.serial, Rule: s.ruleAt[n.rule], Host: s.hostAt[n.host], Severity: n.severity, Confirmed: n.confirmed,
		Hidden: n.hidden, First: n.first, Last: n.last, Count: n.count, Text: n.text, Tactics: n.tactics, Methods: n.methods,
		Steps: n.steps, Repeat: n.repeat[:], OpenRepeat: s.e.repeats[n.repeat] == n,
	}
	if n.action != (digest{}) {
		sn.Action, sn.OpenAction = n.action[:], s.e.actions[n.action] == n
	}
	for _, r := range n.reports {
		sn.Reports = append(sn.Reports, savedReport{r.id, r.count})
	}
	for _, r := range n.refs {
		sn.Refs = append(sn.Refs, savedRef{s.keyAt[r.key], r.role, r.hops})
	}
	for _, d := range n.edges {
		sn.Edges = append(sn.Edges, s.edgeAt[d])
	}
	return sn
}

func (s *saver) edge(d *edge) savedEdge {
	se := savedEdge{A: s.nodeAt[d.a], B: s.nodeAt[d.b], Strength: d.strength}
	for _, r := range d.reasons {
		at := -1
		if r.key != nil {
			at = s.keyAt[r.key]
		}
		se.Reasons = append(se.Reasons, savedReason{r.kind, r.weight, at, r.hops})
	}
	return se
}
