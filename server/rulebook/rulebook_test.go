package rulebook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/rules"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
	"github.com/holdfast-security/holdfast/wire"
)

// ids of the rules in these tests.
const (
	idX = "0b8f5f0a-1111-4222-8333-444455556601"
	idY = "0b8f5f0a-1111-4222-8333-444455556602"
	idZ = "0b8f5f0a-1111-4222-8333-444455556603"
)

// rule is a rule for programs whose path ends in /title.
func rule(title, id string) string {
	text := "title: " + title + "\n"
	if id != "" {
		text += "id: " + id + "\n"
	}
	return text + `logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: /` + title + `}
  condition: selection
level: low
tags: [attack.execution, attack.t1059.004]
`
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesOfRules(t *testing.T) {
	dir := t.TempDir()
	first, second, single, third := filepath.Join(dir, "a", "rules"), filepath.Join(dir, "b", "rules"), filepath.Join(dir, "one.yml"), filepath.Join(dir, "console")
	write(t, filepath.Join(first, "linux", "x.yml"), rule("X", ""))
	write(t, filepath.Join(first, "readme.txt"), "no rule")
	write(t, filepath.Join(second, "linux", "x.yml"), rule("Y", ""))
	write(t, filepath.Join(third, "x.yml"), rule("Q", ""))
	write(t, single, rule("Z", ""))
	f, err := lay(Config{own: few, Paths: []string{first, second, single, third}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"rules/linux/x.yml": rule("X", ""), "rules-2/linux/x.yml": rule("Y", ""), "one.yml": rule("Z", ""), "console-2/x.yml": rule("Q", "")}
	if len(f.files) != len(want) {
		t.Errorf("got %d files, want %d", len(f.files), len(want))
	}
	for path, data := range want {
		if string(f.files[path]) != data {
			t.Errorf("%s holds %q", path, f.files[path])
		}
	}
	if names := bundleNames([]string{"/", ".", "..", "x/"}); !slices.Equal([]string{names["/"], names["."], names[".."], names["x/"]}, []string{"rules", "rules-2", "rules-3", "x"}) {
		t.Errorf("names: %v", names)
	}
}

func TestLoad(t *testing.T) {
	own, err := Load(nil)
	if err != nil {
		t.Fatalf("our own rules: %v", err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "good.yml"), rule("Good", ""))
	if n, err := Load([]string{dir}); err != nil || n != own+1 {
		t.Errorf("with one more: %d instead of %d, %v", n, own+1, err)
	}
	write(t, filepath.Join(dir, "bad.yml"), "title: x\n")
	write(t, filepath.Join(dir, "worse.yml"), "{")
	var refused *RefusedError
	if _, err := Load([]string{dir}); !errors.As(err, &refused) || len(refused.Refused) != 2 {
		t.Errorf("with two broken ones: %v", err)
	}
	if _, err := Load([]string{filepath.Join(dir, "none")}); err == nil {
		t.Error("a path that is not there is taken")
	}
}

// few returns the first few of Holdfast's own rules, which compile sooner than
// all.
func few() *rulefiles.Set {
	set := &rulefiles.Set{}
	for _, f := range rules.Files()[:3] {
		set.AddFiles(rulefiles.EmbeddedPrefix, map[string][]byte{f.Path: f.Data})
	}
	return set
}

// rig is a book over a real database, and what it told others.
type rig struct {
	*Book
	state *sqlstore.Store
	dir   string

	inForce  *detect.Ruleset
	uses     int
	tried    *detect.Ruleset
	inTest   map[string]store.RuleDoc
	bundle   map[string][]byte
	left     error
	unshared error
	changed  []string
	events   []event.Event
	delay    time.Duration // of each part of a list of events
	asked    sync.WaitGroup
}

func newRig(t *testing.T) *rig {
	t.Helper()
	state, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{state: state, dir: filepath.Join(t.TempDir(), "rules")}
	write(t, filepath.Join(r.dir, "x.yml"), rule("X", idX))
	r.open(t)
	return r
}

// open opens a book as a start of the server does.
func (r *rig) open(t *testing.T) {
	t.Helper()
	var err error
	r.Book, err = Open(Config{
		own: few, Paths: []string{r.dir}, Log: slog.New(slog.DiscardHandler), Refused: func(error) {}, Unshared: func(err error) { r.unshared = err },
		LeftOut: func(err error) { r.left = err }, Changed: func(docs []string) { r.changed = append(r.changed, docs...) },
	})
	if err == nil {
		err = r.ReadDocs(t.Context(), r.state, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.ShareBy(t.Context(), r)
	r.inForce = r.InForce()
	r.Use(func(set *detect.Ruleset) { r.inForce, r.uses = set, r.uses+1 }, r)
}

func (r *rig) SetRules(set *detect.Ruleset, docs map[string]store.RuleDoc) {
	r.tried, r.inTest = set, docs
}

func (r *rig) SetBundle(_ string, content []byte) (err error) {
	r.bundle, err = wire.DecodeBundle(content)
	return err
}

func (r *rig) Announce(context.Context, string) {}

func (r *rig) Events(ctx context.Context, f store.EventFilter) (store.List[event.Event], error) {
	select {
	case <-ctx.Done():
		return store.List[event.Event]{}, ctx.Err()
	case <-time.After(r.delay):
	}
	return store.List[event.Event]{Items: r.events}, nil
}

// save saves a document.
func (r *rig) save(t *testing.T, name, text string, state store.RuleState) error {
	t.Helper()
	return r.Save(t.Context(), []store.RuleDocChange{{Name: name, Text: text, State: state, Version: store.AnyVersion}}, "anna")
}

func (r *rig) mustSave(t *testing.T, name, text string, state store.RuleState) {
	t.Helper()
	if err := r.save(t, name, text, state); err != nil {
		t.Fatal(err)
	}
}

// find returns the rule of a list with an id.
func find(list []api.Rule, id string) (api.Rule, bool) {
	i := slices.IndexFunc(list, func(r api.Rule) bool { return r.ID == id })
	if i < 0 {
		return api.Rule{}, false
	}
	return list[i], true
}

func TestLifeOfADocument(t *testing.T) {
	r := newRig(t)
	before := len(r.inForce.Rules())
	r.mustSave(t, "web/y.yml", "title: not yet a rule", store.RuleDraft)
	if r.uses != 0 || r.tried != nil {
		t.Error("a draft is evaluated")
	}
	r.mustSave(t, "web/y.yml", rule("Y", idY), store.RuleTest)
	if r.uses != 0 || len(r.tried.Rules()) != 1 || r.inTest["web/y.yml"].Version != 2 {
		t.Errorf("in test %v, %d exchanges of those in force", r.inTest, r.uses)
	}
	if one, ok := find(r.List(), idY); !ok || one.State != store.RuleTest || one.Doc != "web/y.yml" || one.Source != api.ConsoleRule {
		t.Errorf("listed as %+v", one)
	}
	if _, shared := r.bundle["console/web/y.yml"]; shared {
		t.Error("a rule in test is handed on to hosts")
	}
	r.mustSave(t, "web/y.yml", rule("Y", idY), store.RuleLive)
	if r.uses != 1 || len(r.inForce.Rules()) != before+1 || r.tried != nil {
		t.Errorf("%d rules in force, want %d", len(r.inForce.Rules()), before+1)
	}
	if string(r.bundle["console/web/y.yml"]) != rule("Y", idY) || string(r.bundle["rules/x.yml"]) != rule("X", idX) {
		t.Errorf("hosts are given %q", r.bundle)
	}
	one, err := r.Rule(strings.ToUpper(idY))
	if err != nil || one.Text != rule("Y", idY) || one.Line != 1 || one.State != store.RuleLive {
		t.Errorf("%+v, %v", one, err)
	}
	if one, err := r.Rule(idX); err != nil || one.Source != api.FileRule || one.Text != rule("X", idX) {
		t.Errorf("%+v, %v", one, err)
	}
	own := r.List()[slices.IndexFunc(r.List(), func(one api.Rule) bool { return one.Source == api.BuiltInRule && one.ID != "" })]
	if one, err := r.Rule(own.ID); err != nil || !strings.Contains(one.Text, one.Title) {
		t.Errorf("%+v, %v", one, err)
	}

	r.open(t) // as after a restart
	if len(r.inForce.Rules()) != before+1 || r.left != nil {
		t.Errorf("%d rules in force, left out %v", len(r.inForce.Rules()), r.left)
	}
	if err := r.Save(t.Context(), []store.RuleDocChange{{Name: "web/y.yml", Remove: true, Version: 3}}, "anna"); err != nil {
		t.Fatal(err)
	}
	if len(r.inForce.Rules()) != before || len(r.bundle) != 1 {
		t.Errorf("%d rules in force after the removal, hosts have %d files", len(r.inForce.Rules()), len(r.bundle))
	}
	if !slices.Contains(r.changed, "web/y.yml") {
		t.Errorf("told of %v", r.changed)
	}
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	r := newRig(t)
	own := r.List()[slices.IndexFunc(r.List(), func(one api.Rule) bool { return one.Source == api.BuiltInRule && one.Kind == "detection" })]
	r.mustSave(t, "y.yml", rule("Y", idY), store.RuleTest)
	for name, c := range map[string]struct{ name, text, want string }{
		"broken":            {"a.yml", "title: A\nlogsource: {product: linux}\ndetection: {condition: nothing}\n", "console/a.yml:"},
		"no YAML":           {"a.yml", "{", "console/a.yml:"},
		"id of ours":        {"a.yml", rule("A", own.ID), own.Title},
		"id of a file's":    {"a.yml", rule("A", idX), "x.yml"},
		"id of one in test": {"a.yml", rule("A", strings.ToUpper(idY)), "console/y.yml"},
		"id twice":          {"a.yml", rule("A", idZ) + "---\n" + rule("B", idZ), "console/a.yml"},
		"no id":             {"a.yml", rule("A", ""), "give it one"},
		"exploding regex":   {"a.yml", strings.Replace(rule("A", idZ), "Image|endswith: /A", "Image|re: '(((a{1,100}){1,100}){1,100}){1,100}'", 1), "console/a.yml:"},
		"upwards":           {"../a.yml", rule("A", idZ), "path of a file"},
		"absolute":          {"/a.yml", rule("A", idZ), "path of a file"},
		"no ending":         {"a", rule("A", idZ), "end in .yml"},
		"hidden":            {"a/.b.yml", rule("A", idZ), "dot"},
		"right to left":     {"a\u202elmy.yml", rule("A", idZ), "cannot be seen"},
		"too large":         {"a.yml", strings.Repeat("#", store.MaxRuleText+1), "split"},
		"no text":           {"a.yml", "title: \xff", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			list := r.List()
			for _, state := range []store.RuleState{store.RuleTest, store.RuleLive} {
				err := r.save(t, c.name, c.text, state)
				if !errors.Is(err, account.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("in %s: %v, want something of %q", state, err, c.want)
				}
			}
			if len(r.List()) != len(list) || r.uses != 0 {
				t.Error("something changed")
			}
		})
	}
	if err := r.save(t, "a.yml", rule("A", idZ), "alive"); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("an unknown state: %v", err)
	}
	if err := r.Save(t.Context(), []store.RuleDocChange{{Name: "y.yml", Text: rule("Y", idY), State: store.RuleLive, Version: 7}}, "anna"); !errors.Is(err, store.ErrConflict) || r.uses != 0 {
		t.Errorf("a change of another version: %v", err)
	}
}

func TestRulesInTestAffectNothing(t *testing.T) {
	r := newRig(t)
	before := r.inForce
	filter := `title: Quiet
id: ` + idZ + `
logsource: {product: linux, category: process_creation}
filter:
  rules: [` + idX + `]
  selection: {User: root}
  condition: not selection
`
	r.mustSave(t, "f.yml", filter, store.RuleTest)
	if r.inForce != before || len(r.tried.Rules()) == 0 {
		t.Error("a filter in test narrows a rule in force")
	}
	many := `title: Many of X
id: ` + idY + `
correlation: {type: event_count, rules: [` + idX + `], group-by: [User], timespan: 1m, condition: {gte: 3}}
level: high
`
	r.mustSave(t, "f.yml", many, store.RuleTest)
	if len(r.tried.Rules()) != 2 { // with the rule that it counts
		t.Errorf("%d rules are compiled for the trial", len(r.tried.Rules()))
	}
	if err := r.save(t, "g.yml", strings.Replace(strings.Replace(many, idY, idZ, 1), "["+idX+"]", "["+idY+"]", 1), store.RuleLive); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("a rule in force that counts one in test: %v", err)
	}
	r.mustSave(t, "f.yml", many, store.RuleLive)
}

func TestBoundsOfDocuments(t *testing.T) {
	r := newRig(t)
	values := strings.Replace(rule("V", idY), "{Image|endswith: /V}", "{Image: ["+strings.Repeat("a, ", 99)+"a]}", 1)
	rules, err := sigma.Parse("console/v.yml", []byte(values+"---\n"+rule("W", idZ)))
	if err != nil {
		t.Fatal(err)
	}
	if refused := tooMuch(rules, 100); len(refused) != 1 || !strings.Contains(refused[0].Reason, "remove some") {
		t.Errorf("more values than there may be: %v", refused)
	}
	if refused := tooMuch(rules, 101); len(refused) != 0 {
		t.Errorf("within the bound: %v", refused)
	}
	large := strings.Repeat("# a rule that has much to say\n", 30_000)
	var p api.RulePush
	for i := range 12 { // more than a bundle holds
		id := idY[:len(idY)-2] + fmt.Sprint(10+i)
		p.Docs = append(p.Docs, api.RuleFile{Name: fmt.Sprintf("%d.yml", i), Text: rule(fmt.Sprint("L", i), id) + large})
	}
	p.State = store.RuleLive
	if done, err := r.Push(t.Context(), p, "anna"); err != nil || len(done.Added) != 12 || r.unshared == nil {
		t.Errorf("%+v, %v, unshared %v", done, err, r.unshared)
	}
	if done, err := r.Push(t.Context(), api.RulePush{Prune: true}, "anna"); err != nil || len(done.Removed) != 12 || r.unshared != nil {
		t.Errorf("%+v, %v, unshared %v", done, err, r.unshared)
	}
}

func TestReload(t *testing.T) {
	r := newRig(t)
	r.mustSave(t, "y.yml", rule("Y", idY), store.RuleLive)
	n := len(r.inForce.Rules())
	write(t, filepath.Join(r.dir, "y.yml"), rule("Other", idY)) // as the document's
	if _, err := r.Reload(t.Context()); !errors.Is(err, account.ErrInvalid) || !strings.Contains(err.Error(), "console/y.yml") {
		t.Errorf("a file with the id of a document's rule: %v", err)
	}
	if len(r.inForce.Rules()) != n {
		t.Error("what was refused is in force")
	}
	r.open(t) // such files are no reason not to start, and the document is out
	if r.left == nil || !strings.Contains(r.left.Error(), "console/y.yml") || len(r.inForce.Rules()) != n {
		t.Errorf("left out %v, %d rules", r.left, len(r.inForce.Rules()))
	}
	if got, err := r.Reload(t.Context()); err != nil || got != n || r.left == nil {
		t.Errorf("%d rules, %v, left out %v", got, err, r.left)
	}
	if err := os.Remove(filepath.Join(r.dir, "y.yml")); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Reload(t.Context()); err != nil || got != n || r.left != nil || r.current().docs["y.yml"].ID == "" {
		t.Errorf("%d rules, %v, left out %v", got, err, r.left)
	}
}

func TestPush(t *testing.T) {
	r := newRig(t)
	push := func(p api.RulePush) api.RulePushed {
		t.Helper()
		done, err := r.Push(t.Context(), p, "anna")
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	a, b := api.RuleFile{Name: "a.yml", Text: rule("A", idY)}, api.RuleFile{Name: "b/b.yml", Text: rule("B", idZ)}
	if done := push(api.RulePush{Docs: []api.RuleFile{a, b}, State: store.RuleLive, DryRun: true}); len(done.Added) != 2 || r.uses != 0 {
		t.Errorf("a rehearsal: %+v", done)
	}
	if done := push(api.RulePush{Docs: []api.RuleFile{a, b}}); len(done.Added) != 2 || r.uses != 0 {
		t.Errorf("drafts: %+v", done)
	}
	bad := api.RuleFile{Name: "c.yml", Text: rule("C", idX)}
	if done := push(api.RulePush{Docs: []api.RuleFile{a, b, bad}, State: store.RuleLive}); len(done.Refused) != 1 || done.Refused[0].Name != "c.yml" || done.Refused[0].Line != 1 || len(done.Changed) != 0 || r.uses != 0 {
		t.Errorf("with a bad one: %+v", done)
	}
	if done := push(api.RulePush{Docs: []api.RuleFile{a, b}, State: store.RuleLive}); len(done.Changed) != 2 || r.uses != 1 {
		t.Errorf("live: %+v", done)
	}
	a.Text += "# changed\n"
	if done := push(api.RulePush{Docs: []api.RuleFile{a}, Prune: true}); len(done.Changed) != 1 || !slices.Equal(done.Removed, []string{"b/b.yml"}) {
		t.Errorf("pruned: %+v", done)
	}
	if done := push(api.RulePush{Docs: []api.RuleFile{a}}); done.Unchanged != 1 || r.uses != 2 {
		t.Errorf("again: %+v, %d exchanges", done, r.uses)
	}
	if d, err := r.state.RuleDoc(t.Context(), "a.yml"); err != nil || d.State != store.RuleLive || d.Version != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, p := range []api.RulePush{
		{Docs: []api.RuleFile{a, {Name: "A.yml", Text: a.Text}}},
		{Docs: []api.RuleFile{{Name: "../a.yml"}}},
	} {
		if _, err := r.Push(t.Context(), p, "anna"); !errors.Is(err, account.ErrInvalid) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestCheckSaysLines(t *testing.T) {
	r := newRig(t)
	r.mustSave(t, "y.yml", rule("Y", idY), store.RuleLive)
	text := rule("Y", idY) + "---\n" + strings.Replace(rule("Z", idZ), "endswith", "enswith", 1)
	got := r.Check(api.RuleText{Text: text, Name: "y.yml"})
	if len(got.Rules) != 1 || got.Rules[0].ID != idY || len(got.Problems) != 1 || got.Problems[0].Line != 14 {
		t.Errorf("got %+v", got)
	}
	if got := r.Check(api.RuleText{Text: rule("Y", idY)}); len(got.Problems) != 1 || got.Problems[0].Line != 1 || got.Problems[0].Name != "" {
		t.Errorf("the id of another document: %+v", got)
	}
	if got := r.Check(api.RuleText{Text: ""}); len(got.Rules) != 0 {
		t.Errorf("nothing: %+v", got)
	}
}

func TestCoverage(t *testing.T) {
	r := newRig(t)
	text := strings.Replace(rule("Y", idY), "attack.execution, attack.t1059.004", "attack.stealth, attack.t1070.004, attack.t9999", 1)
	r.mustSave(t, "y.yml", text, store.RuleTest)
	cell := func(tactic, technique string) (found api.TechniqueCoverage) {
		for _, one := range r.Coverage(map[string]int64{idX: 3}).Tactics {
			for _, c := range one.Techniques {
				if string(one.Tactic) == tactic && string(c.Technique) == technique {
					found = c
				}
			}
		}
		return found
	}
	if c := cell("execution", "T1059.004"); c.Name != "Unix Shell" || !slices.Contains(c.Rules, idX) || c.Live < 1 || c.Alerts != 3 {
		t.Errorf("%+v", c)
	}
	if c := cell("defense-evasion", "T1070.004"); !slices.Contains(c.Rules, idY) || c.Test != 1 {
		t.Errorf("%+v", c)
	}
	if c := cell("defense-evasion", "T9999"); c.Test != 1 || c.Name != "" {
		t.Errorf("an unknown technique: %+v", c)
	}
	if c := cell("exfiltration", "T1029"); c.Name == "" || c.Live != 0 {
		t.Errorf("a technique without rules: %+v", c)
	}
}

func TestDryRunsAreFew(t *testing.T) {
	r := newRig(t)
	now := time.Now().UTC()
	process := &event.Process{Executable: &event.File{Path: "/opt/A"}, Name: "A"}
	r.events = []event.Event{{Time: now.Add(-time.Hour), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Host: "h1", Process: process}}
	q := api.RuleDryRun{Text: rule("A", idZ)}
	got, err := r.DryRun(t.Context(), "anna", q)
	if err != nil || got.Matched != 1 || !got.Complete || len(got.Events) != 1 || got.Events[0].Rule != idZ || len(got.Events[0].Matches) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := r.DryRun(t.Context(), "anna", api.RuleDryRun{Text: rule("A", idX)}); err != nil || got.Matched != 1 || len(got.Problems) != 0 {
		t.Errorf("a rule with an id that is taken: %+v, %v", got, err)
	}
	if _, err := r.DryRun(t.Context(), "anna", api.RuleDryRun{Text: "title: x"}); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("no rule: %v", err)
	}
	if _, err := r.DryRun(t.Context(), "anna", api.RuleDryRun{Text: q.Text, Since: &now, Until: &now}); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("no time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.delay = time.Hour
	r.asked.Go(func() {
		if _, err := r.DryRun(ctx, "anna", q); !errors.Is(err, context.Canceled) {
			t.Errorf("a dry run that nobody waits for: %v", err)
		}
	})
	for { // until that is under way
		r.trying.mu.Lock()
		busy := r.trying.who["anna"]
		r.trying.mu.Unlock()
		if busy {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := r.DryRun(t.Context(), "anna", q); !errors.Is(err, account.ErrThrottled) {
		t.Errorf("a second one of the same person: %v", err)
	}
	cancel()
	r.asked.Wait()
}
