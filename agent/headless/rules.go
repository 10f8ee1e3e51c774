package headless

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

const (
	bundlePrefix = "bundle:" // stands before the paths of the server's rules
	mostReasons  = 3         // said of why the server's rules are refused
)

// useRules puts rules in force: Holdfast's own, those of the configuration, and
// those in files, which are the server's. Of the configuration's, one that
// cannot be used is logged and left out, and a path that is not there is an
// error; of the server's, one that cannot be used refuses them all, and what
// was in force stays. What detection remembers of earlier events is forgotten.
func (o *output) useRules(files map[string][]byte) error {
	set := rulefiles.Embedded()
	for _, path := range o.paths {
		if err := set.Add(path); err != nil {
			return err
		}
	}
	set.AddFiles(bundlePrefix, files)
	rules := set.Compile()
	if err := o.sayRefused(set.Refused); err != nil {
		return err
	}
	detector := alert.NewDetector(rules, detect.Limits{}, nil, o.raise)
	detector.UseIndicators(o.lists.Live())
	o.mu.Lock()
	defer o.mu.Unlock()
	o.detector = detector
	return nil
}

// sayRefused logs which rules of the configuration are left out, and returns an
// error when there are others.
func (o *output) sayRefused(refused []rulefiles.Refusal) error {
	var reasons []string
	for _, r := range refused {
		if strings.HasPrefix(r.Path, bundlePrefix) {
			reasons = append(reasons, r.String())
			continue
		}
		o.log.Warn("rule left out", "path", r.Path, "line", r.Line, "reason", r.Reason)
	}
	switch n := len(reasons); {
	case n == 0:
		return nil
	case n > mostReasons:
		reasons = append(reasons[:mostReasons], fmt.Sprintf("and %d more", n-mostReasons))
	}
	return errors.New(strings.Join(reasons, "; "))
}

// needsRecords reports whether a rule looks at raw audit records.
func (o *output) needsRecords() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.detector.NeedsRecords()
}

// useKeptRules puts the server's rules in force that were so when the agent
// last ran. The sensors have not begun.
func (w *watch) useKeptRules() {
	if w.link.rules == nil {
		return
	}
	if c, found := w.link.keptRules(); found {
		w.useBundle(c)
	}
}

// useBundle puts the server's rules in force whole, or refuses them whole.
func (w *watch) useBundle(c bundle.Content) {
	if err := w.out.useRules(c.Files); err != nil {
		w.link.rules.Refuse(c, err)
		return
	}
	w.log.Info("the server's rules are in force", "files", len(c.Files), "digest", c.Digest)
	if err := w.link.rules.Accept(c); err != nil {
		w.log.Error("the server's rules cannot be kept; they hold until the next start", "error", err)
	}
}

// applyBundle is useBundle while the sensors work: they start anew if the rules
// need more, or less, of them.
func (w *watch) applyBundle(ctx context.Context, c bundle.Content) {
	before := w.out.needsRecords()
	w.useBundle(c)
	p := w.inForce()
	if p.RawRecords || w.out.needsRecords() == before {
		return
	}
	if err := w.restart(ctx, p, p); err != nil && ctx.Err() == nil {
		w.log.Error("the sensors could not start anew for the server's rules", "error", err)
	}
}
