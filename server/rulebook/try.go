package rulebook

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/server/rulebook/dryrun"
)

// attempt is what came of reading a text beside the rules that there are.
type attempt struct {
	path    string
	rules   []*sigma.Rule // of the text that can be used
	set     *detect.Ruleset
	refused []rulefiles.Refusal // of the others
	taken   []rulefiles.Refusal // of those whose id or name another rule has
}

// unnamed is the document that a text without a name is.
const unnamed = "text.yml"

// read reads a text as if it were the document of that name, "" for a new one.
// What its correlations and filters refer to is compiled with it.
func (e *edition) read(name, text string) *attempt {
	if name == "" {
		name = unnamed
	}
	t := &attempt{path: docPrefix + name}
	set := &rulefiles.Set{}
	files := map[string][]byte{name: []byte(text)}
	for other, d := range e.docs {
		if other != name && rulefiles.IsPipeline(other) {
			files[other] = []byte(d.Text)
		}
	}
	set.AddFiles(docPrefix, files)
	foreign := func(path string) bool { return path != "" && path != t.path }
	set.Refused = slices.DeleteFunc(set.Refused, func(r rulefiles.Refusal) bool { return foreign(r.Path) })
	var known []entry
	var others []*sigma.Rule
	for _, n := range e.entries {
		if n.doc != name {
			known, others = append(known, n), append(others, n.rule)
		}
	}
	own := set.Rules
	entries := make([]entry, len(own))
	for i, r := range own {
		entries[i] = entry{rule: r}
	}
	set.Rules = append(referred(own, others), own...)
	t.set = set.Compile()
	t.refused, t.taken = set.Refused, newIdentities(known).check(entries)
	for _, r := range t.set.Rules() {
		if r.Path == t.path {
			t.rules = append(t.rules, r)
		}
	}
	return t
}

// listed returns refusals without the text's name, in the order of its lines.
func listed(refused []rulefiles.Refusal) []api.RuleProblem {
	list := problems(refused)
	for i := range list {
		list[i].Name = ""
	}
	slices.SortStableFunc(list, func(a, b api.RuleProblem) int { return a.Line - b.Line })
	return list
}

// maxDryRuns is how many dry runs there are at a time.
const maxDryRuns = 2

// retryAfter is when a dry run that had to wait may be tried again.
const retryAfter = 10 * time.Second

// dryRuns says whose dry runs are under way. The zero value has none.
type dryRuns struct {
	mu  sync.Mutex // guards who
	who map[string]bool
}

// begin makes a dry run of somebody one of those under way.
func (d *dryRuns) begin(who string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.who[who] || len(d.who) >= maxDryRuns {
		return fmt.Errorf("a dry run of yours, or %d of others, are under way: %w", maxDryRuns, &account.ThrottledError{After: retryAfter})
	}
	if d.who == nil {
		d.who = make(map[string]bool)
	}
	d.who[who] = true
	return nil
}

func (d *dryRuns) end(who string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.who, who)
}

// DryRun says what the rules of a text would have matched. The error wraps
// [account.ErrInvalid] where none of them can be used, and
// [account.ErrThrottled] while there are too many dry runs, or one of the same
// person.
func (b *Book) DryRun(ctx context.Context, who string, q api.RuleDryRun) (api.RuleDryRunResult, error) {
	if err := b.trying.begin(who); err != nil {
		return api.RuleDryRunResult{}, err
	}
	defer b.trying.end(who)
	t := b.current().read(q.Name, q.Text)
	if len(t.rules) == 0 {
		reason := "the text holds no rule"
		if len(t.refused) > 0 {
			reason = (&RefusedError{t.refused}).Error()
		}
		return api.RuleDryRunResult{}, fmt.Errorf("%w: %s", account.ErrInvalid, reason)
	}
	until := time.Now().UTC()
	if q.Until != nil {
		until = *q.Until
	}
	since := until.Add(-24 * time.Hour)
	if q.Since != nil {
		since = *q.Since
	}
	if !since.Before(until) {
		return api.RuleDryRunResult{}, fmt.Errorf("%w: since is not before until", account.ErrInvalid)
	}
	result, err := dryrun.Run(ctx, b.events, dryrun.Query{Rules: t.set, Path: t.path, Since: since, Until: until, Host: q.Host})
	result.Problems = listed(t.refused) // that an id is taken does not matter here
	return result, err
}
