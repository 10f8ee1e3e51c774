package document

import "slices"

// collection turns the documents of a file into rules' documents by the
// actions of rule collections: what follows `action: global` is part of every
// detection after it until `action: reset`, and `action: repeat` is the
// detection before it with changes.
type collection struct {
	global *Node // or nil
	last   *Node // the detection before, or nil
	budget int   // of values that all documents may have together
	named  bool  // the id and name of global were given to a rule
}

// next returns the rule that a document makes, nil where it makes none.
func (c *collection) next(doc *Node) (*Node, error) {
	if doc.Kind != Map {
		return doc, nil
	}
	action := doc.Of("action")
	switch {
	case action == nil && (c.global == nil || doc.Of("correlation") != nil || doc.Of("filter") != nil):
		c.last = doc
		return doc, nil
	case action == nil:
		return c.fromGlobal(doc)
	case action.Text == "global":
		c.global, c.last, c.named = without(doc, "action"), nil, false
		return nil, nil
	case action.Text == "reset":
		c.global, c.last = nil, nil
		return nil, nil
	case action.Text == "repeat":
		return c.repeat(doc, action)
	}
	return nil, At(action, "action %q is none of a collection: use global, reset or repeat", action.Text)
}

// fromGlobal joins a document with the global one, whose id and name the first
// such rule gets: they name one rule only.
func (c *collection) fromGlobal(doc *Node) (*Node, error) {
	global := c.global
	if c.named {
		global = without(global, "id", "name")
	}
	c.named = true
	joined, err := join(global, doc, false)
	c.last = joined
	return c.charge(joined, err)
}

func (c *collection) repeat(doc, action *Node) (*Node, error) {
	before := c.last
	if before == nil {
		before = c.global
	}
	if before == nil {
		return nil, At(action, "action: repeat needs a rule before it in the same file")
	}
	joined, err := join(without(before, "id", "name"), without(doc, "action"), true)
	c.last = joined
	return c.charge(joined, err)
}

// charge refuses collections that unfold to more than a file may hold.
func (c *collection) charge(n *Node, err error) (*Node, error) {
	if err != nil {
		return nil, err
	}
	if c.budget -= size(n); c.budget < 0 {
		return nil, tooMany(n)
	}
	return n, nil
}

// size returns the number of values of a tree.
func size(n *Node) int {
	total := 1
	for _, item := range n.Items {
		total += size(item)
	}
	return total
}

// without returns a map without some keys.
func without(n *Node, keys ...string) *Node {
	rest := *n
	rest.Items = nil
	for i := 0; i+1 < len(n.Items); i += 2 {
		if !slices.Contains(keys, n.Items[i].Text) {
			rest.Items = append(rest.Items, n.Items[i], n.Items[i+1])
		}
	}
	return &rest
}

// join returns base with what more has, map by map. Where both have another
// value for a key, more's replaces it or, without replace, that is an error.
func join(base, more *Node, replace bool) (*Node, error) {
	joined := *more
	joined.Items = slices.Clone(base.Items)
	places := make(map[string]int, len(base.Items)/2)
	for i := 0; i+1 < len(base.Items); i += 2 {
		places[base.Items[i].Text] = i
	}
	for i := 0; i+1 < len(more.Items); i += 2 {
		key, value := more.Items[i], more.Items[i+1]
		place, both := places[key.Text]
		if !both {
			joined.Items = append(joined.Items, key, value)
			continue
		}
		one, err := joinValues(key, joined.Items[place+1], value, replace)
		if err != nil {
			return nil, err
		}
		joined.Items[place], joined.Items[place+1] = key, one
	}
	return &joined, nil
}

func joinValues(key, old, value *Node, replace bool) (*Node, error) {
	same := old.Scalar() && value.Scalar() && old.Text == value.Text
	switch {
	case old.Kind == Map && value.Kind == Map:
		return join(old, value, replace)
	case replace || same:
		return value, nil
	}
	return nil, At(key, "the global document has %s, too, with another value (line %d): leave it out in one of them", key.Text, old.Line)
}
