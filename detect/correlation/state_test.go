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

// number is a match whose field is a number.
func number(n float64) match { return match{"a", fmt.Sprint(n)} }

func TestSumsAreBounded(t *testing.T) {
	rules := parse(t, "type: value_sum, rules: [a], timespan: 1h, condition: {field: n, gt: 9999}")
	s := correlation.NewState[string]([]correlation.Correlation{
		{Spec: rules[2].Correlation, Members: []correlation.Member{{Counted: []int32{1}}}},
	}, correlation.Limits{Values: 8})
	for i := range 20_000 {
		s.Advance(time.Unix(0, int64(i)*1e6), none(t))
		r, complete := s.Add(0, 0, number(1))
		if want := i == 9999; complete != want {
			t.Fatalf("after %d: complete is %t", i+1, complete)
		}
		if complete {
			if r.Count != 10_000 {
				t.Errorf("the sum is %d", r.Count)
			}
			return
		}
	}
}

func TestMeasuresForgetOldValues(t *testing.T) {
	rules := parse(t, "type: value_sum, rules: [a], timespan: 10s, condition: {field: n, gte: 5}")
	s := correlation.NewState[string]([]correlation.Correlation{
		{Spec: rules[2].Correlation, Members: []correlation.Member{{Counted: []int32{1}}}},
	}, correlation.Limits{Values: 4})
	for i := range 100 {
		s.Advance(at(i*5), none(t))
		if r, complete := s.Add(0, 0, number(1)); complete {
			t.Fatalf("three within ten seconds are five: %+v", r)
		}
	}
	s.Add(0, 0, match{"a", "none"})
	s.Add(0, 0, match{"a", "NaN"})
	if c := s.Counters(); c.Fill[0].Dropped != 2 {
		t.Errorf("dropped %d texts that are no numbers, want 2", c.Fill[0].Dropped)
	}
}

func TestPercentilesOfManyValuesAreClose(t *testing.T) {
	rules := parse(t, "type: value_median, rules: [a], timespan: 1h, condition: {field: n, gt: 3000, lt: 7000}")
	s := correlation.NewState[string]([]correlation.Correlation{
		{Spec: rules[2].Correlation, Members: []correlation.Member{{Counted: []int32{1}}}},
	}, correlation.Limits{Values: 500})
	s.Advance(at(0), none(t))
	for i := range 10_000 {
		s.Add(0, 0, number(float64(i)))
	}
	reported := 0
	s.Advance(at(4000), func(r correlation.Result[string]) { reported++ })
	if reported != 1 {
		t.Errorf("reported %d times, want once", reported)
	}
}

// FuzzOrder plays steps in any order: what completes must have been in order by
// its own times, and the state stays within its bounds.
func FuzzOrder(f *testing.F) {
	f.Add([]byte{0, 10, 1, 5, 2, 20})
	f.Add([]byte{2, 3, 1, 2, 0, 1, 2, 4})
	f.Fuzz(func(t *testing.T, steps []byte) {
		rules := parse(t, "type: temporal_ordered, rules: [a, b, a], group-by: [e], timespan: 20s")
		member := correlation.Member{GroupBy: []int32{1}}
		s := correlation.NewState[string]([]correlation.Correlation{
			{Spec: rules[2].Correlation, Members: []correlation.Member{member, member, member}},
		}, correlation.Limits{Groups: 4})
		for i := 0; i+1 < len(steps); i += 2 {
			kind, entity := int(steps[i]%3), fmt.Sprint(steps[i]/3%8)
			s.Advance(time.Unix(100, int64(steps[i+1])*1e8), none(t))
			r, complete := s.Add(0, kind, match{fmt.Sprint(kind), entity})
			if complete && (r.Count != 3 || len(r.Evidence) != 3 || r.Evidence[0][:1] != "0" || r.Evidence[1][:1] != "1" || r.Evidence[2][:1] != "2") {
				t.Errorf("complete by %+v", r)
			}
		}
		if c := s.Counters(); c.Fill[0].Groups > 4 {
			t.Errorf("%d groups", c.Fill[0].Groups)
		}
	})
}
