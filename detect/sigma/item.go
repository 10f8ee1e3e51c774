package sigma

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
	"github.com/holdfast-security/holdfast/detect/sigma/expression"
)

// Value is one value of an [Item]; the item's Op says which part is used.
type Value struct {
	Line    int
	Text    string // as written
	Null    bool   // the field is absent
	Pattern Pattern
	Regexp  *expression.Expression
	Prefix  netip.Prefix
	Number  float64
	Bool    bool
	Where   Place
	Part    TimePart // which part of a time Number is compared with
	Variant bool     // another encoding of the value before it
}

// Bounds of an item.
const (
	maxValues   = 50_000 // of one item, after expansion
	maxDashes   = 4      // dashes of one value that windash varies: 5^4 patterns
	maxFieldLen = 256
)

// modifiers are the words that may follow a field, with what they set.
var modifiers = map[string]func(*itemParser) error{
	"contains":     func(p *itemParser) error { return p.place(PlaceAnywhere) },
	"startswith":   func(p *itemParser) error { return p.place(PlaceStart) },
	"endswith":     func(p *itemParser) error { return p.place(PlaceEnd) },
	"all":          func(p *itemParser) error { p.item.All = true; return nil },
	"neq":          func(p *itemParser) error { p.item.Negate = true; return nil },
	"cased":        func(p *itemParser) error { p.cased = true; return nil },
	"re":           func(p *itemParser) error { return p.op(OpRegexp) },
	"i":            func(p *itemParser) error { return p.flag('i') },
	"ignorecase":   func(p *itemParser) error { return p.flag('i') },
	"m":            func(p *itemParser) error { return p.flag('m') },
	"multiline":    func(p *itemParser) error { return p.flag('m') },
	"s":            func(p *itemParser) error { return p.flag('s') },
	"dotall":       func(p *itemParser) error { return p.flag('s') },
	"cidr":         func(p *itemParser) error { return p.op(OpCIDR) },
	"lt":           func(p *itemParser) error { return p.op(OpLess) },
	"lte":          func(p *itemParser) error { return p.op(OpLessEq) },
	"gt":           func(p *itemParser) error { return p.op(OpGreater) },
	"gte":          func(p *itemParser) error { return p.op(OpGreaterEq) },
	"exists":       func(p *itemParser) error { return p.op(OpExists) },
	"fieldref":     func(p *itemParser) error { return p.op(OpFieldRef) },
	"windash":      func(p *itemParser) error { return p.encode(windash) },
	"base64":       func(p *itemParser) error { return p.encode(base64Whole) },
	"base64offset": func(p *itemParser) error { return p.encode(base64Offsets) },
	"wide":         func(p *itemParser) error { return p.encode(utf16le) },
	"utf16le":      func(p *itemParser) error { return p.encode(utf16le) },
	"utf16be":      func(p *itemParser) error { return p.encode(utf16be) },
	"utf16":        func(p *itemParser) error { return p.encode(utf16bom) },
	"expand":       func(p *itemParser) error { p.expand = true; return nil },
	"minute":       func(p *itemParser) error { return p.timePart(Minute) },
	"hour":         func(p *itemParser) error { return p.timePart(Hour) },
	"day":          func(p *itemParser) error { return p.timePart(Day) },
	"week":         func(p *itemParser) error { return p.timePart(Week) },
	"month":        func(p *itemParser) error { return p.timePart(Month) },
	"year":         func(p *itemParser) error { return p.timePart(Year) },
}

// itemParser collects what the modifiers of one item say.
type itemParser struct {
	item      Item
	where     Place
	part      TimePart
	cased     bool
	expand    bool
	flags     string // of the regular expression
	encodings []encoding
	given     *reading
}

// parseItem reads one `field|modifier: values` pair.
func parseItem(given *reading, key, node *document.Node) (Item, error) {
	words := strings.Split(key.Text, "|")
	p := itemParser{item: Item{Line: key.Line, Field: words[0], Key: key.Text}, given: given}
	if len(words[0]) > maxFieldLen {
		return Item{}, document.At(key, "the field name is longer than %d bytes", maxFieldLen)
	}
	for _, word := range words[1:] {
		apply, ok := modifiers[word]
		if !ok {
			return Item{}, document.At(key, "%q is not a modifier of Sigma: %s", word, suggestModifier(word))
		}
		if err := apply(&p); err != nil {
			return Item{}, document.At(key, "%s: %v", key.Text, err)
		}
	}
	if err := p.check(); err != nil {
		return Item{}, document.At(key, "%s: %v", key.Text, err)
	}
	return p.values(node)
}

