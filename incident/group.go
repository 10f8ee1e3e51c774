package incident

import (
	"cmp"
	"slices"

	"github.com/holdfast-security/holdfast/finding"
)

const (
	maxAliases = 64
	maxRelated = 8
	// maxWide is how many leaps may lie between two signals of an incident:
	// links of shared evidence to another host, or over more than half an
	// hour. Causes are no leaps: a long intrusion is a long chain of causes, a
	// giant made of coincidences is one of the rest.
	maxWide = 6
)

// group is a set of joined nodes: one signal alone, or an incident.
type group struct {
	id      string
	aliases []string // oldest first
	nodes   []*node  // by serial
	omitted uint64   // signals of nodes that were summed up
	related []relation
	judged  []judgement // each of another rule
	touched int64
	born    uint64 // serial of the first node it was made for
	told    bool   // the caller knows it
	dirty   bool   // it is in Engine.changed

	prev, next *group // in the order of the last signal
}

// relation is a join that was refused.
type relation struct {
	id     string
	reason string
}

const groupSize = 420

// single makes a group of one node.
func (e *Engine) single(n *node, id string) *group {
	g := &group{id: id, nodes: []*node{n}, born: n.serial, touched: e.now}
	n.group = g
	e.groups[id] = g
	e.bytes += groupSize
	e.list.prev.next, g.prev, g.next, e.list.prev = g, e.list.prev, &e.list, g
	return g
}

func (e *Engine) touch(g *group) {
	if g == nil {
		return
	}
	g.touched = e.now
	g.prev.next, g.next.prev = g.next, g.prev
	e.list.prev.next, g.prev, g.next, e.list.prev = g, e.list.prev, &e.list, g
}

// drop forgets a group with all its nodes.
func (e *Engine) drop(g *group) {
	for _, n := range g.nodes {
		for _, d := range n.edges {
			if d.a == n {
				e.unkeep(d)
			}
		}
		n.edges = nil
		e.release(n)
	}
	if g.told {
		e.mark(g)
	}
	e.remove(g)
}

// remove takes a group whose nodes are elsewhere, or gone, off the lists.
func (e *Engine) remove(g *group) {
	g.nodes = nil
	e.unjudge(g)
	g.prev.next, g.next.prev = g.next, g.prev
	delete(e.groups, g.id)
	for _, a := range g.aliases {
		if e.aliases[a] == g {
			delete(e.aliases, a)
		}
	}
	e.bytes -= groupSize
}

// join adds an edge: to two groups, which become one unless that is refused,
// or within one, where it may replace a weaker edge.
func (e *Engine) join(d *edge) {
	ga, gb := d.a.group, d.b.group
	if ga == gb {
		e.replace(d)
		return
	}
	wide := reach(d.a) + reach(d.b)
	if d.leap() {
		wide++
	}
	small := min(len(ga.nodes), len(gb.nodes))
	switch {
	case wide > maxWide:
		e.counters.RefusedWide++
		relate(ga, gb, "the chain of shared evidence between them is too long")
	case small > 1 && len(ga.nodes)+len(gb.nodes) > e.limits.Members:
		e.counters.RefusedLarge++
		relate(ga, gb, "together they have too many signals to be told as one")
	default:
		e.keep(d)
		e.merge(ga, gb)
	}
}

// relate notes that evidence points from each group at the other.
func relate(a, b *group, reason string) {
	note := func(g *group, id string) {
		known := slices.ContainsFunc(g.related, func(r relation) bool { return r.id == id })
		if !known && len(g.related) < maxRelated {
			g.related = append(g.related, relation{id, reason})
		}
	}
	note(a, b.id)
	note(b, a.id)
}

