package exceptions

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/rules/samples"
	"github.com/holdfast-security/holdfast/store"
)

// Bounds of a preview.
const (
	previewTime   = 15 * time.Second
	previewSpan   = 30 * 24 * time.Hour
	previewAlerts = 100 // and as many samples
	previewHosts  = 10
)

// Preview says which of the stored alerts an exception would have hidden. It
// reads them some at a time, newest first, and says so when its time was over
// before it had seen all.
func (k *Keeper) Preview(ctx context.Context, q api.ExceptionTrial) (api.ExceptionPreview, error) {
	set, filter, err := k.try(q)
	if err != nil {
		return api.ExceptionPreview{}, err
	}
	select {
	case k.trial <- struct{}{}:
		defer func() { <-k.trial }()
	case <-ctx.Done():
		return api.ExceptionPreview{}, ctx.Err()
	}
	bounded, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	t := tally{hosts: make(map[event.HostID]*store.Count)}
	t.BySeverity = make(map[string]int64)
	if err := t.hideSamples(q.ExceptionTerms); err != nil {
		return api.ExceptionPreview{}, err
	}
	err = k.cfg.State.EachAlert(bounded, filter, func(c finding.Case) error {
		_, hidden := set.Covering(&c.Alert, k.host(c.Host), k.cfg.Now())
		t.note(&c, hidden)
		return bounded.Err()
	})
	t.Complete = err == nil
	if err != nil && (ctx.Err() != nil || bounded.Err() == nil) {
		return api.ExceptionPreview{}, err
	}
	return t.result(), nil
}

// try returns the exception as if it were in force, and the alerts that it may
// cover. What a person has not filled in yet does not matter.
func (k *Keeper) try(q api.ExceptionTrial) (*exception.Set, store.AlertFilter, error) {
	terms := inForce(q.ExceptionTerms)
	if q.Since.IsZero() {
		q.Since = k.cfg.Now().Add(-previewSpan)
	}
	filter := store.AlertFilter{Rule: terms.Scope.Rules, Type: terms.Scope.Types, Since: q.Since, Until: q.Until}
	set, err := exception.Compile([]finding.Exception{{ExceptionTerms: terms}})
	if err != nil {
		return nil, filter, fmt.Errorf("%w: %w", account.ErrInvalid, exception.Validate(terms))
	}
	if !q.Until.IsZero() && !q.Until.After(q.Since) {
		return nil, filter, fmt.Errorf("%w: until: it is not after since", account.ErrInvalid)
	}
	return set, filter, nil
}

// inForce returns terms as if they were, whatever a person has not filled in yet.
func inForce(terms finding.ExceptionTerms) finding.ExceptionTerms {
	terms.Name, terms.Reason = cmp.Or(terms.Name, "preview"), cmp.Or(terms.Reason, "preview")
	terms.Enabled, terms.Expires = true, nil
	return terms
}

// hideSamples says which of the attacks that the rules are tested with an
// exception would hide. They happened on no host: what it says of hosts is left
// out.
func (t *tally) hideSamples(terms finding.ExceptionTerms) error {
	terms = inForce(terms)
	terms.Scope.Hosts, terms.Scope.Labels = nil, nil
	set, err := exception.Compile([]finding.Exception{{ExceptionTerms: terms}})
	if err != nil {
		return err
	}
	t.Samples = []api.ExceptionSample{}
	return samples.Each(func(s samples.Sample) bool {
		a := &s.Alert
		if !isAbout(terms.Scope, a) {
			return true
		}
		t.SamplesTotal++
		if _, hidden := set.Covering(a, exception.Host{}, time.Time{}); !hidden {
			return true
		}
		t.SamplesHidden++
		if len(t.Samples) < previewAlerts {
			t.Samples = append(t.Samples, api.ExceptionSample{
				Name: s.Name, Rule: a.Rule.ID, Type: a.Type, Title: a.Title, Severity: a.Severity, Story: a.Story,
			})
		}
		return true
	})
}

// isAbout reports whether an alert is of the rules and types of a scope.
func isAbout(scope finding.ExceptionScope, a *finding.Alert) bool {
	return (len(scope.Rules) == 0 || slices.Contains(scope.Rules, a.Rule.ID)) &&
		(len(scope.Types) == 0 || slices.Contains(scope.Types, a.Type))
}

// tally is a preview in the making.
type tally struct {
	api.ExceptionPreview
	hosts map[event.HostID]*store.Count
}

func (t *tally) note(c *finding.Case, hidden bool) {
	t.Total++
	if !hidden {
		return
	}
	t.Hidden++
	t.BySeverity[c.Severity.String()]++
	h := t.hosts[c.Host]
	if h == nil {
		h = &store.Count{Key: string(c.Host), Label: cmp.Or(c.HostName, string(c.Host))}
		t.hosts[c.Host] = h
	}
	h.Count++
	if len(t.Alerts) < previewAlerts {
		t.Alerts = append(t.Alerts, c.Summary())
	}
}

func (t *tally) result() api.ExceptionPreview {
	for _, h := range t.hosts {
		t.ByHost = append(t.ByHost, *h)
	}
	slices.SortFunc(t.ByHost, func(a, b store.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key))
	})
	t.ByHost = t.ByHost[:min(len(t.ByHost), previewHosts)]
	return t.ExceptionPreview
}

// Suggest returns the terms of the narrowest exception that would hide an alert
// and its like. The reason is left for a person to say.
func (k *Keeper) Suggest(ctx context.Context, alert string) (finding.ExceptionTerms, error) {
	c, err := k.cfg.State.Alert(ctx, alert)
	if err != nil {
		return finding.ExceptionTerms{}, err
	}
	return exception.Suggest(&c.Alert, k.host(c.Host)), nil
}
