package rulebook

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/store"
)

// docPrefix stands before the names of documents in the paths of their rules
// and in the bundle for hosts.
const docPrefix = "console/"

// edition is what is evaluated at one time. It is not changed once made.
type edition struct {
	*foundation
	docs    map[string]store.RuleDoc // in test and live, by name
	entries []entry                  // of the foundation, then of live documents, then of those in test
	live    *detect.Ruleset
	trial   *detect.Ruleset // nil where no document is in test
}

// entry is a rule with where it is from.
type entry struct {
	rule   *sigma.Rule
	source string
	state  store.RuleState
	doc    string
}

// DocOf returns the name of the document that a rule's path is in, "" for none.
func DocOf(path string) string {
	name, ok := strings.CutPrefix(path, docPrefix)
	if !ok {
		return ""
	}
	return name
}

// compose makes an edition of a foundation and documents in use. Rules that
// cannot be used are told of by a [*RefusedError].
//
// Rules in test are compiled apart from those in force, which they hence cannot
// affect; what their correlations refer to of the others is compiled with them.
// Before is the edition that this one follows on, nil for none: what is in force
// is compiled anew only where it changed.
func compose(f *foundation, docs map[string]store.RuleDoc, before *edition) (*edition, error) {
	e := &edition{foundation: f, docs: docs}
	live, tried := map[string][]byte{}, map[string][]byte{}
	for name, d := range docs {
		tried[name] = []byte(d.Text)
		if d.State == store.RuleLive {
			live[name] = tried[name]
		}
	}
	set := &rulefiles.Set{Rules: slices.Clone(f.rules)}
	set.AddFiles(docPrefix, live)
	if refused := tooMuch(set.Rules[len(f.rules):], maxValues); len(refused) > 0 {
		return nil, &RefusedError{refused}
	}
	e.add(set.Rules, store.RuleLive)
	all := set.Rules
	if e.live = before.unchanged(f, live); e.live == nil {
		e.live = set.Compile()
	}
	refused := set.Refused
	if len(live) < len(tried) {
		refused = append(refused, e.compileTrial(tried, all)...)
	}
	known := newIdentities(e.entries[:len(f.rules)])
	if refused = once(known.check(e.entries[len(f.rules):]), refused); len(refused) > 0 {
		return nil, &RefusedError{refused}
	}
	return e, nil
}

// maxValues bounds the values of all documents in a state together, each of
// which takes some hundred bytes: few bytes of a rule can ask for many.
const maxValues = 2_000_000

// tooMuch refuses the first of the rules that hold too many values together.
func tooMuch(rules []*sigma.Rule, most int) []rulefiles.Refusal {
	total := 0
	for _, r := range rules {
		if total += values(r); total > most {
			return []rulefiles.Refusal{{Path: r.Path, Line: r.Line, Reason: fmt.Sprintf("with this rule the documents hold more than %d values: remove some", most)}}
		}
	}
	return nil
}

// values returns how many values the tests of a rule compare with.
func values(r *sigma.Rule) int {
	detection := r.Detection
	if r.Filter != nil {
		detection = r.Filter.Detection
	}
	if detection == nil {
		return 0
	}
	n := 0
	for _, s := range detection.Selections {
		for _, g := range s.Groups {
			for _, item := range g {
				n += len(item.Values)
			}
		}
	}
	return n
}

// unchanged returns the rules in force of an edition if they are those of a
// foundation and live documents, and nil otherwise.
func (e *edition) unchanged(f *foundation, live map[string][]byte) *detect.Ruleset {
	if e == nil || e.foundation != f {
		return nil
	}
	for name, d := range e.docs {
		if text, still := live[name]; still != (d.State == store.RuleLive) || string(text) != d.Text && still {
			return nil
		}
	}
	for name := range live {
		if _, known := e.docs[name]; !known {
			return nil
		}
	}
	return e.live
}

// once returns lists of refusals as one, with the first of each rule.
func once(lists ...[]rulefiles.Refusal) []rulefiles.Refusal {
	type place struct {
		path string
		line int
	}
	seen := make(map[place]bool)
	var all []rulefiles.Refusal
	for _, r := range slices.Concat(lists...) {
		if at := (place{r.Path, r.Line}); !seen[at] {
			seen[at] = true
			all = append(all, r)
		}
	}
	return all
}

