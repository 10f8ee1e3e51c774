package feature_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/holdfast-security/holdfast/agent/feature"
)

func TestWarningsDegradeARunningFeature(t *testing.T) {
	h := feature.NewHealth("audit")
	if s := h.Status(); s.State != feature.Starting || s.Name != "audit" || s.Since.IsZero() {
		t.Errorf("new health is %+v", s)
	}
	h.Warn("audit-lost", "the kernel lost %d records", 7)
	if s := h.Status(); s.State != feature.Starting {
		t.Errorf("a warning turned a starting feature into %s", s.State)
	}
	h.Set(feature.Running, "owns the unicast")
	if s := h.Status(); s.State != feature.Degraded || s.Detail != "owns the unicast" {
		t.Errorf("running with a warning shows as %+v, want degraded", s)
	}
	h.Warn("audit-lost", "the kernel lost 9 records")
	if s := h.Status(); len(s.Warnings) != 1 || s.Warnings[0].Text != "the kernel lost 9 records" {
		t.Errorf("warnings with one code are %+v, want the latest text once", s.Warnings)
	}
	h.Clear("audit-lost")
	h.Clear("never-there")
	if s := h.Status(); s.State != feature.Running || len(s.Warnings) != 0 {
		t.Errorf("after clearing: %+v", s)
	}
}

func TestOnlyLossCountsAsDropped(t *testing.T) {
	h := feature.NewHealth("perf")
	h.Count("records", 1000)
	h.CountDropped("ring_lost", 3)
	h.CountDropped("ring_lost", 5)
	h.AddDropped("queue_full", 2)
	h.AddDropped("queue_full", 2)
	if got := h.Status().Dropped(); got != 9 {
		t.Errorf("dropped %d, want 5 + 4", got)
	}
}

func TestStatusIsASnapshot(t *testing.T) {
	h := feature.NewHealth("perf")
	h.Count("records", 1)
	before := h.Status()
	h.Count("records", 2)
	h.Warn("x", "y")
	if before.Counters[0].Value != 1 || len(before.Warnings) != 0 {
		t.Errorf("an old snapshot changed: %+v", before)
	}
	if _, err := json.Marshal(before); err != nil {
		t.Error(err)
	}
}

func TestHealthIsSafeForConcurrentUse(t *testing.T) {
	h := feature.NewHealth("perf")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				h.AddDropped("lost", 1)
				h.Warn("code", "text")
				_ = h.Status()
			}
		})
	}
	wg.Wait()
	if got := h.Status().Dropped(); got != 4000 {
		t.Errorf("counted %d of 4000", got)
	}
}

func TestDefinitionRunsOn(t *testing.T) {
	d := feature.Definition{OS: []string{"linux"}}
	if !d.RunsOn("linux") || d.RunsOn("windows") {
		t.Error("a Linux feature claims the wrong systems")
	}
}
