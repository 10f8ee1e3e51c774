// Package dryrun says what rules would have matched in the events that are
// stored.
//
// Events are read in the order of time, a part after the other, and each host
// has a memory of its own, so that correlations count as they do live. What is
// remembered is bounded, and so is the time: where that is over, the result
// says up to when it is right.
package dryrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// Bounds of a dry run.
const (
	Budget = 30 * time.Second // of work

	maxEvents = 100 // matches that are shown
	maxCounts = 100 // hosts and rules that are listed
	maxKept   = 10_000
	maxWhy    = 32   // reasons of a match
	part      = 5000 // events read at a time
)

// limits of what correlations remember of a host.
var limits = detect.Limits{Groups: 256, Values: 256}

// Query says what to run over which events.
type Query struct {
	Rules        *detect.Ruleset
	Path         string // of the rules whose matches count; others only serve them
	Since, Until time.Time
	Host         event.HostID // "" for all
}

// run is a dry run under way.
type run struct {
	Query
	matcher  *detect.Matcher
	mapper   *fields.Mapper
	again    *fields.Mapper // of earlier events, while mapper is at work
	memories map[event.HostID]*detect.Memory
	width    time.Duration

	event  *event.Event // at hand
	result api.RuleDryRunResult
	over   map[int64]int64 // matches by bucket
	hosts  map[string]int64
	rules  map[string]*store.Count
}

// Run runs the query until it is done, the budget is used up, or ctx ends,
// which is an error.
func Run(ctx context.Context, events store.Events, q Query) (api.RuleDryRunResult, error) {
	r := &run{
		Query: q, matcher: q.Rules.NewMatcher(limits), mapper: fields.NewMapper(q.Rules), again: fields.NewMapper(q.Rules),
		memories: make(map[event.HostID]*detect.Memory), width: width(q.Until.Sub(q.Since)),
		over: make(map[int64]int64), hosts: make(map[string]int64), rules: make(map[string]*store.Count),
	}
	r.result = api.RuleDryRunResult{Since: q.Since, Until: q.Until, Complete: true, Events: []api.DryRunMatch{}, Problems: []api.RuleProblem{}}
	r.matcher.RecallWith(func(ref any, each func(*detect.Document)) {
		if ev, ok := ref.(*event.Event); ok {
			r.again.Each(ev, each)
		}
	})
	began := time.Now()
	err := r.read(ctx, events, began.Add(Budget))
	r.result.TookMS = time.Since(began).Milliseconds()
	r.sum()
	return r.result, err
}

// read reads the events, a part after the other.
func (r *run) read(ctx context.Context, events store.Events, deadline time.Time) error {
	timed, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	f := store.EventFilter{Host: r.Host, Since: r.Since, Until: r.Until, Limit: part, OldestFirst: true}
	for {
		list, err := events.Events(timed, f)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			r.stop()
			return nil
		case errors.Is(err, store.ErrPartial):
			r.result.Complete, r.result.Stopped = false, "part of the telemetry cannot be read"
		default:
			return err
		}
		if !r.handle(timed, list.Items) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.stop()
			return nil
		}
		if list.Next == "" {
			return nil
		}
		f.After = list.Next
	}
}

// stop notes that the time is over.
func (r *run) stop() {
	r.result.Complete = false
	r.result.Stopped = fmt.Sprintf("the time of %s was over: ask for fewer hours, or for one host", Budget)
	r.result.Until = r.Since
	if r.event != nil {
		r.result.Until = r.event.Time
	}
}

// handle runs events through the rules. It returns false when ctx ended.
func (r *run) handle(ctx context.Context, events []event.Event) bool {
	match := func(d *detect.Document) { r.matcher.Match(d, r.match) }
	for i := range events {
		if ctx.Err() != nil {
			return false
		}
		r.event = &events[i]
		r.matcher.Use(r.memory(r.event.Host))
		r.mapper.Each(r.event, match)
		r.result.Scanned++
	}
	return true
}

// memory returns what is remembered of a host. With more hosts than can be
// remembered, all are forgotten.
func (r *run) memory(host event.HostID) *detect.Memory {
	m := r.memories[host]
	if m == nil {
		if len(r.memories) >= maxKept {
			clear(r.memories)
		}
		m = r.Rules.NewMemory(limits)
		r.memories[host] = m
	}
	return m
}

// match counts a match.
func (r *run) match(m detect.Match) {
	if m.Rule.Path != r.Path {
		return
	}
	r.result.Matched++
	r.over[m.Time.Sub(r.Since).Nanoseconds()/int64(r.width)]++
	if host := string(r.event.Host); len(r.hosts) < maxKept || r.hosts[host] > 0 {
		r.hosts[host]++
	}
	key := cmp.Or(m.Rule.ID, m.Rule.Name, m.Rule.Title)
	if r.rules[key] == nil && len(r.rules) < maxKept {
		r.rules[key] = &store.Count{Key: key, Label: m.Rule.Title}
	}
	if c := r.rules[key]; c != nil {
		c.Count++
	}
	if len(r.result.Events) < maxEvents {
		r.result.Events = append(r.result.Events, api.DryRunMatch{Rule: key, Title: m.Rule.Title, Event: *r.event, Matches: why(m)})
	}
}

// why returns the reasons of a match.
func why(m detect.Match) []finding.Match {
	list := []finding.Match{}
	for i, piece := range m.Evidence() {
		for _, reason := range piece.Reasons {
			if len(list) == maxWhy {
				return list
			}
			list = append(list, finding.Match{
				Field: reason.Field, Value: strings.ToValidUTF8(reason.Value, "\uFFFD"), Condition: reason.Condition, Selection: reason.Selection, Event: i,
			})
		}
	}
	return list
}

// widths of buckets, ascending.
var widths = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// maxBuckets is how many buckets there are at most.
const maxBuckets = 100

// width returns the width of the buckets of a stretch of time.
func width(all time.Duration) time.Duration {
	for _, w := range widths {
		if all/w < maxBuckets {
			return w
		}
	}
	return all/maxBuckets + 1
}

// sum fills in the counts.
func (r *run) sum() {
	r.result.Over = []api.DryRunBucket{}
	for i := int64(0); i <= int64(r.result.Until.Sub(r.Since)-1)/int64(r.width) && i < maxBuckets; i++ {
		r.result.Over = append(r.result.Over, api.DryRunBucket{Start: r.Since.Add(time.Duration(i) * r.width), Count: r.over[i]})
	}
	hosts := make([]store.Count, 0, len(r.hosts))
	for host, n := range r.hosts {
		hosts = append(hosts, store.Count{Key: host, Label: host, Count: n})
	}
	r.result.Hosts = most(hosts)
	rules := make([]store.Count, 0, len(r.rules))
	for _, c := range slices.Collect(maps.Values(r.rules)) {
		rules = append(rules, *c)
	}
	r.result.Rules = most(rules)
}

// most returns the highest counts.
func most(list []store.Count) []store.Count {
	slices.SortFunc(list, func(a, b store.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Key, b.Key))
	})
	return list[:min(len(list), maxCounts)]
}