// merge moves the nodes of the younger group into the older one, which keeps
// its id; a group that people have seen is older than one they have not.
func (e *Engine) merge(a, b *group) {
	if cmp.Or(boolCompare(b.told, a.told), cmp.Compare(a.born, b.born)) > 0 {
		a, b = b, a
	}
	if len(b.nodes) > 1 {
		e.counters.Merges++
	}
	for _, n := range b.nodes {
		n.group = a
	}
	a.nodes = append(a.nodes, b.nodes...)
	slices.SortFunc(a.nodes, func(x, y *node) int { return cmp.Compare(x.serial, y.serial) })
	a.omitted += b.omitted
	for _, r := range b.related {
		if r.id != a.id && len(a.related) < maxRelated {
			a.related = append(a.related, r)
		}
	}
	a.related = slices.DeleteFunc(a.related, func(r relation) bool { return r.id == b.id })
	took := b.aliases
	if b.told {
		took = append(slices.Clone(took), b.id)
		e.mark(b)
	}
	for _, j := range b.judged {
		e.remember(a, j)
	}
	e.remove(b)
	e.alias(a, took)
	e.touch(a)
	e.mark(a)
	for len(a.nodes) > e.limits.Members {
		e.summarise(a)
	}
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// alias makes ids answer for g. The oldest ones are kept.
func (e *Engine) alias(g *group, ids []string) {
	for _, id := range ids {
		if len(g.aliases) < maxAliases {
			g.aliases = append(g.aliases, id)
			e.aliases[id] = g
		}
	}
}

// keep stores an edge.
func (e *Engine) keep(d *edge) {
	d.a.edges = append(d.a.edges, d)
	d.b.edges = append(d.b.edges, d)
	for _, r := range d.reasons {
		if r.key != nil {
			r.key.links++
		}
	}
	e.bytes += edgeSize
}

// unkeep accounts for an edge that is no longer stored.
func (e *Engine) unkeep(d *edge) {
	for _, r := range d.reasons {
		if r.key != nil {
			r.key.links--
		}
	}
	e.bytes -= edgeSize
}

// cutEdge takes a stored edge out.
func (e *Engine) cutEdge(d *edge) {
	is := func(o *edge) bool { return o == d }
	d.a.edges = slices.DeleteFunc(d.a.edges, is)
	d.b.edges = slices.DeleteFunc(d.b.edges, is)
	e.unkeep(d)
}

// replace puts d in the place of the weakest edge on the way between its ends,
// when d is stronger: what is kept stays a maximum spanning tree.
func (e *Engine) replace(d *edge) {
	weakest := weakestBetween(d.a, d.b, nil)
	if weakest != nil && weakest.strength < d.strength {
		e.cutEdge(weakest)
		e.keep(d)
	}
}

// weakestBetween returns the weakest edge on the way from n to target in the
// tree, nil where there is no way. Via is the edge that leads to n.
func weakestBetween(n, target *node, via *edge) *edge {
	for _, d := range n.edges {
		if d == via {
			continue
		}
		next := d.other(n)
		if next == target {
			return d
		}
		if below := weakestBetween(next, target, d); below != nil {
			if below.strength < d.strength {
				return below
			}
			return d
		}
	}
	return nil
}

// reach returns how many leaps lie between n and the node
// of its group that is furthest from it.
func reach(n *node) int { return reachFrom(n, nil) }

func reachFrom(n *node, via *edge) int {
	far := 0
	for _, d := range n.edges {
		if d == via {
			continue
		}
		steps := reachFrom(d.other(n), d)
		if d.leap() {
			steps++
		}
		far = max(far, steps)
	}
	return far
}

// summarise takes out the least telling node of a full group that nothing
// hangs on, and counts it. A flood of decoys so pushes out decoys.
func (e *Engine) summarise(g *group) {
	var least *node
	var worth float64
	for _, n := range g.nodes {
		if len(n.edges) > 1 {
			continue
		}
		if w := e.worth(n); least == nil || w < worth || w == worth && n.first > least.first {
			least, worth = n, w
		}
	}
	for _, d := range slices.Clone(least.edges) { // a tree has leaves
		e.cutEdge(d)
	}
	g.nodes = slices.DeleteFunc(g.nodes, func(n *node) bool { return n == least })
	g.omitted += least.count
	e.counters.Summarised++
	e.release(least)
}

// cutKey undoes what a key joined that has become a hub.
func (e *Engine) cutKey(k *key) {
	if k.links == 0 {
		return
	}
	for g := e.list.next; g != &e.list && k.links > 0; {
		next := g.next
		if slices.ContainsFunc(g.nodes, func(n *node) bool { return restsOn(n, k) }) {
			e.recompute(g)
		}
		g = next
	}
}

func restsOn(n *node, k *key) bool {
	return slices.ContainsFunc(n.edges, func(d *edge) bool {
		return slices.ContainsFunc(d.reasons, func(r reason) bool { return r.key == k })
	})
}

// Cut takes away what an entity joins in an incident, by its id, because
// somebody knows that the entity is common: everywhere and from now on it
// joins nothing. It returns the ids of what the incident fell into, the first
// of which keeps its id; nil where there is no such incident or entity.
func (e *Engine) Cut(id string, kind finding.EntityKind, value string) []string {
	g := e.find(id)
	if g == nil {
		return nil
	}
	var ids []string
	for _, n := range slices.Clone(g.nodes) {
		for _, r := range n.refs {
			if r.key.id.kind == kind && r.key.id.value == value && kind != kindMethod {
				r.key.generic = true
				if n.group == g {
					ids = e.recompute(g)
				}
				e.cutKey(r.key)
			}
		}
		if ids != nil {
			break
		}
	}
	return ids
}

// recompute joins the nodes of a group anew, with what binds now, and returns
// the ids of what it fell into. The part that tells most keeps the id, the
// aliases and what was summed up.
func (e *Engine) recompute(g *group) []string {
	nodes := g.nodes
	for _, n := range nodes {
		for _, d := range slices.Clone(n.edges) {
			e.cutEdge(d)
		}
	}
	g.nodes = nil
	for _, n := range nodes {
		e.single(n, e.freeID(n)).touched = g.touched
	}
	for i, n := range nodes {
		e.connect(n, nodes[:i])
	}
	var parts []*group
	for _, n := range nodes {
		if !slices.Contains(parts, n.group) {
			parts = append(parts, n.group)
		}
	}
	slices.SortStableFunc(parts, func(a, b *group) int {
		return cmp.Or(cmp.Compare(e.score(b).total, e.score(a).total), cmp.Compare(len(b.nodes), len(a.nodes)))
	})
	if len(parts) > 1 {
		e.counters.Splits++
	}
	e.inherit(g, parts[0])
	ids := []string{g.id}
	for _, p := range parts[1:] {
		ids = append(ids, p.id)
		e.mark(p)
	}
	e.mark(g)
	return ids
}

// inherit moves the nodes of a part back into the group that it was part of.
func (e *Engine) inherit(g, part *group) {
	g.nodes = part.nodes
	for _, n := range g.nodes {
		n.group = g
	}
	g.omitted += part.omitted
	part.aliases = nil
	e.remove(part)
}
