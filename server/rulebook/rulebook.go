// Package rulebook holds the detection rules: Holdfast's own, those of the
// configuration's files, and the documents that people write in the console.
//
// Rules are exchanged as a whole or not at all, be it files that are read again
// or documents that change. One that cannot be used leaves those before it in
// force, with a reason for everyone who has to mend it. Documents in test are
// compiled apart and can affect nothing. What the operator adds is also handed
// on to hosts, as a bundle.
//
// No document may have a rule with the id or name of another rule: alerts,
// exceptions and correlations go by them. A rule of ours is hence never
// replaced unseen; a Sigma filter narrows it, and an exception keeps its alerts
// out of sight.
//
// A rule may come from anybody who may write rules. The reader bounds what it
// costs, and a rule can run nothing.
package rulebook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Speaker hands bundles on to hosts.
type Speaker interface {
	SetBundle(name string, content []byte) error
	Announce(ctx context.Context, name string)
}

// Trial evaluates the rules in test.
type Trial interface {
	// SetRules exchanges the rules. Docs are the documents in test by name;
	// without any, rules is nil.
	SetRules(rules *detect.Ruleset, docs map[string]store.RuleDoc)
}

// Config says where the rules are. All but Paths must be set.
type Config struct {
	Paths []string // files and directories of the operator's
	Log   *slog.Logger
	// Refused is told what came of each reading of the files; nil is one that
	// succeeded.
	Refused func(error)
	// LeftOut is told of documents that were in use and cannot be any more;
	// nil says that there are none.
	LeftOut func(error)
	// Unshared is told that hosts cannot be given the rules, and with nil that
	// they can.
	Unshared func(error)
	// own returns the rules that come with Holdfast; nil for all of them.
	own func() *rulefiles.Set
	// Changed is told the names of documents that changed, none when files
	// were read again.
	Changed func(docs []string)
}

// Book holds the rules. Make it with [Open]; it is safe for concurrent use.
type Book struct {
	cfg    Config
	docs   store.RuleDocs // nil before [Book.ReadDocs]
	events store.Events   // likewise
	trying dryRuns

	changing sync.Mutex // held while the rules are exchanged

	mu      sync.Mutex // guards what follows
	edition *edition
	use     func(*detect.Ruleset) // nil for nobody
	speaker Speaker               // nil for nobody
	trial   Trial                 // nil for nobody
}

// Open reads the rules that are no documents. The error lists what is wrong
// with each.
func Open(cfg Config) (*Book, error) {
	b := &Book{cfg: cfg}
	f, err := lay(cfg)
	if err != nil {
		return nil, err
	}
	b.edition, err = compose(f, nil, nil)
	return b, err
}

// ReadDocs reads the documents in use and puts them in force. Those that cannot
// be used with the rules that there are now, as after an update, are left out:
// a server that does not start could not be told better ones. Dry runs are over
// events. It is called once, before the book is used by several goroutines.
func (b *Book) ReadDocs(ctx context.Context, docs store.RuleDocs, events store.Events) error {
	b.docs, b.events = docs, events
	stored, err := docs.UsedRuleDocs(ctx)
	if err != nil {
		return err
	}
	next, err := tolerate(b.edition, stored)
	b.cfg.LeftOut(err)
	b.edition = next
	return nil
}

// tolerate adds documents to an edition without any, but for those that cannot
// be part of it. The error says which, and why.
func tolerate(before *edition, stored []store.RuleDoc) (*edition, error) {
	docs := make(map[string]store.RuleDoc, len(stored))
	for _, d := range stored {
		docs[d.ID] = d
	}
	var first error
	for {
		next, err := compose(before.foundation, docs, before)
		var refused *RefusedError
		if !errors.As(err, &refused) {
			return next, first
		}
		if first == nil {
			first = err
		}
		before := len(docs)
		for _, r := range refused.Refused {
			delete(docs, DocOf(r.Path))
		}
		if len(docs) == before { // the fault shows elsewhere
			clear(docs)
		}
	}
}

// current returns the edition in force.
func (b *Book) current() *edition {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.edition
}

// InForce returns the rules in force.
func (b *Book) InForce() *detect.Ruleset { return b.current().live }

// Use makes use the one who is given the rules in force whenever they are
// exchanged, and t the one who is given those in test, then and now.
func (b *Book) Use(use func(*detect.Ruleset), t Trial) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.use, b.trial = use, t
	b.edition.try(t)
}

// try gives the rules in test to who evaluates them.
func (e *edition) try(t Trial) {
	docs := make(map[string]store.RuleDoc)
	for name, d := range e.docs {
		if d.State == store.RuleTest {
			docs[name] = d
		}
	}
	t.SetRules(e.trial, docs)
}

// ShareBy hands the operator's rules on to hosts, now and whenever they are
// exchanged.
func (b *Book) ShareBy(ctx context.Context, s Speaker) {
	b.mu.Lock()
	b.speaker = s
	e := b.edition
	b.mu.Unlock()
	b.share(ctx, s, e)
}

// Reload reads the files again and puts them in force with the documents, all
// or none, and returns how many rules there are.
func (b *Book) Reload(ctx context.Context) (int, error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	next, left, err := b.again(ctx)
	b.cfg.Refused(err)
	if err != nil {
		return 0, fmt.Errorf("%w: the rules stay as they were: %w", account.ErrInvalid, err)
	}
	b.cfg.LeftOut(left)
	b.put(ctx, next, true)
	b.cfg.Changed(nil)
	return len(next.live.Rules()), nil
}

// again makes an edition of what files and documents say now. Documents that
// were left out stay so where they still cannot be used; that one in force
// cannot be any more is an error.
func (b *Book) again(ctx context.Context) (next *edition, left, err error) {
	f, err := lay(b.cfg)
	if err != nil {
		return nil, nil, err
	}
	plain, err := compose(f, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	var stored []store.RuleDoc
	if b.docs != nil {
		if stored, err = b.docs.UsedRuleDocs(ctx); err != nil {
			return nil, nil, err
		}
	}
	next, left = tolerate(plain, stored)
	for name := range b.current().docs {
		if _, still := next.docs[name]; !still && left != nil {
			return nil, nil, left
		}
	}
	return next, left, nil
}

// put puts an edition in force. Live says that it differs in more than the
// rules in test: detection remembers nothing across an exchange but what it
// reads again.
func (b *Book) put(ctx context.Context, next *edition, live bool) {
	b.mu.Lock()
	if !live {
		next.live = b.edition.live
	}
	b.edition = next
	use, speaker := b.use, b.speaker
	if b.trial != nil {
		next.try(b.trial)
	}
	if use != nil && live {
		use(next.live)
	}
	b.mu.Unlock()
	if speaker != nil && live {
		b.share(ctx, speaker, next)
	}
}

// share makes the operator's rules the bundle that hosts fetch, and tells those
// that know another. Rules that cannot be shared are in force here all the
// same, and hosts keep those that they have.
func (b *Book) share(ctx context.Context, s Speaker, e *edition) {
	content, err := wire.EncodeBundle(e.bundle())
	if err == nil {
		err = s.SetBundle(wire.BundleRules, content)
	}
	b.cfg.Unshared(err)
	if err != nil {
		b.cfg.Log.Error("the rules cannot be handed on to hosts", "error", err)
		return
	}
	s.Announce(ctx, wire.BundleRules)
}
