package rulebook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/store"
)

// maxDepth bounds the elements of a document's name.
const maxDepth = 12

// CheckName says what is wrong with the name of a document, which becomes that
// of a file on hosts of any system.
func CheckName(name string) error {
	reason := ""
	switch ext := strings.ToLower(path.Ext(name)); {
	case name == "" || len(name) > store.MaxRuleName:
		reason = fmt.Sprintf("give it 1 to %d bytes", store.MaxRuleName)
	case !fs.ValidPath(name) || strings.Count(name, "/") >= maxDepth:
		reason = "write it as the path of a file below a folder, such as web/shells.yml"
	case ext != ".yml" && ext != ".yaml":
		reason = "let it end in .yml"
	case strings.HasPrefix(name, ".") || strings.Contains(name, "/."):
		reason = "no part of it may begin with a dot"
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(`\:*?"<>|`, r) }):
		reason = `leave out \ : * ? " < > | and what cannot be seen`
	default:
		return nil
	}
	return fmt.Errorf("%w: %.80q is no name of a rule document: %s", account.ErrInvalid, name, reason)
}

// Save makes changes of documents, all or none, and puts the result in force.
// An error that wraps [account.ErrInvalid] is the rules' fault; a
// [*RefusedError] in it says where.
func (b *Book) Save(ctx context.Context, changes []store.RuleDocChange, by string) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	return b.save(ctx, changes, by)
}

// save is Save for who holds b.changing.
func (b *Book) save(ctx context.Context, changes []store.RuleDocChange, by string) error {
	next, err := b.plan(changes)
	if err != nil {
		return err
	}
	describe(changes, next)
	err = b.docs.ChangeRuleDocs(ctx, changes, by, time.Now().UTC())
	switch {
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("%w: the names of two rule documents differ in upper and lower case only", account.ErrInvalid)
	case errors.Is(err, store.ErrFull):
		return fmt.Errorf("%w: more than %d rule documents, or %d bytes of them, are not kept (%w)", account.ErrInvalid, store.MaxRuleDocs, store.MaxRuleTexts, err)
	case err != nil:
		return err
	}
	names := make([]string, 0, len(changes))
	for _, c := range changes {
		names = append(names, c.Name)
	}
	defer b.cfg.Changed(names)
	if next == nil {
		return nil
	}
	if err := b.number(ctx, next); err != nil {
		b.cfg.Log.Error("the numbers of rule documents cannot be read again; what those in test match is counted from the next change on", "error", err)
	}
	b.put(ctx, next, liveIn(b.current().docs, changes) || liveIn(next.docs, changes))
	return nil
}

// plan returns the edition that changes lead to, nil where they change nothing
// that is in use.
func (b *Book) plan(changes []store.RuleDocChange) (*edition, error) {
	now := b.current()
	docs, used := maps.Clone(now.docs), false
	if docs == nil {
		docs = make(map[string]store.RuleDoc)
	}
	seen := make(map[string]bool, len(changes))
	for _, c := range changes {
		if err := check(c); err != nil {
			return nil, err
		}
		if folded := strings.ToLower(c.Name); seen[folded] && !c.Remove {
			return nil, fmt.Errorf("%w: rule document %.80q is there twice, be it in upper or lower case", account.ErrInvalid, c.Name)
		} else if !c.Remove {
			seen[folded] = true
		}
		_, before := docs[c.Name]
		delete(docs, c.Name)
		if !c.Remove && c.State != store.RuleDraft {
			docs[c.Name] = store.RuleDoc{ID: c.Name, Text: c.Text, State: c.State}
			before = true
		}
		used = used || before
	}
	if !used {
		return nil, nil
	}
	next, err := compose(now.foundation, docs, now)
	if err != nil {
		return nil, fmt.Errorf("%w: the rules stay as they were: %w", account.ErrInvalid, err)
	}
	return next, nil
}

// check says what is wrong with a change by itself.
func check(c store.RuleDocChange) error {
	if c.Remove {
		return nil
	}
	if err := CheckName(c.Name); err != nil {
		return err
	}
	switch {
	case !utf8.ValidString(c.Text) || strings.ContainsRune(c.Text, 0):
		return fmt.Errorf("%w: rule document %s is no text in UTF-8", account.ErrInvalid, c.Name)
	case len(c.Text) > store.MaxRuleText:
		return fmt.Errorf("%w: rule document %s is larger than %d bytes: split it", account.ErrInvalid, c.Name, store.MaxRuleText)
	case !slices.Contains(store.RuleStates(), c.State):
		return fmt.Errorf("%w: state %.20q of rule document %s is not one of draft, test, live", account.ErrInvalid, c.State, c.Name)
	}
	return nil
}