func suggestModifier(word string) string {
	lower := strings.ToLower(word)
	if _, ok := modifiers[lower]; ok {
		return "write it in lower case"
	}
	names := make([]string, 0, len(modifiers))
	for name := range modifiers {
		names = append(names, name)
	}
	slices.Sort(names)
	return "use one of " + strings.Join(names, ", ")
}

func (p *itemParser) place(where Place) error {
	if p.where != PlaceWhole {
		return fmt.Errorf("only one of contains, startswith and endswith can be used")
	}
	p.where = where
	return nil
}

func (p *itemParser) timePart(part TimePart) error {
	if p.part != WholeTime {
		return fmt.Errorf("only one of minute, hour, day, week, month and year can be used")
	}
	p.part = part
	return nil
}

func (p *itemParser) op(op Op) error {
	if p.item.Op != OpMatch {
		return fmt.Errorf("only one of re, cidr, lt, lte, gt, gte, exists and fieldref can be used")
	}
	p.item.Op = op
	return nil
}

func (p *itemParser) flag(c byte) error {
	if p.item.Op != OpRegexp {
		return fmt.Errorf("%c is a flag of re and must follow it: write re|%c", c, c)
	}
	p.flags += string(c)
	return nil
}

func (p *itemParser) encode(e encoding) error {
	p.encodings = append(p.encodings, e)
	return nil
}

// check refuses modifiers that do not go together.
func (p *itemParser) check() error {
	if p.part != WholeTime {
		return p.checkTimePart()
	}
	switch op := p.item.Op; {
	case op == OpMatch:
	case len(p.encodings) > 0:
		return fmt.Errorf("encodings apply to plain text only, not to re, cidr, comparisons, exists or fieldref")
	case p.where != PlaceWhole && op != OpFieldRef && op != OpRegexp:
		return fmt.Errorf("contains, startswith and endswith apply to plain text and fieldref only")
	case p.cased && op != OpFieldRef && op != OpRegexp:
		return fmt.Errorf("cased applies to plain text and fieldref only")
	case op == OpExists && p.item.All:
		return fmt.Errorf("exists takes one value: true or false")
	}
	if p.item.Field == "" && (p.item.Op != OpMatch && p.item.Op != OpRegexp || p.where == PlaceStart || p.where == PlaceEnd) {
		return fmt.Errorf("this modifier needs a field before it")
	}
	return nil
}

// checkTimePart does that for parts of a time, which are compared as numbers.
func (p *itemParser) checkTimePart() error {
	switch op := p.item.Op; {
	case op == OpMatch:
		p.item.Op = OpEqual
	case op < OpLess || op > OpGreaterEq:
		return fmt.Errorf("minute, hour, day, week, month and year go with lt, lte, gt, gte and neq only")
	}
	if p.where != PlaceWhole || p.cased || len(p.encodings) > 0 {
		return fmt.Errorf("minute, hour, day, week, month and year are numbers: leave the modifiers for text out")
	}
	if p.item.Field == "" {
		return fmt.Errorf("this modifier needs a field before it")
	}
	return nil
}

// values reads the right-hand side of an item.
func (p *itemParser) values(node *document.Node) (Item, error) {
	nodes := []*document.Node{node}
	if node.Kind == document.List {
		nodes = node.Items
		if len(nodes) == 0 {
			return Item{}, document.At(node, "the list of values of %q is empty: add a value, or use null for an absent field", p.item.Key)
		}
	}
	if p.item.Op == OpExists && len(nodes) != 1 {
		return Item{}, document.At(node, "%s takes one value: true or false", p.item.Key)
	}
	for _, n := range nodes {
		if !n.Scalar() {
			return Item{}, document.At(n, "a value of %q must be text, a number, true, false or null, not a list or a map", p.item.Key)
		}
		if err := p.expanded(n); err != nil {
			return Item{}, document.At(n, "%s: %v", p.item.Key, err)
		}
		if len(p.item.Values) > maxValues {
			return Item{}, document.At(n, "%s has more than %d values: split the rule", p.item.Key, maxValues)
		}
	}
	return p.item, nil
}

