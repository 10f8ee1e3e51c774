package sigma

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
)

// CorrelationType is how a correlation joins events.
type CorrelationType string

// The correlation types.
const (
	EventCount      CorrelationType = "event_count"      // number of events
	ValueCount      CorrelationType = "value_count"      // number of distinct values of fields
	ValueSum        CorrelationType = "value_sum"        // sum of a field's numbers
	ValueAvg        CorrelationType = "value_avg"        // their mean
	ValueMedian     CorrelationType = "value_median"     // their median
	ValuePercentile CorrelationType = "value_percentile" // another of their percentiles, or the share of one value
	Temporal        CorrelationType = "temporal"         // rules matched, in any order
	TemporalOrdered CorrelationType = "temporal_ordered" // every rule matched, in the order listed
)

// Correlation joins the matches of other rules within a time.
type Correlation struct {
	Type     CorrelationType
	Rules    []string // ids or names of the rules, at least one
	Lines    []int    // of the entries of Rules
	GroupBy  []string // fields or aliases whose values must agree
	Aliases  map[string]map[string]string
	Timespan time.Duration
	Fields   []string // whose values are counted together, or the one that is measured
	// Percentile is which one a value_percentile measures. Where it is 0 the
	// measure is the share, in percent, that one value has in all values of the
	// field.
	Percentile float64
	Bounds     []Bound // all must hold; of temporal types the number of rules, where it is not all
	Generate   bool    // the joined rules raise alerts of their own, too
}

// Bound compares a count or another measure.
type Bound struct {
	Op Op // OpLess … OpGreaterEq, OpEqual or OpNotEqual
	N  float64
}

// Holds reports whether n satisfies the bound.
func (b Bound) Holds(n float64) bool { return b.Op.Compare(n, b.N) }

// String returns the bound in words, for example "at least 10".
func (b Bound) String() string {
	words := map[Op]string{
		OpLess: "fewer than", OpLessEq: "at most", OpGreater: "more than", OpGreaterEq: "at least", OpEqual: "exactly", OpNotEqual: "not",
	}
	return words[b.Op] + " " + strconv.FormatFloat(b.N, 'f', -1, 64)
}

// Holds reports whether n satisfies every bound.
func (c *Correlation) Holds(n float64) bool {
	for _, b := range c.Bounds {
		if !b.Holds(n) {
			return false
		}
	}
	return true
}

// Needed returns how many of the rules a temporal correlation must see.
func (c *Correlation) Needed() int {
	for n := 1; n < len(c.Rules); n++ {
		if len(c.Bounds) > 0 && c.Holds(float64(n)) {
			return n
		}
	}
	return len(c.Rules)
}

// Bounds of a correlation.
const (
	maxCorrelated = 32
	maxGroupBy    = 8
	maxCounted    = 4 // fields whose values are counted together
	maxTimespan   = 31 * 24 * time.Hour
	maxCount      = 10_000
)

