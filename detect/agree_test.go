package detect_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// forger makes documents that rules nearly match, or do: of texts that the
// rules look for, whole or in part, in any case and in between others.
type forger struct {
	*rand.Rand
	set     *detect.Ruleset
	sources []detect.Source
	wanted  map[detect.FieldID][]string // texts that rules look for
	rules   []*sigma.Rule
}

func newForger(set *detect.Ruleset, seed uint64) *forger {
	f := &forger{
		Rand: rand.New(rand.NewPCG(seed, 1)), set: set, wanted: make(map[detect.FieldID][]string), rules: set.Rules(),
	}
	for _, rule := range f.rules {
		if rule.Detection == nil {
			continue
		}
		log := rule.LogSource
		if log.Service == "" {
			log.Service = "other"
		}
		f.sources = append(f.sources, set.Source(log))
		f.collect(rule)
	}
	return f
}

// collect notes the texts of a rule's values.
func (f *forger) collect(rule *sigma.Rule) {
	for _, s := range rule.Detection.Selections {
		for _, item := range slices.Concat(s.Groups...) {
			id := f.field(item.Field)
			for _, v := range item.Values {
				for _, token := range v.Pattern.Tokens {
					if token.Text != "" {
						f.wanted[id] = append(f.wanted[id], token.Text)
					}
				}
			}
		}
	}
}

func (f *forger) field(name string) detect.FieldID {
	if name == "" {
		return detect.Keywords
	}
	return f.set.Field(name)
}

// forge fills the document for one rule's log source with values for the
// fields of that rule and some others.
func (f *forger) forge(d *detect.Document) {
	at := f.IntN(len(f.sources))
	d.Reset(f.sources[at], time.Time{}, nil, nil)
	var detections []*sigma.Rule
	for _, rule := range f.rules {
		if rule.Detection != nil {
			detections = append(detections, rule)
		}
	}
	for _, rule := range []*sigma.Rule{detections[at], detections[f.IntN(len(detections))]} {
		for _, s := range rule.Detection.Selections {
			if f.IntN(4) == 0 {
				continue
			}
			for _, item := range slices.Concat(s.Groups...) {
				f.set1(d, f.field(item.Field), item)
			}
		}
	}
}

// set1 gives a field a value that satisfies an item, more or less.
func (f *forger) set1(d *detect.Document, id detect.FieldID, item sigma.Item) {
	texts := []string{f.text(id, item)}
	for f.IntN(4) == 0 {
		texts = append(texts, f.text(id, item))
	}
	switch n := f.IntN(12); {
	case n == 0:
		d.SetInt(id, int64(f.IntN(5000)))
	case n == 1:
		d.SetBool(id, f.IntN(2) == 0)
	case n == 2:
		d.SetFloat(id, f.Float64()*100)
	case len(texts) > 1 || id == detect.Keywords:
		for range f.IntN(8) {
			texts = append(texts, "filler")
		}
		f.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		d.SetStrings(id, texts)
	default:
		d.SetString(id, texts[0])
	}
}

// text is a row of texts of an item, of the field's other items, and of
// neither, damaged now and then.
func (f *forger) text(id detect.FieldID, item sigma.Item) string {
	var b strings.Builder
	for _, v := range item.Values {
		if !item.All && f.IntN(len(item.Values)) > 1 {
			continue
		}
		for _, token := range v.Pattern.Tokens {
			switch {
			case token.Text != "":
				b.WriteString(token.Text)
			case f.IntN(2) == 0 && len(f.wanted[id]) > 0:
				b.WriteString(f.wanted[id][f.IntN(len(f.wanted[id]))])
			case f.IntN(2) == 0:
				b.WriteString("x")
			}
		}
	}
	return f.damage(b.String())
}

func (f *forger) damage(text string) string {
	at := 0
	if len(text) > 0 {
		at = f.IntN(len(text))
	}
	switch f.IntN(10) {
	case 0:
		return strings.ToUpper(text)
	case 1:
		return strings.ReplaceAll(text, "k", "\u212a") // KELVIN SIGN, which folds to k
	case 2:
		return text[:at]
	case 3:
		return text[at:]
	case 4:
		return text[:at] + "\xff" + text[at:]
	case 5:
		return text + strings.Repeat("-", 130) // longer than what is cached
	}
	return text
}

// TestForgedDocumentsAgree holds the index of all SigmaHQ rules against the
// evaluation of every rule.
func TestForgedDocumentsAgree(t *testing.T) {
	set := corpus(t)
	f, m, d := newForger(set, 7), set.NewMatcher(detect.Limits{}), set.NewDocument()
	matches := 0
	for range 250 {
		f.forge(d)
		want := plainIDs(set, d)
		if got := matchedIDs(m, d); !slices.Equal(got, want) {
			t.Fatalf("the index finds %v, evaluating every rule %v, in a document of %s", got, want, d.Source().Log())
		}
		matches += len(want)
	}
	if matches < 50 {
		t.Errorf("only %d matches: the documents are too far from the rules", matches)
	}
	t.Logf("%d matches", matches)
}

// TestMixedLinesAgree does it for lines that the benchmark reads.
func TestMixedLinesAgree(t *testing.T) {
	set := corpus(t)
	mapper, m := fields.NewJSONMapper(set, sigma.LogSource{}), set.NewMatcher(detect.Limits{})
	for i, line := range mixedLines(t) {
		if i%67 != 0 {
			continue
		}
		d, err := mapper.Map(line, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := matchedIDs(m, d)
		if want := plainIDs(set, d); !slices.Equal(got, want) {
			t.Errorf("%s: the index finds %v, evaluating every rule %v", line, got, want)
		}
	}
}

// TestLongTextsAreNotKept fills all fields with long texts and lists, as a host
// may, and looks at what stays.
func TestLongTextsAreNotKept(t *testing.T) {
	set := own(t)
	m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
	long := strings.Repeat("/usr/bin/curl -o ", 40<<10)
	d.Reset(set.Source(sigma.LogSource{Product: "linux", Category: "process_creation"}), time.Time{}, nil, nil)
	for i, name := range set.Fields() {
		if i%2 == 0 {
			d.SetString(set.Field(name), long)
		} else {
			d.SetStrings(set.Field(name), []string{long, long, long, long})
		}
	}
	m.Match(d, func(detect.Match) {})
	if kept := detect.KeptBytes(m); kept > 1<<20 {
		t.Errorf("%d bytes are kept of %d fields", kept, set.FieldCount())
	}
}
