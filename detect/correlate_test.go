package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// base returns a rule named n that matches documents whose field kind is n.
func base(n string) string {
	return fmt.Sprintf("title: %[1]s\nname: %[1]s\nlogsource: {product: linux}\ndetection: {s: {kind: %[1]s}, condition: s}", n)
}

func correlation(body string) string {
	return "title: joined\nname: joined\ncorrelation: {" + body + "}\nholdfast: {alert_type: X, story: '{user} did it'}"
}

// step is one document of a scenario: seconds after the start, its kind and
// the values of user and ip.
type step struct {
	at             float64
	kind, user, ip string
}

// play matches the steps in order and returns at which of them "joined" fired.
func play(t *testing.T, set *detect.Ruleset, m *detect.Matcher, steps []step, report func(detect.Match)) []int {
	t.Helper()
	var fired []int
	d := set.NewDocument()
	for i, s := range steps {
		values := map[string]any{"kind": s.kind}
		if s.user != "" {
			values["user"] = s.user
		}
		if s.ip != "" {
			values["ip"] = s.ip
		}
		fillAt(d, set, time.Unix(0, int64(s.at*1e9)), values)
		m.Match(d, func(match detect.Match) {
			if match.Rule.Title == "joined" {
				fired = append(fired, i)
				if report != nil {
					report(match)
				}
			}
		})
	}
	return fired
}

