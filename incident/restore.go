package incident

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/attack"
	"github.com/holdfast-security/holdfast/incident/evidence"
	"github.com/holdfast-security/holdfast/incident/saved"
)

// ErrSnapshot is wrapped by the errors of [Restore]: the bytes are no
// snapshot, or not a whole one. The way out is to begin with [New].
var ErrSnapshot = errors.New("not a snapshot of incidents")

// Restore returns an engine that goes on where the one went that the snapshot
// was taken of. Limits may differ: what does not fit is evicted, oldest first.
// Data is checked whole before anything of it is used, and not kept.
func Restore(data []byte, limits Limits) (*Engine, error) {
	e := New(limits)
	if int64(len(data)) > 8*e.limits.Bytes {
		return nil, fmt.Errorf("%w: %d bytes are more than the limits allow", ErrSnapshot, len(data))
	}
	var st saved.State
	if err := json.Unmarshal(data, &st); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if st.Version != snapshotVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrSnapshot, st.Version, snapshotVersion)
	}
	l := &loader{e: e, st: &st}
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	e.shrink()
	return e, nil
}

// loader turns a saved state into an engine's.
type loader struct {
	e     *Engine
	st    *saved.State
	hosts []*host
	rules []*rule
	keys  []*key
	nodes []*node
	edges []*edge
}

func (l *loader) load() error {
	e, st := l.e, l.st
	if !saved.Moment(st.Now) || !saved.Moment(st.Began) || !saved.Moment(st.Swept) {
		return errors.New("a clock is out of range")
	}
	e.now, e.began, e.swept, e.serial, e.counters = st.Now, st.Began, st.Swept, st.Serial, st.Counters
	if e.counters.Signals == 0 && len(st.Groups) > 0 {
		return errors.New("there are groups and no signals")
	}
	for _, part := range []func() error{l.loadHosts, l.loadRules, l.loadTallies, l.loadKeys, l.loadGroups, l.loadEdges, l.loadLists} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) loadHosts() error {
	for i, s := range l.st.Hosts {
		if s.ID == "" || l.e.hosts[s.ID] != nil || !saved.Bounded(evidence.MaxID, s.ID) || !saved.Bounded(evidence.MaxID, s.Name) ||
			s.Asset <= 0 || s.Asset > 10 || !saved.Moment(s.First) || !saved.Moment(s.Last) || len(s.Rare) > maxRare {
			return fmt.Errorf("host %d is impossible", i)
		}
		h := &host{id: s.ID, name: s.Name, asset: s.Asset, first: s.First, last: s.Last}
		l.hosts, l.e.hosts[s.ID] = append(l.hosts, h), h
		l.e.bytes += hostSize
	}
	return nil
}

func (l *loader) loadRules() error {
	for i, s := range l.st.Rules {
		if l.e.rules[s.ID] != nil || !saved.Bounded(evidence.MaxID, s.ID) || !saved.Bounded(evidence.MaxTitle, s.Title) || !saved.Moment(s.Last) ||
			!(s.Prior > 0 && s.Prior <= 1000) || !(s.Weight > 0 && s.Weight <= knownDays) ||
			!saved.Counted(s.Hours) || !saved.Counted(s.Right) || !saved.Counted(s.Wrong) {
			return fmt.Errorf("rule %d is impossible", i)
		}
		r := &rule{id: s.ID, title: s.Title, prior: s.Prior, weight: s.Weight, hours: s.Hours, last: s.Last, right: s.Right, wrong: s.Wrong}
		l.rules, l.e.rules[s.ID] = append(l.rules, r), r
		l.e.bytes += ruleSize
	}
	return nil
}

func (l *loader) loadTallies() error {
	for i, s := range l.st.Tallies {
		if !saved.Inside(s.Rule, l.rules) || !saved.Inside(s.Host, l.hosts) || !saved.Counted(s.Hours) || !saved.Counted(s.Count) || !saved.Counted(s.Peak) || s.Last < -2 || s.Last > 1<<32 {
			return fmt.Errorf("tally %d is impossible", i)
		}
		p := pair{l.rules[s.Rule], l.hosts[s.Host]}
		if l.e.tallies[p] != nil {
			return fmt.Errorf("tally %d is there twice", i)
		}
		l.e.tallies[p] = &tally{hours: s.Hours, last: s.Last, count: s.Count, peak: s.Peak}
		l.e.bytes += tallySize
	}
	return nil
}

