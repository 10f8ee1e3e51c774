package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// newDoc is a change that adds a document.
func newDoc(name string, state store.RuleState) store.RuleDocChange {
	return store.RuleDocChange{
		Name: name, Text: "title: Of " + name + "\n", State: state, Note: "as asked",
		Rules: []store.DocRule{{ID: "id-" + name, Title: "Of " + name, Level: finding.Medium}},
	}
}

// wantDoc is the document that a change makes.
func wantDoc(c store.RuleDocChange, version int64) store.RuleDoc {
	return store.RuleDoc{
		ID: c.Name, Text: c.Text, State: c.State, Version: version, Author: "anna", Changed: start, Note: c.Note, Rules: c.Rules, Bytes: len(c.Text),
	}
}

func changeDocs(t *testing.T, s store.State, changes ...store.RuleDocChange) {
	t.Helper()
	ok(t, s.ChangeRuleDocs(t.Context(), changes, "anna", start))
}

func ruleDocs(t *testing.T, s store.State) {
	ctx := t.Context()
	_, err := s.RuleDoc(ctx, "none.yml")
	wantError(t, err, store.ErrNotFound)
	_, err = s.RuleHistory(ctx, "none.yml")
	wantError(t, err, store.ErrNotFound)
	ok(t, s.ChangeRuleDocs(ctx, nil, "anna", start))
	a, b, c := newDoc("a.yml", store.RuleLive), newDoc("b/B.yml", store.RuleTest), newDoc("c_%.yml", store.RuleDraft)
	changeDocs(t, s, c, a, b)
	got, err := s.RuleDoc(ctx, "b/B.yml")
	ok(t, err)
	same(t, got, wantDoc(b, 1))
	used, err := s.UsedRuleDocs(ctx)
	ok(t, err)
	same(t, used, []store.RuleDoc{wantDoc(a, 1), wantDoc(b, 1)})

	var listed []store.RuleDoc
	for _, d := range []store.RuleDocChange{a, b, c} {
		line := wantDoc(d, 1)
		line.Text = ""
		listed = append(listed, line)
	}
	read := func(f store.RuleDocFilter) func(context.Context, store.Page) (store.List[store.RuleDoc], error) {
		return func(ctx context.Context, p store.Page) (store.List[store.RuleDoc], error) {
			return s.RuleDocs(ctx, f, p)
		}
	}
	same(t, walk(t, 1, read(store.RuleDocFilter{})), listed)
	same(t, walk(t, 5, read(store.RuleDocFilter{State: store.RuleTest})), listed[1:2])
	same(t, walk(t, 5, read(store.RuleDocFilter{Text: "OF B/"})), listed[1:2])
	same(t, walk(t, 5, read(store.RuleDocFilter{Text: "_%"})), listed[2:])
	same(t, walk(t, 5, read(store.RuleDocFilter{Text: "ID-A", State: store.RuleDraft})), []store.RuleDoc(nil))
	refusesCursors(t, "bnVsbA", read(store.RuleDocFilter{}))
}

func ruleChanges(t *testing.T, s store.State) {
	ctx := t.Context()
	a, b := newDoc("a.yml", store.RuleDraft), newDoc("b.yml", store.RuleLive)
	changeDocs(t, s, a, b)
	change := func(changes ...store.RuleDocChange) error { return s.ChangeRuleDocs(ctx, changes, "anna", start) }
	// Each is refused, and what stands beside it is not done either.
	other := newDoc("other.yml", store.RuleLive)
	wantError(t, change(other, a), store.ErrConflict) // is there already
	stale := a
	stale.Version = 2
	wantError(t, change(other, stale), store.ErrConflict)
	wantError(t, change(other, store.RuleDocChange{Name: "none.yml", Remove: true, Version: store.AnyVersion}), store.ErrNotFound)
	wantError(t, change(other, store.RuleDocChange{Name: "b.yml", Remove: true, Version: 7}), store.ErrConflict)
	wantError(t, change(newDoc("A.YML", store.RuleLive)), store.ErrExists) // differs in case only
	_, err := s.RuleDoc(ctx, "other.yml")
	wantError(t, err, store.ErrNotFound)

	a.Version, a.State, a.Rules = 1, store.RuleLive, nil
	b.Version = store.AnyVersion
	b.Text = "title: B again\n"
	changeDocs(t, s, a, b)
	got, err := s.RuleDoc(ctx, "a.yml")
	ok(t, err)
	same(t, got, wantDoc(a, 2))

	// A removal frees the name, also for one that differs in case, and the
	// next document of that name goes on counting.
	changeDocs(t, s, store.RuleDocChange{Name: "b.yml", Remove: true, Version: 2}, newDoc("B.yml", store.RuleTest))
	_, err = s.RuleDoc(ctx, "b.yml")
	wantError(t, err, store.ErrNotFound)
	changeDocs(t, s, store.RuleDocChange{Name: "B.yml", Remove: true, Version: store.AnyVersion})
	again := newDoc("b.yml", store.RuleDraft)
	changeDocs(t, s, again)
	got, err = s.RuleDoc(ctx, "b.yml")
	ok(t, err)
	same(t, got, wantDoc(again, 4))

	many := make([]store.RuleDocChange, 1000)
	for i := range many {
		many[i] = newDoc(fmt.Sprintf("many/%d.yml", i), store.RuleLive)
	}
	changeDocs(t, s, many...)
	used, err := s.UsedRuleDocs(ctx)
	ok(t, err)
	if len(used) != len(many)+1 {
		t.Errorf("%d documents are in use, want %d", len(used), len(many)+1)
	}
}

