package rules_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules"
)

// ruleset parses and compiles all embedded rules.
func ruleset(t testing.TB) *detect.Ruleset {
	t.Helper()
	var parsed []*sigma.Rule
	for _, f := range rules.Files() {
		list, err := sigma.Parse(f.Path, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, list...)
	}
	set, errs := detect.Compile(parsed)
	for _, err := range errs {
		t.Error(err)
	}
	return set
}

// raises returns the alert types that the documents of a file raise.
func raises(t *testing.T, f rules.File) []finding.AlertType {
	t.Helper()
	parsed, err := sigma.Parse(f.Path, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	var types []finding.AlertType
	for _, r := range parsed {
		if a := r.Holdfast.AlertType; a != "" && !slices.Contains(types, a) {
			types = append(types, a)
		}
	}
	return types
}

func TestFileNames(t *testing.T) {
	f := rules.File{Path: "linux/discovery/host_reconnaissance.yml"}
	if f.Name() != "host_reconnaissance" || f.Platform() != "linux" {
		t.Errorf("got %q and %q", f.Name(), f.Platform())
	}
	names := make(map[string]bool)
	for _, f := range rules.Files() {
		if names[f.Name()] {
			t.Errorf("two files are named %s", f.Name())
		}
		names[f.Name()] = true
	}
}

func TestRulesAreComplete(t *testing.T) {
	ids := make(map[string]string)
	known := make(map[string]bool)
	for _, f := range fields.Table() {
		known[f.Name] = true
	}
	set := ruleset(t)
	for _, r := range set.Rules() {
		if r.Correlation != nil {
			for alias := range r.Correlation.Aliases {
				known[alias] = true
			}
		}
	}
	for _, name := range set.Fields() {
		if !known[name] {
			t.Errorf("rules use a field %s that no event has", name)
		}
	}
	for _, r := range set.Rules() {
		if r.ID == "" || ids[r.ID] != "" {
			t.Errorf("%s:%d: id %q is missing or that of %s", r.Path, r.Line, r.ID, ids[r.ID])
		}
		ids[r.ID] = r.Path
		if r.Title == "" || r.Description == "" || r.Author == "" || r.Status == "" || r.Level == "" {
			t.Errorf("%s:%d: title, description, author, status or level is missing", r.Path, r.Line)
		}
		if r.Holdfast.AlertType != "" {
			checkAlert(t, r, known)
		}
	}
}

// placeholder is a field in a story or remediation step.
var placeholder = regexp.MustCompile(`\{([A-Za-z0-9]+)\}`)

func checkAlert(t *testing.T, r *sigma.Rule, known map[string]bool) {
	t.Helper()
	if len(r.Holdfast.Remediation) < 3 || r.Holdfast.Story == "" {
		t.Errorf("%s:%d: needs a story and at least three remediation steps", r.Path, r.Line)
	}
	for _, text := range append([]string{r.Holdfast.Story}, r.Holdfast.Remediation...) {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if !known[m[1]] {
				t.Errorf("%s:%d: {%s} is no field", r.Path, r.Line, m[1])
			}
		}
	}
	if len(r.Tactics()) == 0 || (len(r.Techniques()) == 0 && r.Holdfast.AlertType != "VM_EICAR") {
		t.Errorf("%s:%d: needs tags for tactic and technique", r.Path, r.Line)
	}
	if !strings.Contains(r.Description, "wrong") && !strings.Contains(r.Description, "expected") &&
		r.Level != sigma.LevelInformational && r.Level != sigma.LevelLow && r.Holdfast.AlertType != "VM_EICAR" {
		t.Errorf("%s:%d: the description does not say how the rule can be wrong", r.Path, r.Line)
	}
}

// own are our alert types that the catalogue of the original does not have.
var own = []finding.AlertType{
	"HF_SudoersModified", "HF_LdPreloadModified", "HF_PtraceInjection", "HF_MemoryFileExecuted", "HF_BruteForcedSession",
	"HF_ServerPersistence", "HF_KernelProtectionDisabled", "HF_CredentialSweep", "HF_RootGained",
}

// milder are our rules whose severity is below that of their type in the
// catalogue, with the reason. Each stands beside one that has it.
var milder = map[string]string{
	"7a0c2f54-6f3e-4a58-9d0b-5e1d6c8b2a17": "a well-known installer, run by somebody at a terminal",
	"e84d5b06-2c9f-4f63-b7a1-3d5a90c6f128": "the same, seen as two programs",
}

