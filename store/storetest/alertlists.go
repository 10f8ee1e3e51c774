package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// listed returns the ids of a list, read in pages.
func listed(t *testing.T, s store.State, f store.AlertFilter, o store.AlertOrder, limit int) []string {
	t.Helper()
	var ids []string
	for _, line := range walk(t, limit, func(ctx context.Context, p store.Page) (store.List[finding.Summary], error) {
		return s.Alerts(ctx, f, o, p)
	}) {
		ids = append(ids, line.ID)
	}
	return ids
}

// various stores n alerts that differ in everything, with triage, and returns
// what is stored.
func various(t *testing.T, s store.State, n int) []finding.Case {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 3 {
		ok(t, s.AddHost(t.Context(), host(fmt.Sprint("h", i), fmt.Sprint("Server-", i))))
	}
	tactics := []finding.Tactic{"execution", "persistence", "impact"}
	var alerts []finding.Alert
	for i := range n {
		a := alert(fmt.Sprintf("a%03d", i))
		a.Type = finding.AlertType(fmt.Sprint("VM_Type", random.IntN(12)))
		a.Title = fmt.Sprint("Title of ", a.Type)
		a.Severity = finding.Severity(random.IntN(4))
		a.Host = event.HostID(fmt.Sprint("h", random.IntN(4)))
		a.Story = fmt.Sprintf("Program %d did it", random.IntN(n))
		a.Rule.ID = fmt.Sprint("rule-", random.IntN(5))
		a.Tactics = tactics[:random.IntN(3)]
		a.Count = 1 + random.Uint32N(4)
		a.LastTime = start.Add(time.Duration(random.IntN(n/2)) * 20 * time.Minute)
		alerts = append(alerts, a)
	}
	save(t, s, start, alerts...)
	groups := make([][]string, 12)
	for _, a := range alerts {
		g := random.IntN(len(groups))
		groups[g] = append(groups[g], a.ID)
	}
	for g, ids := range groups {
		c := store.AlertChange{Status: pointer(finding.Statuses()[g%4]), Assignee: pointer([]string{"", "anna", "bert"}[g%3]), By: "anna", Time: start}
		_, err := s.ChangeAlerts(t.Context(), ids, c)
		ok(t, err)
	}
	cases := make([]finding.Case, n)
	for i, a := range alerts {
		cases[i] = read(t, s, a.ID)
	}
	return cases
}

// passes is the plain meaning of a filter.
func passes(f store.AlertFilter, c finding.Case) bool {
	text := strings.ToLower(f.Text)
	return anyOf(f.Status, c.Status) && anyOf(f.Severity, c.Severity) && anyOf(f.Type, c.Type) && anyOf(f.Host, c.Host) &&
		anyOf(f.Assignee, c.Assignee) && anyOf(f.Rule, c.Rule.ID) && !slices.Contains(f.ExcludeIDs, c.ID) &&
		(len(f.Tactic) == 0 || slices.ContainsFunc(c.Tactics, func(t finding.Tactic) bool { return slices.Contains(f.Tactic, t) })) &&
		(f.Since.IsZero() || !c.LastTime.Before(f.Since)) && (f.Until.IsZero() || c.LastTime.Before(f.Until)) &&
		(strings.Contains(strings.ToLower(c.Title), text) || strings.Contains(strings.ToLower(c.Story), text) || strings.Contains(strings.ToLower(c.HostName), text))
}

func anyOf[T cmp.Ordered](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// sortCases is the plain meaning of an order, but for ties.
func sortCases(o store.AlertOrder, a, b finding.Case) int {
	newest := b.LastTime.Compare(a.LastTime)
	switch o {
	case store.OldestFirst:
		return -newest
	case store.SevereFirst:
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), newest)
	case store.MildFirst:
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), -newest)
	case store.MostFirst:
		return cmp.Compare(b.Count, a.Count)
	case store.FewestFirst:
		return cmp.Compare(a.Count, b.Count)
	}
	return newest
}