// expanded reads a scalar after its placeholders, where the item says that it
// has some, were replaced: by each of their values.
func (p *itemParser) expanded(n *document.Node) error {
	if !p.expand {
		return p.value(n)
	}
	texts, err := p.given.Expand(n.Text)
	if err != nil {
		return err
	}
	for _, text := range texts {
		if err := p.value(&document.Node{Text: text, Line: n.Line}); err != nil {
			return err
		}
	}
	return nil
}

// value reads one scalar by the item's operation.
func (p *itemParser) value(n *document.Node) error {
	if err := p.given.pay(1); err != nil {
		return err
	}
	v := Value{Line: n.Line, Text: n.Text}
	var err error
	switch p.item.Op {
	case OpMatch:
		return p.match(n, v)
	case OpRegexp:
		if v.Regexp, err = expression.Read(n.Text, p.flags, anchors[p.where]); err == nil {
			err = p.given.pay(v.Regexp.Size())
		}
	case OpCIDR:
		v.Prefix, err = parsePrefix(n.Text)
	case OpExists:
		if n.Kind != document.Truth {
			return fmt.Errorf("%q is neither true nor false", n.Text)
		}
		v.Bool = strings.EqualFold(n.Text, "true")
	case OpFieldRef:
		if v.Where = p.where; n.Text == "" {
			return fmt.Errorf("name the field to compare with")
		}
		v.Pattern.Cased = p.cased
		v.Text, err = p.given.Field(n.Text)
	default:
		v.Number, v.Part, err = number(n.Text, p.part)
	}
	if err == nil {
		p.item.Values = append(p.item.Values, v)
	}
	return err
}

// anchors are the places of a value that an expression can stand at; a whole
// value is searched.
var anchors = map[Place]expression.Anchor{PlaceStart: expression.AtStart, PlaceEnd: expression.AtEnd}

// match reads plain text, a number, a truth value or null.
func (p *itemParser) match(n *document.Node, v Value) error {
	if n.Kind == document.Null {
		if p.where != PlaceWhole || len(p.encodings) > 0 || p.item.Field == "" {
			return fmt.Errorf("null has no text: use it without modifiers, or write '' for empty text")
		}
		v.Null, v.Text = true, "null"
		p.item.Values = append(p.item.Values, v)
		return nil
	}
	text := n.Text
	if n.Kind == document.Truth {
		text = strings.ToLower(text)
	}
	if text == "" && p.item.Field == "" {
		return fmt.Errorf("every event contains an empty keyword: write the text to look for")
	}
	patterns := []Pattern{ParsePattern(text)}
	for _, encode := range p.encodings {
		var out []Pattern
		for _, pattern := range patterns {
			encoded, err := encode(pattern)
			if err != nil {
				return err
			}
			out = append(out, encoded...)
		}
		if patterns = out; len(patterns) > maxValues {
			return fmt.Errorf("the value expands to more than %d patterns", maxValues)
		}
	}
	p.add(v, patterns)
	return p.given.pay(len(patterns) - 1)
}

// add appends the patterns of one value. With "all", the variants of one value
// must stay alternatives, which an item cannot say; see [splitVariants].
func (p *itemParser) add(v Value, patterns []Pattern) {
	where := p.where
	if p.item.Field == "" {
		where = PlaceAnywhere // a keyword
	}
	for i, pattern := range patterns {
		v.Pattern = pattern.open(where == PlaceEnd || where == PlaceAnywhere, where == PlaceStart || where == PlaceAnywhere)
		v.Pattern.Cased = p.cased
		v.Variant = i > 0
		p.item.Values = append(p.item.Values, v)
	}
}

// splitVariants turns an item whose values all must hold, but of which some
// were expanded into variants, into one item for each value.
func splitVariants(item Item) []Item {
	if !item.All || item.Op != OpMatch || item.Negate {
		return []Item{item}
	}
	var items []Item
	for _, v := range item.Values {
		if !v.Variant || len(items) == 0 {
			part := item
			part.All, part.Values = false, nil
			items = append(items, part)
		}
		last := &items[len(items)-1]
		last.Values = append(last.Values, v)
	}
	return items
}

// number reads a number, which must be one that the part of a time can have.
func number(text string, part TimePart) (float64, TimePart, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) {
		return 0, part, fmt.Errorf("%q is not a number", text)
	}
	return n, part, part.check(n)
}

// parsePrefix reads a network, or an address as the network of just itself.
func parsePrefix(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	return netip.Prefix{}, fmt.Errorf("%q is not a network like 10.0.0.0/8 or fe80::/10", text)
}