func ruleHistory(t *testing.T, s store.State) {
	ctx := t.Context()
	d := newDoc("a.yml", store.RuleDraft)
	d.Version = store.AnyVersion
	for range store.MaxRuleHistory + 3 {
		changeDocs(t, s, d)
	}
	changeDocs(t, s, store.RuleDocChange{Name: "a.yml", Remove: true, Version: store.AnyVersion, Note: "not needed"})
	list, err := s.RuleHistory(ctx, "a.yml")
	ok(t, err)
	if len(list) != store.MaxRuleHistory {
		t.Errorf("%d versions are kept, want %d", len(list), store.MaxRuleHistory)
	}
	removal := store.RuleDoc{ID: "a.yml", State: store.RuleDraft, Version: store.MaxRuleHistory + 4, Author: "anna", Changed: start, Note: "not needed", Removed: true}
	same(t, list[:2], []store.RuleDoc{removal, wantDoc(d, store.MaxRuleHistory+3)})

	large := newDoc("large.yml", store.RuleDraft)
	large.Version, large.Text = store.AnyVersion, strings.Repeat("#", store.MaxRuleText)
	for range store.MaxRuleBytes/store.MaxRuleText + 3 {
		changeDocs(t, s, large)
	}
	list, err = s.RuleHistory(ctx, "large.yml")
	ok(t, err)
	if len(list) != store.MaxRuleBytes/store.MaxRuleText {
		t.Errorf("%d large versions are kept, want %d", len(list), store.MaxRuleBytes/store.MaxRuleText)
	}
}

func ruleMatches(t *testing.T, s store.State) {
	ctx := t.Context()
	changeDocs(t, s, newDoc("a.yml", store.RuleTest), newDoc("b.yml", store.RuleTest))
	sample := func(i int) store.RuleMatch {
		return store.RuleMatch{Time: start.Add(time.Duration(i) * time.Second), Host: "h1", Rule: "id", Title: "T", Text: fmt.Sprint("\x00line ", i), Serial: uint64(i)}
	}
	for i := range store.MaxRuleMatches + 5 {
		ok(t, s.NoteRuleMatches(ctx, map[string]store.RuleMatches{
			"a.yml":    {Version: 1, Count: 3, Samples: []store.RuleMatch{sample(i)}},
			"b.yml":    {Version: 2, Count: 1, Samples: []store.RuleMatch{sample(i)}}, // is of version 1
			"none.yml": {Version: 1, Count: 1},
		}))
	}
	got, err := s.RuleDoc(ctx, "a.yml")
	ok(t, err)
	if got.Matches != 3*(store.MaxRuleMatches+5) || len(got.Samples) != store.MaxRuleMatches || got.LastMatch == nil {
		t.Fatalf("got %d matches, %d samples, last %v", got.Matches, len(got.Samples), got.LastMatch)
	}
	last := sample(store.MaxRuleMatches + 4)
	same(t, *got.LastMatch, last.Time)
	same(t, got.Samples[0].Serial, last.Serial)
	listed, err := s.RuleDocs(ctx, store.RuleDocFilter{}, store.Page{})
	ok(t, err)
	same(t, []int64{listed.Items[0].Matches, listed.Items[1].Matches}, []int64{got.Matches, 0})
	same(t, len(listed.Items[0].Samples), 0)

	d := newDoc("a.yml", store.RuleTest)
	d.Version = 1
	changeDocs(t, s, d)
	got, err = s.RuleDoc(ctx, "a.yml")
	ok(t, err)
	if got.Matches != 0 || got.LastMatch != nil || len(got.Samples) != 0 {
		t.Errorf("a new version begins with %d matches", got.Matches)
	}

	one, two := alert("x1"), alert("x2")
	one.Rule.ID, two.Rule.ID = "r1", "r1"
	one.LastTime, two.LastTime = start, start.Add(-time.Hour)
	_, err = s.SaveAlerts(ctx, []finding.Alert{one, two}, start, store.Position{})
	ok(t, err)
	counts, err := s.AlertsByRule(ctx, start)
	ok(t, err)
	same(t, counts, map[string]int64{"r1": 1})
}
