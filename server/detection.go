package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/server/ingest"
	"github.com/holdfast-security/holdfast/wire"
)

// detection are the rules in force. It is safe for concurrent use.
type detection struct {
	paths []string
	use   func(*detect.Ruleset)
	share func(context.Context, ruleFiles) // hands the operator's on to hosts
	// refused is told what came of each reload; nil is one that succeeded.
	refused func(error)

	mu    sync.Mutex // guards rules; held while they are exchanged
	rules *detect.Ruleset
}

// ruleFiles are the files of the operator's rules, by the path that they have
// in the bundle for hosts.
type ruleFiles map[string][]byte

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
func (d *detection) Reload(ctx context.Context) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rules, files, err := d.load()
	d.refused(err)
	if err != nil {
		return 0, fmt.Errorf("%w: the rules stay as they were: %w", account.ErrInvalid, err)
	}
	d.rules = rules
	d.use(rules)
	d.share(ctx, files)
	return len(rules.Rules()), nil
}

// load reads the rules, and the files of the operator's. The error lists what
// is wrong with each rule.
func (d *detection) load() (*detect.Ruleset, ruleFiles, error) {
	files, names := make(ruleFiles), bundleNames(d.paths)
	rules, err := ingest.LoadRules(d.paths, func(root, path string, data []byte) {
		files[bundlePath(root, names[root], path)] = data
	})
	if err != nil {
		return nil, nil, errors.New(reasons(err))
	}
	return rules, files, nil
}

// bundleNames returns what stands in a bundle for each file or directory of the
// configuration: its name, with a number where another has that, too.
func bundleNames(roots []string) map[string]string {
	names, taken := make(map[string]string), make(map[string]bool)
	for _, root := range roots {
		base := filepath.Base(root)
		if strings.Trim(base, "./\\") == "" {
			base = wire.BundleRules
		}
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		names[root], taken[name] = name, true
	}
	return names
}

// bundlePath returns the path in a bundle of a file at or below root.
func bundlePath(root, name, path string) string {
	rest, err := filepath.Rel(root, path)
	if err != nil || rest == "." {
		return name
	}
	return name + "/" + filepath.ToSlash(rest)
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