func TestCorrelations(t *testing.T) {
	fail := func(at float64, ip string) step { return step{at, "fail", "", ip} }
	for _, c := range []struct {
		name  string
		rules []string
		steps []step
		want  string // the steps at which it fires
	}{
		{
			"enough events within the time",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], group-by: [ip], timespan: 10s, condition: {gte: 3}")},
			[]step{fail(0, "a"), fail(1, "a"), fail(2, "b"), fail(3, "a"), fail(4, "a")},
			"[3]",
		},
		{
			"begins anew after it fired",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], group-by: [ip], timespan: 10s, condition: {gt: 1}")},
			[]step{fail(0, "a"), fail(1, "a"), fail(2, "a"), fail(3, "a")},
			"[1 3]",
		},
		{
			"the window slides",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], timespan: 10s, condition: {gte: 3}")},
			[]step{fail(0, "a"), fail(6, "a"), fail(11, "a"), fail(15, "a")},
			"[3]",
		},
		{
			"exactly the timespan apart",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], timespan: 10s, condition: {gte: 2}")},
			[]step{fail(0, "a"), fail(10, "a")},
			"[1]",
		},
		{
			"a late event counts at its time",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], timespan: 10s, condition: {gte: 3}")},
			[]step{fail(20, "a"), fail(5, "a"), fail(21, "a"), fail(13, "a")},
			"[3]",
		},
		{
			"without a group-by field it is left out",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], group-by: [ip], timespan: 10s, condition: {gte: 2}")},
			[]step{fail(0, ""), fail(1, ""), fail(2, "a")},
			"[]",
		},
		{
			"upper bounds are judged when the time is over",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], group-by: [ip], timespan: 10s, condition: {lte: 2}")},
			[]step{fail(0, "a"), fail(1, "b"), fail(2, "b"), fail(3, "b"), fail(10, "c"), fail(12, "c")},
			"[5]",
		},
		{
			"eq",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], timespan: 10s, condition: {eq: 2}")},
			[]step{fail(0, "a"), fail(1, "a"), fail(20, "a"), fail(31, "a"), fail(32, "a"), fail(33, "a"), fail(50, "a")},
			"[2]",
		},
		{
			"distinct values",
			[]string{base("fail"), correlation("type: value_count, rules: [fail], timespan: 10s, condition: {field: ip, gte: 3}")},
			[]step{fail(0, "a"), fail(1, "a"), fail(2, "b"), fail(3, "b"), fail(4, "c")},
			"[4]",
		},
		{
			"distinct values age",
			[]string{base("fail"), correlation("type: value_count, rules: [fail], timespan: 10s, condition: {field: ip, gte: 3}")},
			[]step{fail(0, "a"), fail(8, "b"), fail(11, "c"), fail(12, "a")},
			"[3]",
		},
		{
			"all rules in any order",
			[]string{base("one"), base("two"), correlation("type: temporal, rules: [one, two], group-by: [user], timespan: 10s")},
			[]step{{0, "two", "u", ""}, {1, "one", "v", ""}, {5, "one", "u", ""}, {30, "two", "v", ""}},
			"[2]",
		},
		{
			"in order",
			[]string{base("one"), base("two"), correlation("type: temporal_ordered, rules: [one, two], group-by: [user], timespan: 10s")},
			[]step{{0, "two", "u", ""}, {1, "one", "u", ""}, {2, "two", "u", ""}, {3, "two", "u", ""}, {20, "one", "u", ""}, {31, "two", "u", ""}},
			"[2]",
		},
		{
			"three in order, the middle one late",
			[]string{base("one"), base("two"), base("three"), correlation("type: temporal_ordered, rules: [one, two, three], timespan: 10s")},
			[]step{{0, "one", "", ""}, {1, "three", "", ""}, {2, "two", "", ""}, {9, "one", "", ""}, {11, "three", "", ""}, {12, "two", "", ""}, {13, "three", "", ""}},
			"[6]",
		},
		{
			"one rule twice in order needs two events",
			[]string{base("one"), correlation("type: temporal_ordered, rules: [one, one], timespan: 10s")},
			[]step{{0, "one", "", ""}, {1, "one", "", ""}, {2, "one", "", ""}},
			"[1]",
		},
		{
			"some of the rules",
			[]string{base("one"), base("two"), base("three"), correlation("type: temporal, rules: [one, two, three], group-by: [user], timespan: 10s, condition: {gte: 2}")},
			[]step{{0, "two", "u", ""}, {1, "two", "u", ""}, {5, "three", "u", ""}, {30, "one", "u", ""}, {41, "two", "u", ""}},
			"[2]",
		},
		{
			"an older match does not replace a newer one",
			[]string{base("one"), base("two"), correlation("type: temporal, rules: [one, two], timespan: 10s")},
			[]step{{20, "one", "", ""}, {5, "one", "", ""}, {28, "two", "", ""}},
			"[2]",
		},
		{
			"other than",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], group-by: [ip], timespan: 10s, condition: {neq: 2}")},
			[]step{fail(0, "a"), fail(1, "a"), fail(2, "b"), fail(13, "c")},
			"[3]",
		},
		{
			"values of two fields together",
			[]string{base("fail"), correlation("type: value_count, rules: [fail], timespan: 10s, condition: {field: [user, ip], gte: 3}")},
			[]step{{0, "fail", "a", "bc"}, {1, "fail", "ab", "c"}, {2, "fail", "a", "bc"}, {3, "fail", "x", ""}, {4, "fail", "a", "c"}},
			"[4]",
		},
		{
			"sum",
			[]string{base("fail"), correlation("type: value_sum, rules: [fail], group-by: [user], timespan: 10s, condition: {field: ip, gt: 10.5}")},
			[]step{{0, "fail", "u", "5.5"}, {1, "fail", "v", "9"}, {2, "fail", "u", "none"}, {11, "fail", "u", "5.5"}, {12, "fail", "u", "5.5"}},
			"[4]",
		},
		{
			"a small sum is judged when the time is over",
			[]string{base("fail"), correlation("type: value_sum, rules: [fail], group-by: [user], timespan: 10s, condition: {field: ip, lt: 10}")},
			[]step{{0, "fail", "u", "4"}, {1, "fail", "u", "5"}, {12, "fail", "v", "10"}, {23, "fail", "w", "1"}},
			"[2]",
		},
		{
			"mean",
			[]string{base("fail"), correlation("type: value_avg, rules: [fail], group-by: [user], timespan: 10s, condition: {field: ip, gte: 5}")},
			[]step{{0, "fail", "u", "9"}, {1, "fail", "u", "1"}, {2, "fail", "v", "9"}, {3, "fail", "v", "0"}, {12, "other", "", ""}, {30, "other", "", ""}},
			"[4]",
		},
		{
			"median",
			[]string{base("fail"), correlation("type: value_median, rules: [fail], group-by: [user], timespan: 10s, condition: {field: ip, eq: 2.5}")},
			[]step{{0, "fail", "u", "100"}, {1, "fail", "u", "2"}, {2, "fail", "u", "3"}, {3, "fail", "u", "1"}, {4, "fail", "v", "2"}, {15, "other", "", ""}},
			"[5]",
		},
		{
			"percentile",
			[]string{base("fail"), correlation("type: value_percentile, rules: [fail], group-by: [user], timespan: 10s, condition: {field: ip, percentile: 75, gt: 2, lt: 4}")},
			[]step{{0, "fail", "u", "100"}, {1, "fail", "u", "2"}, {2, "fail", "u", "3"}, {3, "fail", "u", "1"}, {4, "fail", "v", "2"}, {15, "other", "", ""}},
			"[5]",
		},
		{
			"share of a value",
			[]string{base("fail"), correlation("type: value_percentile, rules: [fail], timespan: 10s, condition: {field: ip, lte: 25}")},
			[]step{fail(0, "x"), fail(1, "x"), fail(2, "x"), fail(3, "y"), fail(14, "x"), fail(15, "x"), fail(16, "y"), fail(30, "x")},
			"[4]",
		},
		{
			"a step that arrives before the one it follows",
			[]string{base("one"), base("two"), correlation("type: temporal_ordered, rules: [one, two], group-by: [user], timespan: 10s")},
			[]step{{10.1, "two", "u", ""}, {10.2, "two", "v", ""}, {10, "one", "u", ""}, {10.3, "one", "v", ""}},
			"[2]",
		},
		{
			"all steps the wrong way round",
			[]string{base("one"), base("two"), base("three"), correlation("type: temporal_ordered, rules: [one, two, three], timespan: 10s")},
			[]step{{10.2, "three", "", ""}, {10.1, "two", "", ""}, {10, "one", "", ""}, {11, "three", "", ""}},
			"[2]",
		},
		{
			"the middle step late",
			[]string{base("one"), base("two"), base("three"), correlation("type: temporal_ordered, rules: [one, two, three], timespan: 10s")},
			[]step{{10, "one", "", ""}, {10.2, "three", "", ""}, {10.1, "two", "", ""}},
			"[2]",
		},
		{
			"too early to be waited for",
			[]string{base("one"), base("two"), correlation("type: temporal_ordered, rules: [one, two], timespan: 10s")},
			[]step{{10.5, "two", "", ""}, {13, "other", "", ""}, {10, "one", "", ""}},
			"[]",
		},
		{
			"what comes later is not taken for what came early",
			[]string{base("one"), base("two"), correlation("type: temporal_ordered, rules: [one, two], timespan: 10s")},
			[]step{{10, "two", "", ""}, {10.5, "one", "", ""}, {10.2, "one", "", ""}, {11, "two", "", ""}, {11.5, "two", "", ""}},
			"[3]",
		},
		{
			"aliases",
			[]string{base("one"), base("two"), correlation("type: temporal, rules: [one, two], group-by: [who], timespan: 10s, aliases: {who: {one: user, two: ip}}")},
			[]step{{0, "one", "x", "y"}, {1, "two", "y", "x"}},
			"[1]",
		},
		{
			"a correlation of a correlation",
			[]string{
				base("fail"), base("ok"), strings.ReplaceAll(correlation("type: event_count, rules: [fail], group-by: [ip], timespan: 10s, condition: {gte: 2}"), "joined", "brute"),
				correlation("type: temporal_ordered, rules: [brute, ok], group-by: [ip], timespan: 60s"),
			},
			[]step{fail(0, "a"), {1, "ok", "", "a"}, fail(2, "a"), {3, "ok", "", "b"}, {4, "ok", "", "a"}},
			"[4]",
		},
		{
			"a clock set back does not stop counting",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], timespan: 10s, condition: {gte: 3}")},
			[]step{fail(10000, "a"), fail(10001, "a"), fail(6402, "a")},
			"[2]",
		},
		{
			"a clock set right again neither",
			[]string{base("fail"), correlation("type: event_count, rules: [fail], timespan: 10s, condition: {gte: 4}")},
			[]step{fail(10000, "a"), fail(6401, "a"), fail(6402, "a"), fail(10003, "a")},
			"[3]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := compile(t, c.rules...)
			if got := fmt.Sprint(play(t, set, set.NewMatcher(detect.Limits{}), c.steps, nil)); got != c.want {
				t.Errorf("fired at %s, want %s", got, c.want)
			}
		})
	}
}

