package detect

import (
	"cmp"
	"slices"
)

// This file writes conditions as programs.

// emit writes the program of a tree that goes on at yes or no, and returns
// where it starts. Parts come first that settle the matter at little cost.
func (c *compiler) emit(n *node, yes, no int32) int32 {
	if n.op == leafNode {
		if n.negated {
			yes, no = no, yes
		}
		in := c.instruction(n.predicate)
		in.yes, in.no = yes, no
		c.part.program = append(c.part.program, in)
		return int32(len(c.part.program) - 1)
	}
	next := yes
	if n.op == orNode {
		next = no
	}
	for _, part := range slices.Backward(c.sorted(n)) {
		if n.op == andNode {
			next = c.emit(part, next, no)
		} else {
			next = c.emit(part, yes, next)
		}
	}
	return next
}

// instruction returns the test of a predicate. What the passes over all
// documents answer is looked up directly.
func (c *compiler) instruction(number int32) instruction {
	p := &c.part.predicates[number]
	if p.kind != anyLiteral && p.kind != anyOfGroup || !allWatched(p) {
		return instruction{op: testPredicate, what: number}
	}
	if p.kind == anyOfGroup {
		return instruction{op: seenGroup, what: int32(c.part.base.groups) + p.group}
	}
	from := int32(len(c.part.lists))
	for _, set := range p.literals {
		for _, lit := range set.literals {
			c.part.lists = append(c.part.lists, int32(c.part.base.literals)+lit)
		}
	}
	if to := int32(len(c.part.lists)); to != from+1 {
		return instruction{op: seenAny, what: from, end: to}
	}
	in := instruction{op: seenOne, what: c.part.lists[from]}
	c.part.lists = c.part.lists[:from]
	return in
}

// estimate is what the evaluation of a tree takes, in nanoseconds or so, and
// how likely the tree holds.
type estimate struct{ cost, holds float64 }

// sorted returns the parts of a node in the order of their evaluation: by what
// each takes for the chance that it ends the evaluation.
func (c *compiler) sorted(n *node) []*node {
	price := make(map[*node]float64, len(n.parts))
	for _, part := range n.parts {
		e := c.estimate(part)
		if n.op == andNode {
			e.holds = 1 - e.holds
		}
		price[part] = e.cost / max(e.holds, 0.01)
	}
	parts := slices.Clone(n.parts)
	slices.SortStableFunc(parts, func(a, b *node) int { return cmp.Compare(price[a], price[b]) })
	return parts
}

func (c *compiler) estimate(n *node) estimate {
	if n.op == leafNode {
		e := c.estimateLeaf(&c.part.predicates[n.predicate])
		if n.negated {
			e.holds = 1 - e.holds
		}
		return e
	}
	cost, goesOn := 0.0, 1.0
	for _, part := range c.sorted(n) {
		e := c.estimate(part)
		cost += goesOn * e.cost
		if n.op == andNode {
			goesOn *= e.holds
		} else {
			goesOn *= 1 - e.holds
		}
	}
	if n.op == orNode {
		goesOn = 1 - goesOn
	}
	return estimate{cost, goesOn}
}

func (c *compiler) estimateLeaf(p *predicate) estimate {
	switch p.kind {
	case anyLiteral, anyOfGroup:
		e := estimate{cost: 3}
		for _, set := range p.literals {
			e.cost += float64(c.tierCost(set.scanner) + len(set.literals)/2)
		}
		e.holds = min(p.weight, 0.9)
		return e
	case matchesGlob:
		return estimate{50, 0.5}
	case matchesRegexp:
		return estimate{1500, 0.5}
	case matchesValue, equalsField:
		return estimate{100, 0.5}
	}
	return estimate{5, 0.5}
}