func (l *loader) loadKeys() error {
	for i, s := range l.st.Keys {
		id := keyID{s.Kind, s.Value, s.Host}
		if s.Value == "" && s.Kind != kindMethod || !saved.Bounded(evidence.MaxID, s.Kind) || !saved.Bounded(evidence.MaxValue, s.Value, s.Name) || !saved.Bounded(evidence.MaxID, s.Host) ||
			!saved.Bounded(evidence.MaxID, s.Hosts...) || len(s.Hosts) > maxKeyHosts || len(s.Posting) > maxPosting || s.Known < 0 || s.Known > 1<<30 ||
			s.Nodes < 1 || s.Nodes > 1<<53 || !saved.Moment(s.First) || !saved.Moment(s.Last) || !s.Dead && l.e.keys[id] != nil {
			return fmt.Errorf("key %d is impossible", i)
		}
		k := &key{
			id: id, name: s.Name, generic: s.Generic, hub: s.Hub, dead: s.Dead, hosts: s.Hosts, known: s.Known, nodes: s.Nodes,
			first: s.First, last: s.Last,
		}
		l.keys = append(l.keys, k)
		if k.dead {
			continue
		}
		l.e.keys[id] = k
		l.e.pushKey(k)
		l.e.bytes += k.size()
		if id.kind != kindMethod {
			l.e.spreads.Move(0, k.spread())
		}
	}
	return nil
}

func (l *loader) loadGroups() error {
	for i, s := range l.st.Groups {
		if s.ID == "" || !saved.Bounded(evidence.MaxID, s.ID) || !saved.Bounded(evidence.MaxID, s.Aliases...) || len(s.Aliases) > maxAliases || l.e.find(s.ID) != nil ||
			len(s.Related) > maxRelated || len(s.Nodes) == 0 || !saved.Moment(s.Touched) {
			return fmt.Errorf("group %d is impossible", i)
		}
		g := &group{id: s.ID, omitted: s.Omitted, touched: s.Touched, born: s.Born, told: s.Told}
		for _, r := range s.Related {
			if !saved.Bounded(evidence.MaxText, r[0], r[1]) {
				return fmt.Errorf("group %d has an impossible relation", i)
			}
			g.related = append(g.related, relation{r[0], r[1]})
		}
		for j := range s.Nodes {
			if err := l.loadNode(g, &s.Nodes[j]); err != nil {
				return fmt.Errorf("node %d of group %d: %w", j, i, err)
			}
		}
		if err := l.loadJudged(g, s.Judged); err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
		l.enlist(g, s.Aliases)
	}
	return nil
}

func (l *loader) loadJudged(g *group, judged []saved.Judgement) error {
	for _, s := range judged {
		if !saved.Inside(s.Rule, l.rules) || !saved.Counted(s.Right) || !saved.Counted(s.Wrong) || len(g.judged) >= len(l.rules) {
			return errors.New("a judgement is impossible")
		}
		l.e.remember(g, judgement{l.rules[s.Rule], s.Right, s.Wrong})
	}
	return nil
}

func (l *loader) enlist(g *group, aliases []string) {
	e := l.e
	e.groups[g.id] = g
	e.bytes += groupSize
	e.list.prev.next, g.prev, g.next, e.list.prev = g, e.list.prev, &e.list, g
	e.alias(g, aliases)
}

func (l *loader) loadNode(g *group, s *saved.Node) error {
	switch {
	case !saved.Inside(s.Rule, l.rules) || !saved.Inside(s.Host, l.hosts):
		return errors.New("it is of no known rule and host")
	case !saved.Moment(s.First) || !saved.Moment(s.Last) || s.First > s.Last || s.Serial == 0 || s.Serial > l.e.serial:
		return errors.New("its times are impossible")
	case !(s.Burst >= 0 && s.Burst <= maxBurst):
		return errors.New("its burst is impossible")
	case len(g.nodes) > 0 && g.nodes[len(g.nodes)-1].serial >= s.Serial:
		return errors.New("it is out of order")
	case !saved.Bounded(evidence.MaxText, s.Text) || !saved.Bounded(evidence.MaxText, s.Steps...) || !saved.Bounded(evidence.MaxID, s.Tactics...) || !saved.Bounded(evidence.MaxID, s.Methods...) ||
		len(s.Steps) > evidence.MaxSteps || len(s.Tactics) > evidence.MaxTactics || len(s.Methods) > evidence.MaxMethods:
		return errors.New("a text is too long")
	case len(s.Reports) == 0 || len(s.Reports) > maxReports || len(s.Refs) > evidence.MaxEntities+evidence.MaxLineage+1:
		return errors.New("it has too many parts, or too few")
	case len(s.Repeat) != len(digest{}) || len(s.Action) != 0 && len(s.Action) != len(digest{}):
		return errors.New("a digest has the wrong length")
	}
	n := &node{
		serial: s.Serial, group: g, rule: l.rules[s.Rule], host: l.hosts[s.Host], severity: min(s.Severity, finding.High),
		confirmed: s.Confirmed, hidden: s.Hidden, first: s.First, last: s.Last, count: s.Count, burst: s.Burst, text: s.Text,
		tactics: s.Tactics, methods: s.Methods, steps: s.Steps, repeat: digest(s.Repeat),
	}
	for _, r := range s.Reports {
		if !saved.Bounded(evidence.MaxID, r.ID) {
			return errors.New("the id of an alert is too long")
		}
		n.reports = append(n.reports, report{r.ID, r.Count})
	}
	for _, r := range s.Refs {
		if !saved.Inside(r.Key, l.keys) || r.Role > evidence.RoleRan || r.Hops > evidence.MaxLineage {
			return errors.New("it refers to an impossible key")
		}
		n.refs = append(n.refs, ref{l.keys[r.Key], r.Role, r.Hops})
	}
	l.place(g, n, s)
	return nil
}

