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
		c.part.program = append(c.part.program, instruction{n.predicate, yes, no})
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
