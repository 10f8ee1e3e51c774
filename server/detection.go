package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/server/ingest"
)

// detection are the rules in force. It is safe for concurrent use.
type detection struct {
	paths []string
	use   func(*detect.Ruleset)

	mu    sync.Mutex // guards rules; held while they are exchanged
	rules *detect.Ruleset
}

// List returns the rules in force by path and title.
func (d *detection) List() []api.Rule {
	d.mu.Lock()
	rules := d.rules.Rules()
	d.mu.Unlock()
	list := make([]api.Rule, 0, len(rules))
	for _, r := range rules {
		techniques := []string{}
		for _, t := range r.Techniques() {
			techniques = append(techniques, string(t))
		}
		list = append(list, api.Rule{
			ID: r.ID, Title: r.Title, AlertType: alert.TypeOf(r), Severity: r.Level.Severity(), Path: r.Path, Techniques: techniques,
		})
	}
	slices.SortStableFunc(list, func(a, b api.Rule) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Title, b.Title))
	})
	return list
}

// Reload reads the rules again and puts them in force, all or none, and returns
// how many there are.
func (d *detection) Reload(context.Context) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rules, err := d.load()
	if err != nil {
		return 0, fmt.Errorf("%w: the rules stay as they were: %w", account.ErrInvalid, err)
	}
	d.rules = rules
	d.use(rules)
	return len(rules.Rules()), nil
}

// load reads the rules. The error lists what is wrong with each.
func (d *detection) load() (*detect.Ruleset, error) {
	rules, err := ingest.LoadRules(d.paths)
	if err != nil {
		return nil, errors.New(reasons(err))
	}
	return rules, nil
}

// maxReasons is how many refused rules are said one by one.
const maxReasons = 20

// reasons says why rules were refused, each with its place.
func reasons(err error) string {
	var refused *ingest.RulesError
	if !errors.As(err, &refused) {
		return err.Error()
	}
	var lines []string
	for i, r := range refused.Refused {
		if i == maxReasons {
			lines = append(lines, fmt.Sprintf("and %d more", len(refused.Refused)-i))
			break
		}
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "; ")
}