// describe fills in the rules of the documents that change.
func describe(changes []store.RuleDocChange, next *edition) {
	rules := make(map[string][]store.DocRule)
	if next != nil {
		for _, n := range next.entries {
			if n.doc != "" {
				rules[n.doc] = append(rules[n.doc], docRule(n.rule))
			}
		}
	}
	for i := range changes {
		c := &changes[i]
		switch {
		case c.Remove:
		case c.State != store.RuleDraft:
			c.Rules = rules[c.Name]
		default:
			parsed, _ := sigma.Parse(docPrefix+c.Name, []byte(c.Text)) // a draft may be wrong
			for _, r := range parsed {
				c.Rules = append(c.Rules, docRule(r))
			}
		}
	}
}

func docRule(r *sigma.Rule) store.DocRule {
	return store.DocRule{ID: r.ID, Title: r.Title, Level: r.Level.Severity()}
}

// liveIn reports whether a change is about a document that is live in docs.
func liveIn(docs map[string]store.RuleDoc, changes []store.RuleDocChange) bool {
	return slices.ContainsFunc(changes, func(c store.RuleDocChange) bool { return docs[c.Name].State == store.RuleLive })
}

// number gives the documents of an edition the versions that the store gave
// them.
func (b *Book) number(ctx context.Context, e *edition) error {
	stored, err := b.docs.UsedRuleDocs(ctx)
	for _, d := range stored {
		if _, used := e.docs[d.ID]; used {
			e.docs[d.ID] = d
		}
	}
	return err
}

// Push makes files documents, all or none. What is refused is part of the
// answer; nothing was changed then.
func (b *Book) Push(ctx context.Context, p api.RulePush, by string) (api.RulePushed, error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	answer := api.RulePushed{Added: []string{}, Changed: []string{}, Removed: []string{}, Refused: []api.RuleProblem{}}
	changes, err := b.compare(ctx, p, &answer)
	if err != nil {
		return answer, err
	}
	if p.DryRun {
		_, err = b.plan(changes)
	} else if len(changes) > 0 {
		err = b.save(ctx, changes, by)
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		return api.RulePushed{Added: []string{}, Changed: []string{}, Removed: []string{}, Refused: problems(refused.Refused)}, nil
	}
	return answer, err
}

// compare returns what a push changes, and says it in the answer.
func (b *Book) compare(ctx context.Context, p api.RulePush, answer *api.RulePushed) ([]store.RuleDocChange, error) {
	var changes []store.RuleDocChange
	given := make(map[string]bool, len(p.Docs))
	if p.Prune {
		for _, f := range p.Docs {
			given[f.Name] = true
		}
		removals, err := b.removals(ctx, given, p.Note)
		if err != nil {
			return nil, err
		}
		changes = removals
		for _, c := range removals {
			answer.Removed = append(answer.Removed, c.Name)
		}
	}
	for _, f := range p.Docs {
		if err := CheckName(f.Name); err != nil {
			return nil, err
		}
		c := store.RuleDocChange{Name: f.Name, Text: f.Text, State: p.State, Note: p.Note}
		before, err := b.docs.RuleDoc(ctx, f.Name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			if c.State == "" {
				c.State = store.RuleDraft
			}
			answer.Added = append(answer.Added, f.Name)
		case err != nil:
			return nil, err
		default:
			if c.State == "" {
				c.State = before.State
			}
			if c.State == before.State && c.Text == before.Text {
				answer.Unchanged++
				continue
			}
			c.Version = before.Version
			answer.Changed = append(answer.Changed, f.Name)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// removals removes the documents that are not given.
func (b *Book) removals(ctx context.Context, given map[string]bool, note string) ([]store.RuleDocChange, error) {
	var changes []store.RuleDocChange
	page := store.Page{Limit: 1000}
	for {
		list, err := b.docs.RuleDocs(ctx, store.RuleDocFilter{}, page)
		if err != nil {
			return nil, err
		}
		for _, d := range list.Items {
			if !given[d.ID] {
				changes = append(changes, store.RuleDocChange{Name: d.ID, Remove: true, Version: d.Version, Note: note})
			}
		}
		if list.Next == "" {
			return changes, nil
		}
		page.After = list.Next
	}
}

// maxProblems is how many problems an answer tells of.
const maxProblems = 1000

// problems returns refusals as the API has them.
func problems(refused []rulefiles.Refusal) []api.RuleProblem {
	list := []api.RuleProblem{}
	for i, r := range refused {
		if i == maxProblems {
			return append(list, api.RuleProblem{Reason: fmt.Sprintf("and %d more", len(refused)-i)})
		}
		p := api.RuleProblem{Name: DocOf(r.Path), Line: r.Line, Reason: r.Reason}
		if p.Name == "" && r.Path != "" {
			p.Reason = r.Path + ": " + p.Reason
		}
		list = append(list, p)
	}
	return list
}
