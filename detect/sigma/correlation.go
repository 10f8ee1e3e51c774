package sigma

import (
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds of a correlation.
const (
	maxCorrelated = 32
	maxGroupBy    = 8
	maxTimespan   = 31 * 24 * time.Hour
	maxCount      = 10_000
)

// parseCorrelation reads a correlation document's correlation map.
func parseCorrelation(n *yaml.Node) (*Correlation, error) {
	c := &Correlation{}
	var condition *yaml.Node
	err := eachPair(n, "correlation", func(key, value *yaml.Node) (err error) {
		switch key.Value {
		case "type":
			err = c.setType(value)
		case "rules":
			err = c.setRules(key, value)
		case "group-by":
			c.GroupBy, err = texts(key, value)
		case "timespan", "timeframe":
			c.Timespan, err = parseTimespan(value)
		case "aliases":
			err = c.setAliases(value)
		case "generate":
			if value.Tag != "!!bool" {
				return at(value, "generate is true or false")
			}
			c.Generate = value.Value == "true"
		case "condition":
			condition = value
		default:
			err = at(key, "a correlation has no %q: it has type, rules, group-by, timespan, aliases, condition and generate", key.Value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if condition != nil {
		if err := c.setCondition(condition); err != nil {
			return nil, err
		}
	}
	return c, c.check(n)
}

func (c *Correlation) setType(n *yaml.Node) error {
	switch t := CorrelationType(n.Value); t {
	case EventCount, ValueCount, Temporal, TemporalOrdered:
		c.Type = t
		return nil
	}
	return at(n, "correlation type %q is not supported: use event_count, value_count, temporal or temporal_ordered", n.Value)
}

func (c *Correlation) setRules(key, n *yaml.Node) (err error) {
	c.Rules, err = texts(key, n)
	c.Lines = []int{n.Line}
	if n.Kind == yaml.SequenceNode {
		c.Lines = nil
		for _, child := range n.Content {
			c.Lines = append(c.Lines, child.Line)
		}
	}
	return err
}

func (c *Correlation) setAliases(n *yaml.Node) error {
	c.Aliases = map[string]map[string]string{}
	return eachPair(n, "aliases", func(alias, fields *yaml.Node) error {
		byRule := map[string]string{}
		c.Aliases[alias.Value] = byRule
		return eachPair(fields, "an alias", func(rule, field *yaml.Node) error {
			if field.Kind != yaml.ScalarNode || field.Value == "" {
				return at(field, "alias %q needs the name of a field for rule %q", alias.Value, rule.Value)
			}
			byRule[rule.Value] = field.Value
			return nil
		})
	})
}

// parseTimespan reads a number with s, m, h, d or M (30 days).
func parseTimespan(n *yaml.Node) (time.Duration, error) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'M': 30 * 24 * time.Hour,
	}
	if text := n.Value; len(text) > 1 {
		count, err := strconv.ParseUint(text[:len(text)-1], 10, 31)
		unit, ok := units[text[len(text)-1]]
		if err == nil && ok && count > 0 && count <= uint64(maxTimespan/unit) {
			return time.Duration(count) * unit, nil
		}
	}
	return 0, at(n, "timespan %q is not a number with s, m, h or d of at most 31 days, for example 10m", n.Value)
}

// setCondition reads a map of bounds and, for value counts, the field.
func (c *Correlation) setCondition(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return at(n, "conditions over rule names are not supported: temporal types need every rule; leave condition out")
	}
	ops := map[string]Op{"lt": OpLess, "lte": OpLessEq, "gt": OpGreater, "gte": OpGreaterEq, "eq": OpMatch}
	return eachPair(n, "the condition of a correlation", func(key, value *yaml.Node) error {
		if key.Value == "field" {
			c.Field = value.Value
			return nil
		}
		op, ok := ops[key.Value]
		if !ok {
			return at(key, "the condition of a correlation has no %q: it has gt, gte, lt, lte, eq and field", key.Value)
		}
		count, err := strconv.Atoi(value.Value)
		if err != nil || count < 0 || count > maxCount {
			return at(value, "%s: %q is not a number from 0 to %d", key.Value, value.Value, maxCount)
		}
		c.Bounds = append(c.Bounds, Bound{op, count})
		return nil
	})
}

// check refuses correlations that lack a part or have one too many.
func (c *Correlation) check(n *yaml.Node) error {
	temporal := c.Type == Temporal || c.Type == TemporalOrdered
	switch {
	case c.Type == "":
		return at(n, "the correlation has no type")
	case len(c.Rules) == 0:
		return at(n, "the correlation names no rules")
	case len(c.Rules) > maxCorrelated:
		return at(n, "the correlation names more than %d rules", maxCorrelated)
	case len(c.GroupBy) > maxGroupBy:
		return at(n, "the correlation groups by more than %d fields", maxGroupBy)
	case c.Timespan == 0:
		return at(n, "the correlation has no timespan: add one, for example timespan: 10m")
	case temporal && len(c.Rules) < 2:
		return at(n, "a %s correlation joins at least two rules", c.Type)
	case temporal && len(c.Bounds) > 0:
		return at(n, "a %s correlation takes no count: leave condition out", c.Type)
	case !temporal && len(c.Bounds) == 0:
		return at(n, "the correlation has no condition: add one, for example condition: {gte: 10}")
	case c.Type == ValueCount && c.Field == "":
		return at(n, "value_count needs the field to count in its condition, for example condition: {field: User, gte: 5}")
	case c.Type != ValueCount && c.Field != "":
		return at(n, "a %s correlation counts no field: use value_count", c.Type)
	}
	return c.checkBounds(n)
}

// checkBounds refuses bounds that no count of at least one satisfies.
func (c *Correlation) checkBounds(n *yaml.Node) error {
	if len(c.Bounds) == 0 {
		return nil
	}
	for count := 1; count <= maxCount+1; count++ {
		if c.Holds(count) {
			return nil
		}
	}
	return at(n, "no count satisfies the condition of the correlation: %s", c.Bounds)
}

// Holds reports whether the count n satisfies every bound.
func (c *Correlation) Holds(n int) bool {
	for _, b := range c.Bounds {
		if !b.Holds(n) {
			return false
		}
	}
	return true
}

// String returns the bound in words, for example "at least 10".
func (b Bound) String() string {
	words := map[Op]string{
		OpLess: "fewer than", OpLessEq: "at most", OpGreater: "more than", OpGreaterEq: "at least", OpMatch: "exactly",
	}
	return fmt.Sprintf("%s %d", words[b.Op], b.N)
}
