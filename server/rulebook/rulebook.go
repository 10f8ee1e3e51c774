// Package rulebook holds the detection rules in force: Holdfast's own and the
// operator's.
//
// Rules are exchanged as a whole or not at all. One that cannot be used leaves
// those before it in force, with a reason for everyone who has to mend it. What
// the operator adds is also handed on to hosts, as a bundle.
//
// A rule file may come from anybody who may write rules. The reader bounds what
// it costs, and a rule can run nothing.
package rulebook

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/wire"
)

// Speaker hands bundles on to hosts.
type Speaker interface {
	SetBundle(name string, content []byte) error
	Announce(ctx context.Context, name string)
}

// Config says where the rules are. Log and Refused must be set.
type Config struct {
	Paths []string // files and directories of the operator's
	Log   *slog.Logger
	// Refused is told what came of each reload; nil is one that succeeded.
	Refused func(error)
}

// Book holds the rules in force. Make it with [Open]; it is safe for concurrent
// use.
type Book struct {
	cfg Config

	mu      sync.Mutex // guards what follows; held while the rules are exchanged
	rules   *detect.Ruleset
	files   Files
	use     func(*detect.Ruleset) // nil for nobody
	speaker Speaker               // nil for nobody
}

// Open reads the rules. The error lists what is wrong with each.
func Open(cfg Config) (*Book, error) {
	b := &Book{cfg: cfg}
	var err error
	b.rules, b.files, err = Load(cfg.Paths)
	return b, err
}

// InForce returns the rules in force.
func (b *Book) InForce() *detect.Ruleset {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rules
}

// Use makes use the one who is given the rules whenever they are exchanged.
func (b *Book) Use(use func(*detect.Ruleset)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.use = use
}

// ShareBy hands the operator's rules on to hosts, now and whenever they are
// exchanged.
func (b *Book) ShareBy(ctx context.Context, s Speaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.speaker = s
	b.share(ctx)
}

// List returns the rules in force by path and title.
func (b *Book) List() []api.Rule {
	rules := b.InForce().Rules()
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
func (b *Book) Reload(ctx context.Context) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rules, files, err := Load(b.cfg.Paths)
	b.cfg.Refused(err)
	if err != nil {
		return 0, fmt.Errorf("%w: the rules stay as they were: %w", account.ErrInvalid, err)
	}
	b.rules, b.files = rules, files
	if b.use != nil {
		b.use(rules)
	}
	if b.speaker != nil {
		b.share(ctx)
	}
	return len(rules.Rules()), nil
}

// share makes the operator's rules the bundle that hosts fetch, and tells those
// that know another. Rules that cannot be shared are in force here all the
// same, and hosts keep those that they have.
func (b *Book) share(ctx context.Context) {
	content, err := wire.EncodeBundle(b.files)
	if err == nil {
		err = b.speaker.SetBundle(wire.BundleRules, content)
	}
	if err != nil {
		b.cfg.Log.Error("the rules of the configuration cannot be handed on to hosts", "error", err)
		return
	}
	b.speaker.Announce(ctx, wire.BundleRules)
}
