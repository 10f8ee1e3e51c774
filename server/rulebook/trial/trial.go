// Package trial evaluates the rules that are in test: on every event, as those
// in force are, but what they match raises no alert. It is counted, with the
// last few references, and saved every few seconds.
//
// Rules in test can be wrong in any way. They are apart from those in force,
// what they remember is bounded for each host, and a rule that fails on an event
// costs the rest of that frame's trial, nothing else. Rules that are so slow that
// events would wait for them are suspended. What was not saved when
// the server was killed is not counted.
package trial

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
)

const (
	saveEvery = 5 * time.Second
	maxHosts  = 20_000 // whose memory is kept
	maxText   = 300    // bytes of an event in a line

	frameTime = time.Second // that a frame may take
	maxSlow   = 5           // frames in a row that may take longer
)

// limits of what correlations in test remember of a host.
var limits = detect.Limits{Groups: 64, Values: 64}

// Config says what a trial works with. All must be set.
type Config struct {
	Log *slog.Logger
	// Save adds matches by name of the document.
	Save func(ctx context.Context, matches map[string]store.RuleMatches) error
	// Suspended is told that the rules are too slow, and with nil that there are
	// others.
	Suspended func(error)
	// DocOf returns the name of the document that the path of a rule is in.
	DocOf func(path string) string
}

// Trial evaluates rules in test. Make it with [New]; its methods may be called
// from any goroutine, and Handle from one at a time.
type Trial struct {
	cfg Config

	mu       sync.Mutex // guards what follows
	set      *detect.Ruleset
	docs     map[string]store.RuleDoc
	matcher  *detect.Matcher
	mapper   *fields.Mapper
	again    *fields.Mapper
	memories map[event.HostID]*detect.Memory
	event    *event.Event  // at hand
	limit    time.Duration // of a frame
	slow     int           // frames in a row that took longer
	waiting  map[string]store.RuleMatches
}

// New returns a trial without rules.
func New(cfg Config) *Trial {
	return &Trial{cfg: cfg, limit: frameTime, waiting: make(map[string]store.RuleMatches)}
}

// SetRules exchanges the rules; nil for none. Docs are the documents in test by
// name.
func (t *Trial) SetRules(set *detect.Ruleset, docs map[string]store.RuleDoc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set, t.docs, t.slow = set, docs, 0
	t.begin()
	t.cfg.Suspended(nil)
}

// begin makes what belongs to the rules as new.
func (t *Trial) begin() {
	t.matcher, t.mapper, t.again, t.memories = nil, nil, nil, nil
	if t.set == nil {
		return
	}
	t.matcher, t.mapper, t.again = t.set.NewMatcher(limits), fields.NewMapper(t.set), fields.NewMapper(t.set)
	t.memories = make(map[event.HostID]*detect.Memory)
	again := t.again
	t.matcher.RecallWith(func(ref any, each func(*detect.Document)) {
		if ev, ok := ref.(*event.Event); ok {
			again.Each(ev, each)
		}
	})
}

// Handle runs the events of a frame through the rules in test. The events must
// not change afterwards.
func (t *Trial) Handle(host event.HostID, events []*event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		return
	}
	defer func() {
		if trouble := recover(); trouble != nil {
			t.cfg.Log.Error("the trial of rules in test failed on a frame", "host", host, "panic", trouble, "stack", string(debug.Stack()))
			t.begin()
		}
	}()
	t.matcher.Use(t.memory(host))
	match := func(d *detect.Document) { t.matcher.Match(d, t.note) }
	began := time.Now()
	for _, ev := range events {
		if time.Since(began) > t.limit {
			t.slowed()
			return
		}
		t.event = ev
		t.mapper.Each(ev, match)
	}
	t.slow = 0
}

// errSlow says why rules in test are not evaluated any more.
var errSlow = fmt.Errorf("%d times in a row they took longer than %s for some hundred events; regular expressions that begin and end with anything are the usual cause", maxSlow, frameTime)

// slowed notes that a frame took too long, and suspends the trial when that goes
// on.
func (t *Trial) slowed() {
	if t.slow++; t.slow < maxSlow {
		return
	}
	t.set = nil
	t.begin()
	t.cfg.Log.Error("the trial of rules in test is suspended until they change", "error", errSlow)
	t.cfg.Suspended(errSlow)
}

// memory returns what is remembered of a host. With more hosts than are kept,
// all are forgotten.
func (t *Trial) memory(host event.HostID) *detect.Memory {
	m := t.memories[host]
	if m == nil {
		if len(t.memories) >= maxHosts {
			clear(t.memories)
		}
		m = t.set.NewMemory(limits)
		t.memories[host] = m
	}
	return m
}

// note counts a match. Rules that are there only because others refer to them
// are of no document in test.
func (t *Trial) note(m detect.Match) {
	name := t.cfg.DocOf(m.Rule.Path)
	d, tried := t.docs[name]
	if !tried {
		return
	}
	w := t.waiting[name]
	if w.Version != d.Version {
		w = store.RuleMatches{Version: d.Version}
	}
	w.Count++
	sample := store.RuleMatch{
		Time: m.Time, Host: t.event.Host, Rule: cmp.Or(m.Rule.ID, m.Rule.Name), Title: m.Rule.Title, Text: line(t.event), Serial: t.event.Serial,
	}
	if len(w.Samples) == store.MaxRuleMatches {
		w.Samples = w.Samples[:store.MaxRuleMatches-1]
	}
	w.Samples = append([]store.RuleMatch{sample}, w.Samples...)
	t.waiting[name] = w
}

// line returns an event in a line.
func line(ev *event.Event) string {
	text := ev.Message
	if ev.Process != nil {
		text = cmp.Or(ev.Process.CommandLine, ev.Process.Name, text)
	}
	if ev.File != nil && ev.File.Path != "" {
		text = ev.File.Path + " (" + text + ")"
	}
	text = ev.Name() + ": " + text
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// Run saves what was counted until ctx ends, and then what is left.
func (t *Trial) Run(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.save(ctx)
		case <-ctx.Done():
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveEvery)
			defer cancel()
			t.save(ending)
			return
		}
	}
}

// save saves what was counted. What cannot be saved is lost, and said.
func (t *Trial) save(ctx context.Context) {
	t.mu.Lock()
	waiting := t.waiting
	t.waiting = make(map[string]store.RuleMatches)
	t.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	if err := t.cfg.Save(ctx, waiting); err != nil {
		t.cfg.Log.Warn("what rules in test matched is not counted", "documents", len(waiting), "error", err)
	}
}