func TestCorrelationExplainsItself(t *testing.T) {
	set := compile(t, base("fail"), base("ok"), correlation("type: temporal_ordered, rules: [fail, ok], group-by: [user], timespan: 1m"))
	var fired int
	play(t, set, set.NewMatcher(detect.Limits{}), []step{{0, "fail", "eve", ""}, {2, "ok", "eve", ""}}, func(m detect.Match) {
		fired++
		evidence := m.Evidence()
		if len(evidence) != 2 || evidence[0].Rule.Title != "fail" || evidence[1].Reasons[0] != (detect.Reason{Field: "kind", Value: "ok", Condition: `is "ok"`, Selection: "s"}) {
			t.Errorf("evidence is %+v", evidence)
		}
		if m.First.Unix() != 0 || m.Time.Unix() != 2 || m.Group[0] != (detect.Value{Name: "user", Text: "eve"}) {
			t.Errorf("match is %+v", m)
		}
		if story := detect.Expand(m.Rule.Holdfast.Story, m.Document); story != "eve did it" {
			t.Errorf("story is %q", story)
		}
	})
	if fired != 1 {
		t.Errorf("fired %d times, want once", fired)
	}
}

// TestEarlyStepsAreRecalled completes a sequence by its first step, which
// arrives last: the match is about the last one all the same.
func TestEarlyStepsAreRecalled(t *testing.T) {
	for _, recall := range []bool{true, false} {
		set := compile(t, base("one"), base("two"), correlation("type: temporal_ordered, rules: [one, two], group-by: [ip], timespan: 1m"))
		m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
		again := set.NewDocument()
		two, one := step{10.1, "two", "eve", "x"}, step{10, "one", "bob", "x"}
		if recall {
			m.RecallWith(func(ref any, each func(*detect.Document)) {
				s := ref.(step)
				fillAt(again, set, time.Unix(0, int64(s.at*1e9)), map[string]any{"kind": s.kind, "user": s.user, "ip": s.ip})
				each(again)
			})
		}
		fired := 0
		for _, s := range []step{two, one} {
			fillRef(d, set, s)
			m.Match(d, func(match detect.Match) {
				fired++
				evidence := match.Evidence()
				if len(evidence) != 2 || evidence[0].Ref != one || evidence[1].Ref != two || match.First.UnixMilli() != 10_000 || match.Time.UnixMilli() != 10_100 {
					t.Errorf("match is %+v by %+v", match, evidence)
				}
				want := map[bool]string{true: "eve did it", false: "? did it"}[recall]
				if got := detect.Expand(match.Rule.Holdfast.Story, match.Document); got != want || (evidence[1].Reasons != nil) != recall {
					t.Errorf("story is %q, want %q; reasons are %v", got, want, evidence[1].Reasons)
				}
			})
		}
		if fired != 1 {
			t.Errorf("fired %d times, want once", fired)
		}
	}
}