func filters() map[string]store.AlertFilter {
	return map[string]store.AlertFilter{
		"none":             {},
		"status":           {Status: []finding.Status{finding.Open, finding.Resolved}},
		"severity":         {Severity: []finding.Severity{finding.High, finding.Informational}},
		"type":             {Type: []finding.AlertType{"VM_Type1", "VM_Type2", "unknown"}},
		"unknown type":     {Type: []finding.AlertType{"unknown"}},
		"host":             {Host: []event.HostID{"h1"}},
		"tactic":           {Tactic: []finding.Tactic{"persistence", "impact"}},
		"nobody's":         {Assignee: []string{""}},
		"assignee":         {Assignee: []string{"anna", ""}},
		"rule":             {Rule: []string{"rule-3"}},
		"time":             {Since: start.Add(5 * time.Hour), Until: start.Add(10 * time.Hour)},
		"text in title":    {Text: "title OF vm_type1"},
		"text in story":    {Text: "PROGRAM 1"},
		"text in host":     {Text: "server-2"},
		"short text":       {Text: "2"},
		"text of all":      {Text: "did it"},
		"text of none":     {Text: "no such text"},
		"text across":      {Text: "itserver"},
		"pattern in text":  {Text: "%_%"},
		"quotes in text":   {Text: `"did'`},
		"operator in text": {Text: "did OR it"},
		"without some":     {ExcludeIDs: []string{"a001", "a002", "unknown"}},
		"everything": {
			Status: finding.Statuses()[:3], Severity: []finding.Severity{finding.High, finding.Low}, Host: []event.HostID{"h1", "h2"},
			Assignee: []string{"anna", "bert"}, Text: "program", Since: start.Add(time.Hour), ExcludeIDs: []string{"a003"},
		},
	}
}

func alertFilters(t *testing.T, s store.State) {
	cases := various(t, s, 120)
	orders := []store.AlertOrder{"", store.NewestFirst, store.OldestFirst, store.SevereFirst, store.MildFirst, store.MostFirst, store.FewestFirst}
	byID := make(map[string]finding.Case)
	for _, c := range cases {
		byID[c.ID] = c
	}
	for name, f := range filters() {
		t.Run(name, func(t *testing.T) {
			var want []string
			for _, c := range cases {
				if passes(f, c) {
					want = append(want, c.ID)
				}
			}
			for _, o := range orders {
				got := listed(t, s, f, o, 7)
				inOrder := slices.IsSortedFunc(got, func(a, b string) int { return sortCases(o, byID[a], byID[b]) })
				same(t, listed(t, s, f, o, 1000), got)
				slices.Sort(got)
				same(t, got, want)
				if !inOrder {
					t.Errorf("order %q is not kept", o)
				}
			}
		})
	}
	_, err := s.Alerts(t.Context(), store.AlertFilter{}, "sideways", store.Page{})
	if err == nil {
		t.Error("an unknown order is taken")
	}
}

// alertText searches among so many alerts that not all with the text can be
// looked at one by one, and for letters beyond ASCII.
func alertText(t *testing.T, s store.State) {
	var alerts []finding.Alert
	for i := range 300 {
		a := alert(fmt.Sprintf("a%03d", i))
		a.Story = fmt.Sprintf("Überweisung %03d by naïve user", i)
		alerts = append(alerts, a)
	}
	save(t, s, start, alerts...)
	for text, want := range map[string]int{"überweisung 29": 10, "ÜBER": 300, "NAÏVE USER": 300, "ve us": 300, "ï": 300, "299": 1, "Reverse SHELL": 300} {
		if got := len(listed(t, s, store.AlertFilter{Text: text}, "", 100)); got != want {
			t.Errorf("%q: %d alerts, want %d", text, got, want)
		}
	}
}

