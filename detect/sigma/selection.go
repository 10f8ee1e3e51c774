package sigma

import (
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
)

// maxGroups bounds the alternatives that a map becomes when pipelines make
// several fields of one.
const maxGroups = 256

// parseSelection reads a map, a list of maps, keywords, or a mixture.
func parseSelection(given *reading, key, n *document.Node) ([]Group, error) {
	switch n.Kind {
	case document.Map:
		return parseGroup(given, n)
	case document.Text, document.Null, document.Truth:
		return parseKeywords(given, key, n, []*document.Node{n})
	case document.List:
		return parseAlternatives(given, key, n)
	}
	return nil, document.At(n, "selection %q must be a map, a list of maps or a list of keywords", key.Text)
}

// parseGroup reads a map, which is one group unless pipelines make several
// fields of one of its.
func parseGroup(given *reading, n *document.Node) ([]Group, error) {
	groups := []Group{nil}
	err := document.EachPair(n, "a selection", func(key, value *document.Node) error {
		item, err := parseItem(given, key, value)
		if err != nil {
			return err
		}
		names, err := given.Fields(item.Field)
		if err == nil {
			groups, err = spread(groups, item, names)
		}
		if err == nil {
			err = given.pay(len(groups))
		}
		if err != nil {
			return document.At(key, "%s: %v", key.Text, err)
		}
		return nil
	})
	if err == nil && len(groups[0]) == 0 {
		err = document.At(n, "the selection is empty: every event would match")
	}
	return groups, err
}

// spread adds an item to every group, for each of the names that its field has:
// as alternatives or, where the item is negated, all together.
func spread(groups []Group, item Item, names []string) ([]Group, error) {
	var items []Group
	for _, name := range names {
		item.Field = name
		items = append(items, splitVariants(item))
	}
	if item.Negate {
		items = []Group{slices.Concat(items...)}
	}
	if len(groups)*len(items) > maxGroups {
		return nil, fmt.Errorf("the pipelines make more than %d alternatives of the selection: split it", maxGroups)
	}
	if len(items) == 1 {
		for i := range groups {
			groups[i] = append(groups[i], items[0]...)
		}
		return groups, nil
	}
	var all []Group
	for _, group := range groups {
		for _, more := range items {
			all = append(all, slices.Concat(group, more))
		}
	}
	return all, nil
}

// parseAlternatives reads a list: every map is one alternative, the plain
// texts together are another.
func parseAlternatives(given *reading, key, n *document.Node) ([]Group, error) {
	var groups []Group
	var keywords []*document.Node
	for _, c := range n.Items {
		switch c.Kind {
		case document.Map:
			more, err := parseGroup(given, c)
			if err != nil {
				return nil, err
			}
			groups = append(groups, more...)
		case document.Text, document.Null, document.Truth:
			keywords = append(keywords, c)
		default:
			return nil, document.At(c, "selection %q must be a list of maps or of keywords, not of lists", key.Text)
		}
	}
	if len(keywords) > 0 {
		more, err := parseKeywords(given, key, n, keywords)
		if err != nil {
			return nil, err
		}
		groups = append(groups, more...)
	}
	if len(groups) == 0 {
		return nil, document.At(n, "selection %q is an empty list", key.Text)
	}
	return groups, nil
}

func parseKeywords(given *reading, key, n *document.Node, words []*document.Node) ([]Group, error) {
	for _, w := range words {
		if w.Kind == document.Null || w.Text == "" {
			return nil, document.At(w, "selection %q has an empty keyword, which every event contains", key.Text)
		}
	}
	list := &document.Node{Kind: document.List, Line: n.Line, Items: words}
	item, err := parseItem(given, &document.Node{Line: n.Line}, list)
	return []Group{{item}}, err
}
