package detect

import (
	"math"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// FieldID names a field of documents within one [Ruleset].
type FieldID int32

// NoField is the id of every field that no rule of the set uses: setting it
// does nothing. Keywords is the field of texts that rules search without
// naming a field, such as log messages.
const (
	NoField  FieldID = 0
	Keywords FieldID = 1
)

// Provider gives a document its values on demand, so that only what rules ask
// for is computed.
type Provider interface {
	// Provide sets the field of the document with its Set and Append methods,
	// or leaves it absent. It is called at most once for each field of a
	// document, on the goroutine that matches.
	Provide(d *Document, id FieldID)
}

// Document is one event as rules see it: a log source, a time and named
// values, each text, number, truth value or a list of texts. It is made by
// [Ruleset.NewDocument], filled after [Document.Reset], and used again for the
// next event. It is for one goroutine.
type Document struct {
	rules    *Ruleset
	source   Source
	time     time.Time
	ref      any
	provider Provider
	repeated int
	epoch    uint32
	values   []value    // by FieldID
	lists    [][]string // by FieldID: storage of Append, kept between events
	numbers  [numberCache]number
	said     map[*sigma.Item]string // see words
}

// numberCache bounds the texts of numbers that a document keeps.
const numberCache = 256

// number is a number with its text.
type number struct {
	n    int64
	text string
}

type kind uint8

const (
	absent kind = iota
	textKind
	listKind
	intKind
	floatKind
	boolKind
)

// value is the value of a field, valid when its epoch is the document's.
type value struct {
	epoch  uint32
	kind   kind
	text   string
	number uint64 // of an int, or the bits of a float
	list   []string
	whole  string // what the list is parts of, or ""
}

// Reset begins a new event: all values are gone. The reference is kept by
// correlations as evidence and handed out with matches; the engine does not
// look into it. A nil provider means that all values are set before matching.
func (d *Document) Reset(source Source, at time.Time, ref any, provider Provider) {
	d.source, d.time, d.ref, d.provider, d.repeated = source, at, ref, provider, 1
	if d.epoch++; d.epoch == 0 { // wrapped: old values would look new
		clear(d.values)
		d.epoch = 1
	}
}

// SetRepeats says that the document stands for n equal events, which counting
// correlations count. Without it a document stands for one.
func (d *Document) SetRepeats(n int) { d.repeated = max(n, 1) }

func (d *Document) repeats() int { return max(d.repeated, 1) }

// Time returns the time given to [Document.Reset].
func (d *Document) Time() time.Time { return d.time }

// Ref returns the reference given to [Document.Reset].
func (d *Document) Ref() any { return d.ref }

// Source returns the source given to [Document.Reset].
func (d *Document) Source() Source { return d.source }

// SetString gives a field one text.
func (d *Document) SetString(id FieldID, s string) {
	v := d.put(id, textKind)
	v.text = s
}

// SetStrings gives a field a list of texts, which must not change until the
// next Reset. An empty list leaves the field absent.
func (d *Document) SetStrings(id FieldID, list []string) {
	if len(list) == 0 {
		return
	}
	v := d.put(id, listKind)
	v.list, v.whole = list, ""
}

// SetTexts gives a field a list of texts, like [Document.SetStrings], that are
// parts of one text. That one is looked through at once.
func (d *Document) SetTexts(id FieldID, whole string, list []string) {
	d.SetStrings(id, list)
	d.values[id].whole = whole
}

// Append adds a text to a field's list, making it a list.
func (d *Document) Append(id FieldID, s string) {
	v := &d.values[id]
	if v.epoch != d.epoch || v.kind != listKind {
		v = d.put(id, listKind)
		d.lists[id] = d.lists[id][:0]
	}
	d.lists[id] = append(d.lists[id], s)
	v.list, v.whole = d.lists[id], ""
}

// SetInt gives a field a whole number.
func (d *Document) SetInt(id FieldID, n int64) {
	v := d.put(id, intKind)
	v.number = uint64(n)
}

// SetFloat gives a field a number.
func (d *Document) SetFloat(id FieldID, f float64) {
	v := d.put(id, floatKind)
	v.number = math.Float64bits(f)
}

// SetBool gives a field a truth value, which is also the text true or false.
func (d *Document) SetBool(id FieldID, b bool) {
	v := d.put(id, boolKind)
	v.text = "false"
	if b {
		v.text = "true"
	}
}

// put marks a field as set and returns its value. What is set for [NoField] is
// written to a place that nobody reads.
func (d *Document) put(id FieldID, k kind) *value {
	v := &d.values[id]
	v.epoch, v.kind = d.epoch, k
	return v
}

// get returns the value of a field, asking the provider the first time.
func (d *Document) get(id FieldID) *value {
	v := &d.values[id]
	if v.epoch != d.epoch {
		v.epoch, v.kind = d.epoch, absent
		if d.provider != nil {
			d.provider.Provide(d, id)
		}
	}
	return v
}

// Text returns the value of the named field as text, the elements of a list
// joined by spaces. It is false for fields that are absent or that no rule of
// the set uses.
func (d *Document) Text(name string) (string, bool) {
	return d.field(d.rules.Field(name))
}

// textOf returns the text of a value that is not a list.
func (d *Document) textOf(v *value) string {
	switch v.kind {
	case textKind, boolKind:
		return v.text
	case intKind:
		n := int64(v.number)
		cached := &d.numbers[v.number%numberCache]
		if cached.n != n || cached.text == "" {
			*cached = number{n, strconv.FormatInt(n, 10)}
		}
		return cached.text
	case floatKind:
		return strconv.FormatFloat(math.Float64frombits(v.number), 'g', -1, 64)
	}
	return ""
}

// texts returns the texts of a value: one, or the elements of a list. The
// buffer saves an allocation.
func (d *Document) texts(v *value, buffer *[1]string) []string {
	switch v.kind {
	case absent:
		return nil
	case listKind:
		return v.list
	}
	buffer[0] = d.textOf(v)
	return buffer[:]
}

// asNumber returns a value as a number; text must be one as a whole.
func (v *value) asNumber(text string) (float64, bool) {
	switch v.kind {
	case intKind:
		return float64(int64(v.number)), true
	case floatKind:
		return math.Float64frombits(v.number), true
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}
