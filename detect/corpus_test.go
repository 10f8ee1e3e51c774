package detect_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// files returns the files under a directory whose name ends so.
func files(t testing.TB, root, suffix string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, suffix) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

var publicRules = sync.OnceValue(func() *detect.Ruleset { return nil })

// corpus compiles the whole SigmaHQ tree.
func corpus(t testing.TB) *detect.Ruleset {
	t.Helper()
	if set := publicRules(); set != nil {
		return set
	}
	set, errs := detect.Compile(corpusRules(t))
	for _, err := range errs {
		t.Error(err)
	}
	publicRules = func() *detect.Ruleset { return set }
	return set
}

func corpusRules(t testing.TB) []*sigma.Rule {
	t.Helper()
	root := hosttest.Data(t, "sigma-rules")
	var rules []*sigma.Rule
	for _, path := range files(t, root, ".yml") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parsed, _ := sigma.Parse(strings.TrimPrefix(path, root+"/"), data)
		rules = append(rules, parsed...)
	}
	return rules
}

// regressionCase is an event and the rule that it must match.
type regressionCase struct {
	name   string
	event  []byte
	ruleID string
}

func regressionCases(t testing.TB) []regressionCase {
	t.Helper()
	var cases []regressionCase
	for _, path := range files(t, hosttest.Data(t, "sigma-regression", "regression_data"), ".json") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSuffix(filepath.Base(path), ".json")
		for _, one := range eventsOf(t, data) {
			cases = append(cases, regressionCase{filepath.Base(filepath.Dir(path)), one, id})
		}
	}
	return cases
}

// eventsOf returns the objects of a file, compacted.
func eventsOf(t testing.TB, data []byte) [][]byte {
	t.Helper()
	var events [][]byte
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	for decoder.More() {
		var one json.RawMessage
		if err := decoder.Decode(&one); err != nil {
			t.Fatal(err)
		}
		events = append(events, one)
	}
	return events
}

func matchedIDs(m *detect.Matcher, d *detect.Document) []string {
	var ids []string
	m.Match(d, func(match detect.Match) { ids = append(ids, match.Rule.ID) })
	slices.Sort(ids)
	return ids
}

// plainIDs evaluates every rule without the index.
func plainIDs(set *detect.Ruleset, d *detect.Document) []string {
	var ids []string
	for _, rule := range set.Rules() {
		if detect.HoldsPlainly(d, rule) {
			ids = append(ids, rule.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestPublicRegressionEventsMatch(t *testing.T) {
	set := corpus(t)
	t.Logf("%+v", set.Stats())
	mapper, m := fields.NewJSONMapper(set, sigma.LogSource{}), set.NewMatcher(detect.Limits{})
	matched := make(map[string]bool)
	for _, c := range regressionCases(t) {
		d, err := mapper.Map(c.event, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := matchedIDs(m, d)
		if want := plainIDs(set, d); !slices.Equal(got, want) {
			t.Errorf("%s: the index finds %v, evaluating every rule %v", c.name, got, want)
		}
		matched[c.ruleID] = matched[c.ruleID] || slices.Contains(got, c.ruleID)
	}
	for id, ok := range matched {
		if !ok {
			t.Errorf("no event of its own matches rule %s", id)
		}
	}
}