// parseCorrelation reads a correlation document's correlation map.
func parseCorrelation(given *reading, n *document.Node) (*Correlation, error) {
	c := &Correlation{}
	var condition *document.Node
	err := document.EachPair(n, "correlation", func(key, value *document.Node) (err error) {
		switch key.Text {
		case "type":
			err = c.setType(value)
		case "rules":
			c.Rules, c.Lines, err = references(key, value)
		case "group-by":
			c.GroupBy, err = document.Many(key, value)
		case "timespan", "timeframe":
			c.Timespan, err = parseTimespan(value)
		case "aliases":
			err = c.setAliases(given, value)
		case "generate":
			if value.Kind != document.Truth {
				return document.At(value, "generate is true or false")
			}
			c.Generate = value.Text == "true"
		case "condition":
			condition = value
		default:
			err = document.At(key, "a correlation has no %q: it has type, rules, group-by, timespan, aliases, condition and generate", key.Text)
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
	if err := c.check(n); err != nil {
		return nil, err
	}
	return c, c.rename(given, n)
}

func (c *Correlation) setType(n *document.Node) error {
	switch t := CorrelationType(n.Text); t {
	case EventCount, ValueCount, ValueSum, ValueAvg, ValueMedian, ValuePercentile, Temporal, TemporalOrdered:
		c.Type = t
		return nil
	}
	return document.At(n, "%q is no type of correlation: use event_count, value_count, value_sum, value_avg, value_median, value_percentile, temporal or temporal_ordered", n.Text)
}

// references reads ids or names of rules with their lines.
func references(key, n *document.Node) (names []string, lines []int, err error) {
	names, err = document.Many(key, n)
	lines = []int{n.Line}
	if n.Kind == document.List {
		lines = nil
		for _, child := range n.Items {
			lines = append(lines, child.Line)
		}
	}
	return names, lines, err
}

func (c *Correlation) setAliases(given *reading, n *document.Node) error {
	c.Aliases = map[string]map[string]string{}
	return document.EachPair(n, "aliases", func(alias, fields *document.Node) error {
		byRule := map[string]string{}
		c.Aliases[alias.Text] = byRule
		return document.EachPair(fields, "an alias", func(rule, field *document.Node) error {
			if !field.Scalar() || field.Text == "" {
				return document.At(field, "alias %q needs the name of a field for rule %q", alias.Text, rule.Text)
			}
			name, err := given.Field(field.Text)
			if err != nil {
				return document.At(field, "%v", err)
			}
			byRule[rule.Text] = name
			return nil
		})
	})
}

// rename gives the fields the names that the pipelines say.
func (c *Correlation) rename(given *reading, n *document.Node) (err error) {
	for _, names := range [][]string{c.GroupBy, c.Fields} {
		for i, name := range names {
			if _, alias := c.Aliases[name]; alias {
				continue
			}
			if names[i], err = given.Field(name); err != nil {
				return document.At(n, "%v", err)
			}
		}
	}
	return nil
}

// parseTimespan reads a number with s, m, h, d, w or M (30 days).
func parseTimespan(n *document.Node) (time.Duration, error) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'M': 30 * 24 * time.Hour,
	}
	if text := n.Text; len(text) > 1 {
		count, err := strconv.ParseUint(text[:len(text)-1], 10, 31)
		unit, ok := units[text[len(text)-1]]
		if err == nil && ok && count > 0 && count <= uint64(maxTimespan/unit) {
			return time.Duration(count) * unit, nil
		}
	}
	return 0, document.At(n, "timespan %q is not a number with s, m, h, d or w of at most 31 days, for example 10m", n.Text)
}

var boundOps = map[string]Op{"lt": OpLess, "lte": OpLessEq, "gt": OpGreater, "gte": OpGreaterEq, "eq": OpEqual, "neq": OpNotEqual}

// setCondition reads a map of bounds, the fields and the percentile.
func (c *Correlation) setCondition(n *document.Node) error {
	if n.Scalar() {
		return document.At(n, "conditions over rule names are not part of Sigma 2.1: leave condition out to need every rule, or say how many, for example condition: {gte: 2}")
	}
	return document.EachPair(n, "the condition of a correlation", func(key, value *document.Node) (err error) {
		if key.Text == "field" {
			c.Fields, err = document.Many(key, value)
			return err
		}
		if key.Text == "percentile" {
			return c.setPercentile(value)
		}
		op, ok := boundOps[key.Text]
		if !ok {
			return document.At(key, "the condition of a correlation has no %q: it has gt, gte, lt, lte, eq, neq, field and percentile", key.Text)
		}
		bound, err := strconv.ParseFloat(value.Text, 64)
		if err != nil || math.IsNaN(bound) || math.IsInf(bound, 0) {
			return document.At(value, "%s: %q is not a number", key.Text, value.Text)
		}
		if c.Counts() && (bound != math.Trunc(bound) || bound < 0 || bound > maxCount) {
			return document.At(value, "%s: %q is not a whole number from 0 to %d", key.Text, value.Text, maxCount)
		}
		c.Bounds = append(c.Bounds, Bound{op, bound})
		return nil
	})
}

func (c *Correlation) setPercentile(n *document.Node) error {
	percentile, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || !(percentile > 0 && percentile <= 100) {
		return document.At(n, "percentile %q is not a number above 0 and up to 100", n.Text)
	}
	c.Percentile = percentile
	return nil
}

// Counts reports whether the bounds are about a number of things, not about
// the values of a field.
func (c *Correlation) Counts() bool {
	switch c.Type {
	case ValueSum, ValueAvg, ValueMedian, ValuePercentile:
		return false
	}
	return true
}

// temporal reports whether it is rules that are joined, not events counted.
func (c *Correlation) temporal() bool { return c.Type == Temporal || c.Type == TemporalOrdered }

// check refuses correlations that lack a part or have one too many.
func (c *Correlation) check(n *document.Node) error {
	switch {
	case c.Type == "":
		return document.At(n, "the correlation has no type")
	case len(c.Rules) == 0:
		return document.At(n, "the correlation names no rules")
	case len(c.Rules) > maxCorrelated:
		return document.At(n, "the correlation names more than %d rules", maxCorrelated)
	case len(c.GroupBy) > maxGroupBy:
		return document.At(n, "the correlation groups by more than %d fields", maxGroupBy)
	case c.Timespan == 0:
		return document.At(n, "the correlation has no timespan: add one, for example timespan: 10m")
	case c.temporal() && len(c.Rules) < 2:
		return document.At(n, "a %s correlation joins at least two rules", c.Type)
	case !c.temporal() && len(c.Bounds) == 0:
		return document.At(n, "the correlation has no condition: add one, for example condition: {gte: 10}")
	case c.Percentile != 0 && c.Type != ValuePercentile:
		return document.At(n, "a %s correlation has no percentile: use value_percentile", c.Type)
	}
	if err := c.checkFields(n); err != nil {
		return err
	}
	return c.checkBounds(n)
}

// checkFields refuses fields where none are counted, and the lack of one.
func (c *Correlation) checkFields(n *document.Node) error {
	if slices.Contains(c.Fields, "") {
		return document.At(n, "the condition of the correlation names an empty field")
	}
	switch {
	case c.Type == EventCount || c.temporal():
		if len(c.Fields) > 0 {
			return document.At(n, "a %s correlation counts no field: use value_count", c.Type)
		}
	case len(c.Fields) == 0:
		return document.At(n, "%s needs the field in its condition, for example condition: {field: User, gte: 5}", c.Type)
	case c.Type == ValueCount && len(c.Fields) > maxCounted:
		return document.At(n, "value_count counts the values of at most %d fields together", maxCounted)
	case c.Type != ValueCount && len(c.Fields) > 1:
		return document.At(n, "%s measures one field: write a correlation for each", c.Type)
	}
	return nil
}

// checkBounds refuses bounds that nothing satisfies, and those that a sequence
// cannot have.
func (c *Correlation) checkBounds(n *document.Node) error {
	if !c.Counts() || len(c.Bounds) == 0 {
		return c.checkMeasure(n)
	}
	if c.temporal() {
		return c.checkRuleCount(n)
	}
	for count := 1; count <= maxCount+1; count++ {
		if c.Holds(float64(count)) {
			return nil
		}
	}
	return document.At(n, "no count satisfies the condition of the correlation: %s", c.Bounds)
}

// checkMeasure tries the bounds themselves and what is around them.
func (c *Correlation) checkMeasure(n *document.Node) error {
	for _, b := range c.Bounds {
		for _, near := range []float64{b.N, math.Nextafter(b.N, math.Inf(1)), math.Nextafter(b.N, math.Inf(-1))} {
			if c.Holds(near) {
				return nil
			}
		}
	}
	if len(c.Bounds) == 0 {
		return nil
	}
	return document.At(n, "no value satisfies the condition of the correlation: %s", c.Bounds)
}

// checkRuleCount allows a temporal correlation to say from how many of its
// rules it is complete.
func (c *Correlation) checkRuleCount(n *document.Node) error {
	needed := c.Needed()
	switch {
	case !c.Holds(float64(needed)):
		return document.At(n, "the correlation joins %d rules, which never satisfies its condition: %s", len(c.Rules), c.Bounds)
	case !c.Holds(float64(len(c.Rules))):
		return document.At(n, "a %s correlation is complete as soon as enough rules matched: use gt or gte alone", c.Type)
	case c.Type == TemporalOrdered && needed < len(c.Rules):
		return document.At(n, "a temporal_ordered correlation needs every rule: leave condition out, or use temporal")
	}
	return nil
}
