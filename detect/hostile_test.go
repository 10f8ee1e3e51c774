package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// chain returns n correlations of which each joins the next; the last joins
// end.
func chain(n int, end string) []*sigma.Rule {
	var rules []*sigma.Rule
	for i := range n {
		next := fmt.Sprint("c", i+1)
		if i == n-1 {
			next = end
		}
		rules = append(rules, &sigma.Rule{
			Path: "test.yml", Line: i + 1, Title: "t", Name: fmt.Sprint("c", i),
			Correlation: &sigma.Correlation{
				Type: sigma.EventCount, Rules: []string{next}, Lines: []int{i + 1}, Timespan: 1e9, Bounds: []sigma.Bound{{Op: sigma.OpGreaterEq, N: 1}},
			},
		})
	}
	return rules
}

func TestLongChainsOfCorrelations(t *testing.T) {
	one, err := sigma.Parse("one.yml", []byte(base("one")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		rules []*sigma.Rule
		kept  int
		want  string
	}{
		{"of sixteen", append(chain(16, "one"), one...), 17, ""},
		{"too long", append(chain(20_000, "one"), one...), 17, "more than 16 correlations join one another in a row"},
		{"a circle", chain(20_000, "c0"), 0, "the correlation depends on itself"},
		{"to nowhere", chain(20_000, "gone"), 0, `no rule has the id or name "gone"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, errs := detect.Compile(c.rules)
			if len(set.Rules()) != c.kept || len(errs) != len(c.rules)-c.kept {
				t.Fatalf("kept %d with %d errors, want %d", len(set.Rules()), len(errs), c.kept)
			}
			if text := fmt.Sprint(errs); !strings.Contains(text, c.want) {
				t.Errorf("errors %.300s do not say %q", text, c.want)
			}
			if c.kept == 0 {
				return
			}
			d, fired := set.NewDocument(), 0
			fill(d, set, map[string]any{"kind": "one"})
			set.NewMatcher(detect.Limits{}).Match(d, func(detect.Match) { fired++ })
			if fired != 1 {
				t.Errorf("%d matches, want that of the outermost correlation", fired)
			}
		})
	}
}

// TestManyRules compiles more rules than anybody has, and finds the one that
// matches.
func TestManyRules(t *testing.T) {
	const files, each = 10, 1000
	var rules []*sigma.Rule
	for f := range files {
		var b strings.Builder
		for i := range each {
			fmt.Fprintf(&b, "title: r%d-%d\nlogsource: {product: linux}\ndetection: {s: {a|contains: ['t%dx%d-', 'u%dy%d-'], b|endswith: '/b%d'}, f: {c: root}, condition: s and not f}\n---\n", f, i, f, i, i, f, i)
		}
		parsed, err := sigma.Parse("test.yml", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, parsed...)
	}
	set, errs := detect.Compile(rules)
	if len(errs) > 0 || len(set.Rules()) != files*each {
		t.Fatalf("%d rules compiled, errors %v", len(set.Rules()), errs)
	}
	m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
	fill(d, set, map[string]any{"a": "xt7x77-", "b": "/bin/b77"})
	var got []string
	m.Match(d, func(match detect.Match) { got = append(got, match.Rule.Title) })
	if fmt.Sprint(got) != "[r7-77]" || m.Counters().Evaluated > 50 {
		t.Errorf("matched %v after evaluating %d rules", got, m.Counters().Evaluated)
	}
}

// TestTooManyValues compiles rules that look for too much in one field. The
// others work, and correlations of what is refused say so.
func TestTooManyValues(t *testing.T) {
	var rules []*sigma.Rule
	for i := range 10 {
		parsed, err := sigma.Parse("test.yml", []byte(fmt.Sprintf("title: t\nname: r%d\nlogsource: {product: linux}\ndetection: {s: {a|contains: x}, condition: s}\n", i)))
		if err != nil {
			t.Fatal(err)
		}
		long := sigma.ParsePattern(fmt.Sprint("*", i, strings.Repeat("x", 900<<10), "*"))
		parsed[0].Detection.Selections[0].Groups[0][0].Values[0].Pattern = long
		rules = append(rules, parsed...)
	}
	rules = append(rules, chain(1, "r9")...)
	set, errs := detect.Compile(rules)
	text := fmt.Sprintf("%.2000v", errs)
	if len(set.Rules()) != 9 || len(errs) != 2 || !strings.Contains(text, `look for in the field "a" take more than 8 MB`) || !strings.Contains(text, `"r9"`) {
		t.Errorf("kept %d rules with the errors %s", len(set.Rules()), text)
	}
}