// add appends the rules of a state to the entries.
func (e *edition) add(rules []*sigma.Rule, state store.RuleState) {
	for i, r := range rules {
		n := entry{rule: r, source: api.ConsoleRule, state: state, doc: DocOf(r.Path)}
		switch {
		case state == store.RuleTest || i >= len(e.rules):
		case i < e.own:
			n.source, n.doc = api.BuiltInRule, ""
		default:
			n.source, n.doc = api.FileRule, ""
		}
		e.entries = append(e.entries, n)
	}
}

// compileTrial compiles the rules in test. Files are all documents, since
// pipelines that are live adapt rules in test, too.
func (e *edition) compileTrial(files map[string][]byte, live []*sigma.Rule) []rulefiles.Refusal {
	inTest := func(path string) bool { return e.docs[DocOf(path)].State == store.RuleTest }
	set := &rulefiles.Set{}
	set.AddFiles(docPrefix, files)
	set.Refused = slices.DeleteFunc(set.Refused, func(r rulefiles.Refusal) bool { return !inTest(r.Path) })
	set.Rules = slices.DeleteFunc(set.Rules, func(r *sigma.Rule) bool { return !inTest(r.Path) })
	if refused := tooMuch(set.Rules, maxValues); len(refused) > 0 {
		return refused
	}
	e.add(set.Rules, store.RuleTest)
	set.Rules = append(referred(set.Rules, live), set.Rules...)
	e.trial = set.Compile()
	return set.Refused
}

// referred returns those of others that rules refer to, directly or by way of
// others.
func referred(rules, others []*sigma.Rule) []*sigma.Rule {
	own, names := sigma.NamesOf(rules), sigma.NamesOf(others)
	var found []*sigma.Rule
	taken := make(map[*sigma.Rule]bool)
	for queue := slices.Clone(rules); len(queue) > 0; queue = queue[1:] {
		for _, name := range references(queue[0]) {
			if r := names.Find(name); r != nil && own.Find(name) == nil && !taken[r] {
				taken[r] = true
				found, queue = append(found, r), append(queue, r)
			}
		}
	}
	return found
}

// references returns the names by which a rule refers to others.
func references(r *sigma.Rule) []string {
	switch {
	case r.Correlation != nil:
		return r.Correlation.Rules
	case r.Filter != nil:
		return r.Filter.Rules
	}
	return nil
}

// identities are the ids and names by which rules are known.
type identities map[string]entry

// newIdentities returns those of rules that may share them: the operator
// answers for files.
func newIdentities(known []entry) identities {
	ids := make(identities, 2*len(known))
	for _, k := range known {
		ids.add(k)
	}
	return ids
}

func (ids identities) add(e entry) {
	for _, name := range []string{e.rule.ID, e.rule.Name} {
		if name != "" {
			ids[strings.ToLower(name)] = e
		}
	}
}

// check refuses rules that nothing tells apart from others: alerts, exceptions
// and correlations go by id and name. It adds those that it was given.
func (ids identities) check(entries []entry) []rulefiles.Refusal {
	var refused []rulefiles.Refusal
	for _, e := range entries {
		r := e.rule
		refuse := func(format string, args ...any) {
			refused = append(refused, rulefiles.Refusal{Path: r.Path, Line: r.Line, Reason: fmt.Sprintf(format, args...)})
		}
		if r.ID == "" && r.Name == "" {
			refuse("the rule has no id: give it one, a UUID that stays, so that its alerts are told apart from others'")
		}
		for what, name := range map[string]string{"id": r.ID, "name": r.Name} {
			if other, taken := ids[strings.ToLower(name)]; taken && name != "" {
				refuse("the %s %s is that of %q in %s: give this rule one of its own; to narrow that rule, write a Sigma filter for it",
					what, name, other.rule.Title, other.rule.Path)
			}
		}
		ids.add(e)
	}
	return refused
}

// bundle returns the files for hosts: those of the configuration, and the live
// documents.
func (e *edition) bundle() map[string][]byte {
	files := maps.Clone(e.files)
	for name, d := range e.docs {
		if d.State == store.RuleLive {
			files[docPrefix+name] = []byte(d.Text)
		}
	}
	return files
}

// text returns the file that holds a rule.
func (e *edition) text(n entry) string {
	if n.doc != "" {
		return e.docs[n.doc].Text
	}
	return string(e.texts[n.rule.Path])
}
