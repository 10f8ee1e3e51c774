package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadRules(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yml", "web/b.YAML", "readme.md", ".git/c.yml", "web/.d.yml", "regression_data/e.yml"} {
		writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), "title: "+name)
	}
	got, err := readRules(dir)
	want := []api.RuleFile{{Name: "a.yml", Text: "title: a.yml"}, {Name: "web/b.YAML", Text: "title: web/b.YAML"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := readRules(filepath.Join(dir, "web", "b.YAML")); err != nil || len(got) != 1 || got[0].Name != "b.YAML" {
		t.Errorf("a file: %+v, %v", got, err)
	}
	writeFile(t, filepath.Join(dir, "large.yml"), strings.Repeat("#", store.MaxRuleText+1))
	if _, err := readRules(dir); err == nil {
		t.Error("a file that is too large is read")
	}
	for _, path := range []string{filepath.Join(dir, "none"), t.TempDir()} {
		if _, err := readRules(path); err == nil {
			t.Errorf("%s holds rules", path)
		}
	}
}

// server answers with the documents.
func serveDocs(t *testing.T, docs map[string]string) *client.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(store.RuleDoc{ID: name, Text: docs[name]}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	c, err := client.New(client.Options{Server: s.URL, Token: "hft_x"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPullStaysInItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules")
	var notes bytes.Buffer
	e := &Env{Err: &notes}
	c := serveDocs(t, map[string]string{"a.yml": "one", "web/b.yml": "two", "../out.yml": "three"})
	pull := func(force bool, names ...string) error {
		var list []store.RuleDoc
		for _, name := range names {
			list = append(list, store.RuleDoc{ID: name})
		}
		return e.pull(t.Context(), c, list, dir, force)
	}
	if err := pull(false, "a.yml", "web/b.yml"); err != nil {
		t.Fatal(err)
	}
	if err := pull(true, "../out.yml"); err == nil {
		t.Error("a document is written beside the directory")
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "out.yml")); err == nil {
		t.Error("a file stands beside the directory")
	}
	path := filepath.Join(dir, "web", "b.yml")
	writeFile(t, path, "mine")
	if err := pull(false, "a.yml", "web/b.yml"); !errors.Is(err, usage.ErrPartial) || !strings.Contains(notes.String(), "web/b.yml differs") {
		t.Errorf("a file that differs: %v, %s", err, &notes)
	}
	if err := pull(true, "web/b.yml"); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "two" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestWhatRulesDidIsDrawn(t *testing.T) {
	done := api.RulePushed{Added: []string{"a.yml"}, Changed: []string{}, Removed: []string{"b\x1b[2J.yml"}, Unchanged: 2}
	if text := drawPushed(done, true); strings.Contains(text, "\x1b") || !strings.Contains(text, "would be added: a.yml\n") || !strings.Contains(text, "1 would be added, 0 changed, 1 removed; 2 are as they were.") {
		t.Errorf("%q", text)
	}
	done.Refused = []api.RuleProblem{{Name: "a.yml", Line: 3, Reason: "it\nis bad"}}
	if text := drawPushed(done, false); !strings.HasPrefix(text, "a.yml:3: it") || strings.Count(text, "\n") != 1 {
		t.Errorf("%q", text)
	}
	style := render.Style{Width: 100, Location: time.UTC}
	run := api.RuleDryRunResult{Scanned: 7, Matched: 30, Stopped: "the time was over", Problems: []api.RuleProblem{{Line: 2, Reason: "no"}}}
	for range 25 {
		run.Events = append(run.Events, api.DryRunMatch{Event: event.Event{Class: event.ClassProcessActivity}})
	}
	text := drawDryRun(run, style)
	for _, want := range []string{"left out: line 2: no", "… and 10 more", "30 matches in 7 events", "Not complete: the time was over."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	docs := drawDocs([]store.RuleDoc{{ID: "a\x1b.yml", State: store.RuleTest, Matches: 4}}, style)
	if strings.Contains(docs, "\x1b") || !strings.Contains(docs, "test") {
		t.Errorf("%q", docs)
	}
}