// place puts a checked node where the engine looks for it.
func (l *loader) place(g *group, n *node, s *saved.Node) {
	e := l.e
	g.nodes = append(g.nodes, n)
	l.nodes = append(l.nodes, n)
	n.host.nodes++
	n.rule.uses++
	e.bytes += n.size()
	if s.OpenRepeat {
		e.repeats[n.repeat] = n
	}
	if len(s.Action) > 0 {
		n.action = digest(s.Action)
		if s.OpenAction {
			e.actions[n.action] = n
		}
	}
}

// loadEdges holds the edges of every group to a tree: the engine walks them
// without looking back.
func (l *loader) loadEdges() error {
	above := make([]int, len(l.nodes)) // union-find
	for i := range above {
		above[i] = i
	}
	for i, s := range l.st.Edges {
		if !saved.Inside(s.A, l.nodes) || !saved.Inside(s.B, l.nodes) || l.nodes[s.A].group != l.nodes[s.B].group || !(s.Strength >= evidence.Threshold && s.Strength <= 1) {
			return fmt.Errorf("edge %d is impossible", i)
		}
		a, b := saved.Root(above, s.A), saved.Root(above, s.B)
		if a == b {
			return fmt.Errorf("edge %d closes a circle", i)
		}
		above[a] = b
		d := &edge{a: l.nodes[s.A], b: l.nodes[s.B], strength: s.Strength}
		if err := l.loadReasons(d, s.Reasons); err != nil {
			return fmt.Errorf("edge %d: %w", i, err)
		}
		l.edges = append(l.edges, d)
		l.e.bytes += edgeSize
	}
	if len(l.nodes)-len(l.edges) != len(l.st.Groups) {
		return errors.New("a group does not hang together")
	}
	return l.loadPlaces()
}

func (l *loader) loadReasons(d *edge, reasons []saved.Reason) error {
	if len(reasons) == 0 || len(reasons) > int(evidence.Classes) {
		return errors.New("it has no reason, or too many")
	}
	for _, s := range reasons {
		r := reason{kind: s.Kind, weight: s.Weight, hops: s.Hops}
		bare := s.Kind == finding.LinkHost || s.Kind == finding.LinkRarity || s.Kind == finding.LinkOrder
		if !bare && !attack.Causal(s.Kind) && s.Kind != finding.LinkShared && s.Kind != finding.LinkMethod || !(s.Weight >= 0 && s.Weight <= 1) {
			return fmt.Errorf("a reason of kind %.40q is unknown", s.Kind)
		}
		if bare != (s.Key < 0) || !bare && !saved.Inside(s.Key, l.keys) {
			return errors.New("a reason has an impossible key")
		}
		if !bare {
			r.key = l.keys[s.Key]
			r.key.links++
		}
		d.reasons = append(d.reasons, r)
	}
	return nil
}

// loadPlaces gives every node its edges, in their order.
func (l *loader) loadPlaces() error {
	i := 0
	for _, g := range l.st.Groups {
		for _, s := range g.Nodes {
			n := l.nodes[i]
			i++
			for _, at := range s.Edges {
				if !saved.Inside(at, l.edges) || l.edges[at].a != n && l.edges[at].b != n {
					return errors.New("a node has somebody else's edge")
				}
				n.edges = append(n.edges, l.edges[at])
			}
		}
	}
	ends := make(map[*edge]int)
	for _, n := range l.nodes {
		own := make(map[*edge]bool)
		for _, d := range n.edges {
			if own[d] {
				return errors.New("a node has an edge twice")
			}
			own[d] = true
			ends[d]++
		}
	}
	for _, d := range l.edges {
		if ends[d] != 2 {
			return errors.New("an edge hangs loose")
		}
	}
	return nil
}

// loadLists fills in what refers to nodes and groups.
func (l *loader) loadLists() error {
	for i, s := range l.st.Hosts {
		nodes, err := l.refer(s.Rare)
		if err != nil {
			return err
		}
		l.hosts[i].rare = nodes
	}
	for i, s := range l.st.Keys {
		nodes, err := l.refer(s.Posting)
		if err != nil {
			return err
		}
		l.keys[i].posting = nodes
	}
	for _, id := range l.st.Changed {
		g := l.e.groups[id]
		if g == nil { // it is gone, and the caller has to hear of it
			if !saved.Bounded(evidence.MaxID, id) {
				return errors.New("the id of a changed incident is too long")
			}
			g = &group{id: id, told: true}
		}
		l.e.mark(g)
	}
	return nil
}

func (l *loader) refer(places []int) ([]*node, error) {
	var nodes []*node
	for _, at := range places {
		if !saved.Inside(at, l.nodes) {
			return nil, errors.New("a list refers to no node")
		}
		nodes = append(nodes, l.nodes[at])
	}
	return nodes, nil
}
