package detect

import (
	"cmp"
	"maps"
	"slices"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// This file chooses the literals for which rules are evaluated.

// witness returns literals of which one is there whenever the tree holds, with
// the least sum of weights that was found, or false if there are none. Literals
// of banned scanners are left out of account.
func (c *compiler) witness(n *node) (literals []int32, sum float64, ok bool) {
	switch n.op {
	case leafNode:
		if n.negated || len(n.needs) == 0 {
			return nil, 0, false
		}
		for _, lit := range n.needs {
			if c.banned[c.watchKey(lit)] || c.weights[lit] >= tooOften {
				return nil, 0, false
			}
			sum += c.weights[lit]
		}
		return n.needs, sum, true
	case andNode:
		for _, part := range n.parts {
			if l, s, found := c.witness(part); found && (!ok || s < sum) {
				literals, sum, ok = l, s, true
			}
		}
		return literals, sum, ok
	}
	for _, part := range n.parts {
		l, s, found := c.witness(part)
		if !found {
			return nil, 0, false
		}
		literals, sum = append(literals[:len(literals):len(literals)], l...), sum+s
	}
	return literals, sum, len(n.parts) > 0
}

func (c *compiler) watchKey(lit int32) scannerKey {
	return scannerKey{c.literals[lit].field, c.literals[lit].place, watched}
}

// witnessed is the witnesses of a rule and what its evaluations cost for each
// document.
type witnessed struct {
	literals []int32
	cost     float64
}

// alwaysCost is the cost of a rule without witnesses, which, beside its
// evaluation, makes scanners run that are not watched.
const alwaysCost = 3

// tooOften is the estimate from which on a literal is no use as a witness.
const tooOften = 0.7

func (c *compiler) witnessOf(root *node) witnessed {
	literals, sum, ok := c.witness(root)
	if !ok || sum >= alwaysCost {
		return witnessed{nil, alwaysCost}
	}
	return witnessed{literals, sum}
}

// chooseWitnesses gives every rule the rarest witnesses, and then gives up
// scanners that serve few rules where others serve these nearly as well.
func (c *compiler) chooseWitnesses() []witnessed {
	chosen := make([]witnessed, len(c.pending))
	users := make(map[scannerKey][]int)
	use := func(i int) {
		for _, lit := range chosen[i].literals {
			if key := c.watchKey(lit); !slices.Contains(users[key], i) {
				users[key] = append(users[key], i)
			}
		}
	}
	for i, pending := range c.pending {
		chosen[i] = c.witnessOf(pending.root)
		use(i)
	}
	keys := slices.SortedFunc(maps.Keys(users), func(a, b scannerKey) int {
		return cmp.Or(len(users[a])-len(users[b]), int(a.field-b.field), int(a.place)-int(b.place))
	})
	for _, key := range keys {
		for i, without := range c.without(key, users[key], chosen) {
			chosen[i] = without
			use(i)
		}
	}
	return chosen
}

// without bans a scanner and returns what its users choose then, or takes the
// ban back and returns nothing if they would cost more than the scanner.
func (c *compiler) without(key scannerKey, users []int, chosen []witnessed) map[int]witnessed {
	c.banned[key] = true
	saved := runCost[key.place]
	changed := make(map[int]witnessed)
	for _, i := range users {
		if saved < 0 {
			break
		}
		changed[i] = c.witnessOf(c.pending[i].root)
		saved -= changed[i].cost - chosen[i].cost
	}
	if saved < 0 {
		delete(c.banned, key)
		return nil
	}
	return changed
}

// runCost is what running a scanner takes, in evaluations of a rule.
var runCost = map[sigma.Place]float64{
	sigma.PlaceWhole: 0.3, sigma.PlaceStart: 0.5, sigma.PlaceEnd: 0.5, sigma.PlaceAnywhere: 2,
}

// enter makes a rule a candidate wherever one of its witnesses is found.
func (c *compiler) enter(local int32, w witnessed) {
	if w.literals == nil {
		c.part.always = append(c.part.always, local)
		return
	}
	literals := slices.Clone(w.literals)
	slices.Sort(literals)
	for _, lit := range slices.Compact(literals) {
		c.witnesses[lit] = true
		c.rulesOf[lit] = append(c.rulesOf[lit], local)
	}
}

// often is from which share of documents on a rule is evaluated often.
const often = 0.02

// expect notes the literals that the evaluation of a tree asks for, unless they
// turn up so often that it costs less to ask.
func (c *compiler) expect(n *node) {
	for _, lit := range n.needs {
		c.expected[lit] = c.expected[lit] || c.weights[lit] < seldom
	}
	for _, part := range n.parts {
		c.expect(part)
	}
}

// seldom is the estimate up to which a literal is looked for beforehand.
const seldom = 0.1

// weighWhole corrects the weights of whole values. A field with many different
// ones in rules has many others, too, and each of them is rare.
func (c *compiler) weighWhole() {
	different := make(map[FieldID]int)
	for _, lit := range c.literals {
		if lit.place == sigma.PlaceWhole {
			different[lit.field]++
		}
	}
	for i, lit := range c.literals {
		if n := different[lit.field]; lit.place == sigma.PlaceWhole && n > fewValues {
			c.weights[i] = min(c.weights[i], 3/float64(n))
		}
	}
}

// fewValues is up to how many values in rules a field may have hardly others.
const fewValues = 30