func alertPages(t *testing.T, s store.State) {
	ctx := t.Context()
	cases := various(t, s, 60)
	first, err := s.Alerts(ctx, store.AlertFilter{}, store.SevereFirst, store.Page{Limit: 10})
	ok(t, err)
	_, err = s.Alerts(ctx, store.AlertFilter{}, store.NewestFirst, store.Page{After: first.Next})
	wantError(t, err, store.ErrCursor)
	refusesCursors(t, "bnVsbA", func(ctx context.Context, p store.Page) (store.List[finding.Summary], error) {
		return s.Alerts(ctx, store.AlertFilter{}, store.MostFirst, p)
	})

	// Alerts come and go between pages: each that stays is seen exactly once.
	seen := make(map[string]int)
	p := store.Page{Limit: 7}
	for round := 0; ; round++ {
		l, err := s.Alerts(ctx, store.AlertFilter{}, store.OldestFirst, p)
		ok(t, err)
		for _, line := range l.Items {
			seen[line.ID]++
		}
		if l.Next == "" {
			break
		}
		p.After = l.Next
		a := alert(fmt.Sprint("new", round))
		a.LastTime = start.Add(-time.Hour) // before everything that was read
		save(t, s, start, a)
		_, err = s.DropAlerts(ctx, start, 1)
		ok(t, err)
	}
	for _, c := range cases {
		if seen[c.ID] != 1 {
			t.Errorf("%s was seen %d times", c.ID, seen[c.ID])
		}
	}
}

func alertCounts(t *testing.T, s store.State) {
	cases := various(t, s, 120)
	for name, f := range filters() {
		t.Run(name, func(t *testing.T) {
			got, err := s.CountAlerts(t.Context(), f, time.Hour)
			ok(t, err)
			want := countPlainly(f, cases)
			for i := 1; i < len(got.Over); i++ {
				if step := got.Over[i].Start.Sub(got.Over[i-1].Start); step != time.Hour {
					t.Errorf("bucket %d begins %v after the one before", i, step)
				}
			}
			inBuckets := make(map[string]int64)
			for _, b := range got.Over {
				for k, n := range b.BySeverity {
					inBuckets[k] += n
				}
			}
			dropZeros(got.BySeverity, got.ByStatus, inBuckets)
			same(t, inBuckets, want.BySeverity)
			got.Over = nil
			same(t, got, want)
		})
	}
	counts, err := s.CountAlerts(t.Context(), store.AlertFilter{}, 0)
	ok(t, err)
	if len(counts.Over) != 0 {
		t.Error("buckets without a width")
	}
	counts, err = s.CountAlerts(t.Context(), store.AlertFilter{Since: start.Add(-3 * time.Hour), Until: start.Add(time.Hour)}, time.Hour)
	ok(t, err)
	if n := len(counts.Over); n < 4 || n > 5 {
		t.Errorf("four hours are %d buckets", n)
	}
}

func dropZeros(maps ...map[string]int64) {
	for _, m := range maps {
		for k, n := range m {
			if n == 0 {
				delete(m, k)
			}
		}
	}
}

func countPlainly(f store.AlertFilter, cases []finding.Case) store.AlertCounts {
	want := store.AlertCounts{BySeverity: make(map[string]int64), ByStatus: make(map[string]int64)}
	types, hosts, names := make(map[string]int64), make(map[string]int64), make(map[string]string)
	for _, c := range cases {
		names[string(c.Type)], names[string(c.Host)] = string(c.Type), cmp.Or(c.HostName, string(c.Host))
		if passes(f, c) {
			want.Total++
			want.BySeverity[c.Severity.String()]++
			want.ByStatus[string(c.Status)]++
			types[string(c.Type)]++
			hosts[string(c.Host)]++
		}
	}
	want.TopTypes, want.TopHosts = topPlainly(types, names), topPlainly(hosts, names)
	return want
}

func topPlainly(numbers map[string]int64, names map[string]string) []store.Count {
	var counts []store.Count
	for k, n := range numbers {
		counts = append(counts, store.Count{Key: k, Label: names[k], Count: n})
	}
	slices.SortFunc(counts, func(a, b store.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key))
	})
	return counts[:min(10, len(counts))]
}