// fillRef makes the document of a step, which refers to it.
func fillRef(d *detect.Document, set *detect.Ruleset, s step) {
	d.Reset(set.Source(sigma.LogSource{Product: "linux"}), time.Unix(0, int64(s.at*1e9)), s, nil)
	d.SetString(set.Field("kind"), s.kind)
	d.SetString(set.Field("user"), s.user)
	d.SetString(set.Field("ip"), s.ip)
}

func TestRepeatsCount(t *testing.T) {
	set := compile(t, base("fail"), correlation("type: event_count, rules: [fail], timespan: 10s, condition: {gte: 50}"))
	m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
	fillAt(d, set, time.Unix(0, 0), map[string]any{"kind": "fail"})
	d.SetRepeats(60)
	fired := 0
	m.Match(d, func(match detect.Match) { fired++ })
	if fired != 1 {
		t.Errorf("60 repeats of 50 fired %d times, want once", fired)
	}
}

func TestStateIsBounded(t *testing.T) {
	set := compile(t, base("fail"),
		correlation("type: event_count, rules: [fail], group-by: [ip], timespan: 10s, condition: {gte: 3}"),
		strings.ReplaceAll(correlation("type: value_count, rules: [fail], timespan: 10s, condition: {field: ip, gte: 2000}"), "joined", "many"))
	m := set.NewMatcher(detect.Limits{Groups: 100, Values: 50})
	var steps []step
	for i := range 5000 {
		steps = append(steps, step{float64(i) / 1000, "fail", "", fmt.Sprint("ip", i)})
	}
	play(t, set, m, steps, nil)
	c := m.Counters()
	if c.Documents != 5000 || c.Rules[0].Groups != 100 || c.Rules[0].Evicted != 4900 {
		t.Errorf("counters are %+v, want 100 groups and 4900 evicted", c)
	}
	if c.Rules[1].Groups > 1 {
		t.Errorf("the ungrouped correlation has %d groups", c.Rules[1].Groups)
	}
}