func TestAlertTypesAreInTheCatalogue(t *testing.T) {
	file, err := os.Open(filepath.Join(filepath.Dir(hosttest.Data(t)), "catalog", "alerts.csv"))
	if err != nil {
		t.Skipf("no catalogue: %v", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// Rows: platform, display name, id, tactics, severity, …
	severities := make(map[string][]string) // by id, and by name for rows without one
	for _, row := range rows[1:] {
		key := row[2]
		if key == "" {
			key, _, _ = strings.Cut(row[1], " [")
		}
		severities[key] = append(severities[key], strings.ToLower(row[4]))
	}
	for _, r := range ruleset(t).Rules() {
		alert := r.Holdfast.AlertType
		if alert == "" || slices.Contains(own, alert) || milder[r.ID] != "" {
			continue
		}
		want, ok := severities[string(alert)]
		if strings.HasPrefix(string(alert), "HF_") {
			want, ok = severities[r.Title]
		}
		if !ok {
			t.Errorf("%s:%d: %s is not in the catalogue", r.Path, r.Line, alert)
		} else if !slices.Contains(want, r.Level.Severity().String()) {
			t.Errorf("%s:%d: %s has level %s, the catalogue says %v", r.Path, r.Line, alert, r.Level, want)
		}
	}
}

// alerts replays recorded lines and returns the types of the alerts, in order.
func alerts(t *testing.T, set *detect.Ruleset, data []byte) (raised []string, stats replay.Stats) {
	t.Helper()
	stats = replayed(set, data, func(m detect.Match) {
		raised = append(raised, string(m.Rule.Holdfast.AlertType))
		checkStory(t, m)
	})
	return raised, stats
}

// replayed calls f with what recorded lines match.
func replayed(set *detect.Ruleset, data []byte, f func(detect.Match)) replay.Stats {
	mapper, matcher := fields.NewMapper(set), set.NewMatcher(detect.Limits{})
	reader := replay.NewReader(replay.Options{Events: func(events []*event.Event) {
		for _, ev := range events {
			mapper.Each(ev, func(d *detect.Document) { matcher.Match(d, f) })
		}
	}})
	reader.Open("sample", time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC))
	number := 0
	for line := range bytes.Lines(data) {
		number++
		reader.Line(input.Line{Text: bytes.TrimSuffix(line, []byte("\n")), Number: number})
	}
	reader.Flush()
	return reader.Stats()
}

// option is text of a story that stands only with its fields.
var option = regexp.MustCompile(`\[[^]]*\{[^]]*\]`)

// checkStory reports a story whose fields the matching document does not have.
func checkStory(t *testing.T, m detect.Match) {
	t.Helper()
	for _, name := range placeholder.FindAllStringSubmatch(option.ReplaceAllString(m.Rule.Holdfast.Story, ""), -1) {
		if text, ok := m.Document.Text(name[1]); !ok || text == "" {
			t.Errorf("%s:%d: no %s for the story", m.Rule.Path, m.Rule.Line, name[1])
		}
	}
}

func TestSamples(t *testing.T) {
	set := ruleset(t)
	for _, f := range rules.Files() {
		t.Run(f.Name(), func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.FromSlash(strings.TrimSuffix(f.Path, ".yml") + ".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			types := raises(t, f)
			matches, others := 0, 0
			for _, sample := range archive.Files {
				raised, stats := alerts(t, set, sample.Data)
				if stats.Skipped > 0 || stats.Events == 0 {
					t.Errorf("%s: %d lines skipped, %d events: %v", sample.Name, stats.Skipped, stats.Events, stats.Skips)
				}
				hit := slices.ContainsFunc(raised, func(a string) bool { return slices.Contains(types, finding.AlertType(a)) })
				switch {
				case strings.HasPrefix(sample.Name, "match-"):
					matches++
					if !hit {
						t.Errorf("%s does not raise %v but %v", sample.Name, types, raised)
					}
				case strings.HasPrefix(sample.Name, "nomatch-"):
					others++
					if hit {
						t.Errorf("%s raises %v", sample.Name, raised)
					}
				default:
					t.Errorf("%s is neither match- nor nomatch-", sample.Name)
				}
			}
			if matches < 2 || others < 3 {
				t.Errorf("%d samples that match and %d that do not, want 2 and 3", matches, others)
			}
		})
	}
}
