package trial

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/store"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// ruleset compiles a rule for netcats, and one of no document in test.
func ruleset(t *testing.T) *detect.Ruleset {
	t.Helper()
	const text = "title: %s\nid: 0b8f5f0a-1111-4222-8333-44445555660%d\nlogsource: {product: linux, category: process_creation}\ndetection: {selection: {Image|endswith: /nc}, condition: selection}\n"
	set := &rulefiles.Set{}
	set.AddFiles("console/", map[string][]byte{"a.yml": fmt.Appendf(nil, text, "A", 1), "live.yml": fmt.Appendf(nil, text, "Live", 2)})
	return set.Compile()
}

func launch(n int, path string) *event.Event {
	return &event.Event{
		Time: noon.Add(time.Duration(n) * time.Second), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Host: "h1", Serial: uint64(n),
		Process: &event.Process{Executable: &event.File{Path: path}, CommandLine: strings.Repeat("\xff", 400), Arguments: []string{path}},
	}
}

// saved is what a trial saved.
type saved struct {
	mu  sync.Mutex
	all []map[string]store.RuleMatches

	suspended error
}

func (s *saved) save(_ context.Context, m map[string]store.RuleMatches) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, m)
	return nil
}

func newTrial(s *saved) *Trial {
	return New(Config{
		Log: slog.New(slog.DiscardHandler), Save: s.save, Suspended: func(err error) { s.suspended = err },
		DocOf: func(path string) string { return strings.TrimPrefix(path, "console/") },
	})
}

func TestMatchesAreCountedAndSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &saved{}
		tried := newTrial(s)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { tried.Run(ctx) })
		tried.Handle("h1", []*event.Event{launch(0, "/bin/nc")}) // without rules
		tried.SetRules(ruleset(t), map[string]store.RuleDoc{"a.yml": {ID: "a.yml", Version: 3, State: store.RuleTest}})
		for i := range 30 {
			tried.Handle("h1", []*event.Event{launch(i, "/bin/nc"), launch(i, "/bin/ls")})
		}
		time.Sleep(saveEvery + time.Second)
		synctest.Wait()
		if len(s.all) != 1 || len(s.all[0]) != 1 {
			t.Fatalf("saved %+v", s.all)
		}
		m := s.all[0]["a.yml"]
		if m.Count != 30 || m.Version != 3 || len(m.Samples) != store.MaxRuleMatches || m.Samples[0].Serial != 29 || m.Samples[0].Title != "A" {
			t.Errorf("saved %+v", m)
		}
		if text := m.Samples[0].Text; len(text) > 1000 || strings.Contains(text, "\xff") || !strings.HasPrefix(text, "process_activity/launch: ") {
			t.Errorf("a sample says %q", text)
		}
		tried.SetRules(ruleset(t), map[string]store.RuleDoc{"a.yml": {ID: "a.yml", Version: 4, State: store.RuleTest}})
		tried.Handle("h1", []*event.Event{launch(40, "/bin/nc")})
		tried.SetRules(nil, nil)
		tried.Handle("h1", []*event.Event{launch(41, "/bin/nc")})
		cancel()
		running.Wait()
		if len(s.all) != 2 || s.all[1]["a.yml"].Count != 1 || s.all[1]["a.yml"].Version != 4 {
			t.Errorf("saved at the end %+v", s.all[1:])
		}
	})
	goleak.VerifyNone(t)
}

func TestPanicsDoNotEndIt(t *testing.T) {
	s := &saved{}
	tried := newTrial(s)
	tried.SetRules(ruleset(t), map[string]store.RuleDoc{"a.yml": {ID: "a.yml", Version: 1, State: store.RuleTest}})
	tried.Handle("h1", []*event.Event{nil, launch(0, "/bin/nc")})
	tried.Handle("h1", []*event.Event{launch(1, "/bin/nc")})
	tried.save(t.Context())
	if len(s.all) != 1 || s.all[0]["a.yml"].Count != 1 {
		t.Errorf("saved %+v", s.all)
	}
}

func TestSlowRulesAreSuspended(t *testing.T) {
	s := &saved{}
	tried := newTrial(s)
	docs := map[string]store.RuleDoc{"a.yml": {ID: "a.yml", Version: 1, State: store.RuleTest}}
	tried.SetRules(ruleset(t), docs)
	tried.limit = -1 // so that everything takes longer
	frame := []*event.Event{launch(0, "/bin/nc")}
	for range maxSlow - 1 {
		tried.Handle("h1", frame)
	}
	if tried.set == nil || s.suspended != nil {
		t.Error("suspended too early")
	}
	tried.Handle("h1", frame)
	if tried.set != nil || s.suspended == nil {
		t.Error("the trial goes on")
	}
	tried.Handle("h1", frame)
	tried.SetRules(ruleset(t), docs)
	tried.limit = time.Hour
	tried.Handle("h1", frame)
	tried.save(t.Context())
	if s.suspended != nil || len(s.all) != 1 || s.all[0]["a.yml"].Count != 1 {
		t.Errorf("other rules: %v, saved %+v", s.suspended, s.all)
	}
}

func TestHostsAreForgotten(t *testing.T) {
	tried := newTrial(&saved{})
	tried.SetRules(ruleset(t), nil)
	for i := range maxHosts + 5 {
		tried.memory(event.HostID(fmt.Sprint(i)))
	}
	if n := len(tried.memories); n > maxHosts {
		t.Errorf("%d hosts are remembered", n)
	}
}
