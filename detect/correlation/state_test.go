package correlation_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect/correlation"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// match is a match with one field, its name as evidence.
type match struct{ name, entity string }

func (m match) Field(int32) (string, bool)           { return m.entity, m.entity != "" }
func (m match) Repeats() int                         { return 1 }
func (m match) Evidence() []string                   { return []string{m.name} }
func (m match) Brief(dst []string) []string          { return append(dst, m.name+" in brief") }
func (m match) Capture(dst []string, _ int) []string { return append(dst, m.entity) }
func at(seconds int) time.Time                       { return time.Unix(int64(seconds), 0) }
func none(t *testing.T) func(correlation.Result[string]) {
	return func(r correlation.Result[string]) { t.Errorf("reported %+v", r) }
}

// parse returns the correlations of rules named a and b.
func parse(t *testing.T, body string) []*sigma.Rule {
	t.Helper()
	text := ""
	for _, name := range []string{"a", "b"} {
		text += fmt.Sprintf("title: %[1]s\nname: %[1]s\nlogsource: {product: linux}\ndetection: {s: {k: v}, condition: s}\n---\n", name)
	}
	rules, err := sigma.Parse("test.yml", []byte(text+"title: c\nname: c\ncorrelation: {"+body+"}"))
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func newState(t *testing.T, body string, limits correlation.Limits) *correlation.State[string] {
	t.Helper()
	rules := parse(t, body)
	member := correlation.Member{GroupBy: []int32{1}, Counted: []int32{1}}
	return correlation.NewState[string]([]correlation.Correlation{
		{Spec: rules[2].Correlation, Members: []correlation.Member{member, member}},
	}, limits)
}

func TestSequence(t *testing.T) {
	s := newState(t, "type: temporal_ordered, rules: [a, b], group-by: [e], timespan: 10s", correlation.Limits{})
	s.Advance(at(0), none(t))
	if r, complete := s.Add(0, 1, match{"b", "x"}); complete {
		t.Errorf("complete without its first step: %+v", r)
	}
	s.Add(0, 0, match{"a", "x"})
	if r, complete := s.Add(0, 1, match{"b", "x"}); complete {
		t.Errorf("complete within one event: %+v", r)
	}
	s.Advance(at(3), none(t))
	if r, complete := s.Add(0, 1, match{"b", "y"}); complete {
		t.Errorf("complete by another entity: %+v", r)
	}
	r, complete := s.Add(0, 1, match{"b", "x"})
	if !complete || r.Count != 2 || !r.First.Equal(at(0)) || !slices.Equal(r.Group, []string{"x"}) || !slices.Equal(r.Evidence, []string{"a", "b"}) {
		t.Errorf("got %+v, %v", r, complete)
	}
}

func TestUpperBoundIsJudgedWhenTheWindowIsOver(t *testing.T) {
	s := newState(t, "type: event_count, rules: [a], group-by: [e], timespan: 10s, condition: {lte: 2}", correlation.Limits{})
	s.Advance(at(0), none(t))
	s.Add(0, 0, match{"a", "x"})
	s.Advance(at(10), none(t))
	var got []correlation.Result[string]
	s.Advance(at(11), func(r correlation.Result[string]) { got = append(got, r) })
	if len(got) != 1 || got[0].Count != 1 || !slices.Equal(got[0].Captured, []string{"x"}) {
		t.Errorf("got %+v", got)
	}
}

func TestStateIsBounded(t *testing.T) {
	s := newState(t, "type: event_count, rules: [a], group-by: [e], timespan: 1h, condition: {gte: 2}", correlation.Limits{Groups: 3})
	s.Advance(at(0), none(t))
	for i := range 10 {
		s.Add(0, 0, match{"a", fmt.Sprint(i)})
	}
	s.Add(0, 0, match{"a", ""})
	c := s.Counters()
	if want := (correlation.Fill{Groups: 3, Evicted: 7}); c.Fill[0] != want || c.Ungrouped != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestResolve(t *testing.T) {
	for body, want := range map[string]int{
		"type: temporal, rules: [a, B], timespan: 1s":       3,
		"type: temporal, rules: [a, missing], timespan: 1s": 2,
		"type: temporal, rules: [a, c], timespan: 1s":       2,
	} {
		kept, errs := correlation.Resolve(parse(t, body))
		if len(kept) != want || len(errs) != 3-want {
			t.Errorf("%s: kept %d, errors %v", body, len(kept), errs)
		}
	}
}