func TestJoinedRulesStayQuiet(t *testing.T) {
	loud := strings.Replace(base("two"), "detection", "holdfast: {alert_type: Y}\ndetection", 1)
	for _, c := range []struct{ name, rules, want string }{
		{"quiet by itself", base("one") + "\n---\n" + correlation("type: event_count, rules: [one], timespan: 1m, condition: {gte: 5}"), "[]"},
		{"generate", base("one") + "\n---\n" + correlation("type: event_count, rules: [one], timespan: 1m, condition: {gte: 5}, generate: true"), "[one]"},
		{"an alert type of its own", loud + "\n---\n" + correlation("type: event_count, rules: [two], timespan: 1m, condition: {gte: 5}"), "[two]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := compile(t, c.rules)
			d := set.NewDocument()
			fill(d, set, map[string]any{"kind": set.Rules()[0].Title})
			matched := []string{}
			set.NewMatcher(detect.Limits{}).Match(d, func(m detect.Match) { matched = append(matched, m.Rule.Title) })
			if got := fmt.Sprint(matched); got != c.want {
				t.Errorf("reported %s, want %s", got, c.want)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	count := func(name, of string) string {
		return strings.ReplaceAll(correlation("type: event_count, rules: ["+of+"], timespan: 1m, condition: {gte: 5}"), "joined", name)
	}
	for _, c := range []struct {
		name, rules, want string
		kept              int
	}{
		{"a rule that is not there", count("c", "nowhere"), `test.yml:3: no rule has the id or name "nowhere"`, 0},
		{"a circle", count("a", "b") + "\n---\n" + count("b", "a"), "depends on itself", 0},
		{"itself", count("a", "a"), `depends on itself through "a"`, 0},
		{"a name twice", base("x") + "\n---\n" + base("x"), "test.yml:6: the id or name of this rule is that of test.yml:1", 1},
		{"names that differ in case", base("x") + "\n---\n" + base("X"), "test.yml:6: the id or name", 1},
		{"a filter of a rule that is not there", base("x") + "\n---\n" + filter("[x, nowhere]"), `test.yml:10: no rule has the id or name "nowhere"`, 1},
		{"a filter of itself", filter("[f]"), `"f" is not a detection`, 0},
		{"a filter of a correlation", base("x") + "\n---\n" + count("c", "x") + "\n---\n" + filter("[c]"), `"c" is not a detection`, 2},
		{"filters of each other", filter("[g]") + "\n---\n" + strings.ReplaceAll(filter("[f]"), "name: f", "name: g"), `"g" is not a detection`, 0},
		{"a correlation of a filter", filter("any") + "\n---\n" + count("c", "f"), `no rule has the id or name "f"`, 0},
		{"a filter for another log source", base("x") + "\n---\n" + strings.Replace(filter("[x]"), "linux", "windows", 1), `rule "x" is for log source linux/*/*, the filter for windows/*/*`, 1},
		{"a correlation of a refused one", base("x") + "\n---\n" + count("a", "nowhere") + "\n---\n" + count("b", "a"), "is refused itself", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, err := sigma.Parse("test.yml", []byte(c.rules))
			if err != nil {
				t.Fatal(err)
			}
			set, errs := detect.Compile(rules)
			if len(set.Rules()) != c.kept || len(errs) == 0 {
				t.Fatalf("kept %d rules with errors %v, want %d", len(set.Rules()), errs, c.kept)
			}
			if !strings.Contains(fmt.Sprint(errs), c.want) {
				t.Errorf("errors %v do not say %q", errs, c.want)
			}
		})
	}
}

// filter returns a filter named f of rules.
func filter(rules string) string {
	return "title: f\nname: f\nlogsource: {product: linux}\nfilter:\n  rules: " + rules + "\n  own: {user: root}\n  condition: not own"
}

func TestFilters(t *testing.T) {
	for _, c := range []struct{ name, rules, want string }{
		{"by name", base("one") + "\n---\n" + base("two") + "\n---\n" + filter("[one]"), "two"},
		{"before the rules", filter("[one, two, one]") + "\n---\n" + base("one") + "\n---\n" + base("two"), ""},
		{"any", base("one") + "\n---\n" + filter("any") + "\n---\n" + strings.Replace(base("two"), "linux", "windows", 1), ""},
		{"any of a narrower log source", base("one") + "\n---\n" + base("two") + "\n---\n" + strings.Replace(filter("any"), "linux}", "linux, service: x}", 1), "one two"},
		{"a rule that a correlation joins", base("one") + "\n---\n" + filter("[one]") + "\n---\n" + correlation("type: event_count, rules: [one], timespan: 1m, condition: {gte: 1}"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := compile(t, c.rules)
			m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
			for user, want := range map[string]string{"root": c.want, "ann": "any"} {
				var got []string
				for _, kind := range []string{"one", "two"} {
					fill(d, set, map[string]any{"kind": kind, "user": user})
					m.Match(d, func(match detect.Match) { got = append(got, match.Rule.Title) })
				}
				if text := strings.Join(got, " "); text != want && (want != "any" || text == "") {
					t.Errorf("user %s: matched %q, want %q", user, text, want)
				}
			}
			if set.Stats().Filters != 1 {
				t.Errorf("%d filters are in use, want 1", set.Stats().Filters)
			}
		})
	}
}

func TestFilteredRulesExplainThemselves(t *testing.T) {
	set := compile(t, base("one"), filter("[one]"))
	d := set.NewDocument()
	fill(d, set, map[string]any{"kind": "one", "user": "root"})
	r := set.Rules()[0]
	if len(r.Filtered) != 1 || r.Filtered[0].Title != "f" || r.Detection.Text != `(s) and filter "f": (not own)` {
		t.Errorf("rule is %+v, detection %+v", r, r.Detection)
	}
	e := d.Explain(r)
	if e.Holds || len(e.Parts) != 2 || !e.Parts[0].Holds || e.Parts[1].Holds || e.Parts[1].Parts[0].Text != `selection own of filter "f"` {
		t.Errorf("explained as %+v", e)
	}
}

func TestLaterStepsAloneAreNotRemembered(t *testing.T) {
	set := compile(t, rule("s: {a: x}\ncondition: s")+"name: one\n", rule("s: {b|exists: true}\ncondition: s")+"name: two\n",
		"title: c\ncorrelation: {type: temporal_ordered, rules: [one, two], group-by: [b], timespan: 1m}\n")
	m, d := set.NewMatcher(detect.Limits{Groups: 2}), set.NewDocument()
	matches := 0
	at := time.Unix(0, 0)
	match := func(values map[string]any) {
		at = at.Add(time.Second)
		fillAt(d, set, at, values)
		m.Match(d, func(detect.Match) { matches++ })
	}
	match(map[string]any{"a": "x", "b": "file"})
	for i := range 20 { // would push the first out
		match(map[string]any{"b": i})
	}
	match(map[string]any{"b": "file"})
	if c := m.Counters().Rules[0]; matches != 1 || c.Evicted != 0 || c.Groups != 0 {
		t.Errorf("%d matches, %+v; want 1 and nothing left or evicted", matches, c)
	}
}
