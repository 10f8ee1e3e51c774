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
