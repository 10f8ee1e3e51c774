package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/cli/live"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/finding"
)

// rig is a screen under a hand-set clock.
type rig struct {
	*live.Screen
	now   time.Time
	out   strings.Builder
	notes strings.Builder
}

func newRig() *rig {
	r := &rig{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	r.Screen = live.NewScreen(live.Options{
		Out: &r.out, Notes: &r.notes, Now: func() time.Time { return r.now },
		Status: func() string { return "watching" },
		Full:   func(a finding.Alert) string { return render.Alert(a, render.Style{Width: 80}) },
		Line:   func(a finding.Alert) string { return render.AlertLine(a, render.Style{Width: 80}) },
	})
	return r
}

// pass lets time go by in ticks of a second.
func (r *rig) pass(seconds int) {
	for range seconds {
		r.now = r.now.Add(time.Second)
		r.Tick()
	}
}

func (r *rig) alert(id string, count uint32) finding.Alert {
	return finding.Alert{ID: id, Type: "VM_Test", Title: "Test alert", Count: count, Time: r.now, LastTime: r.now}
}

// lines counts the lines that hold the alert's title.
func (r *rig) lines() int { return strings.Count(r.out.String(), "Test alert") }

func TestARepeatIsCountedNotShownAgain(t *testing.T) {
	r := newRig()
	r.Alert(r.alert("a", 1))
	for i := range uint32(100) {
		r.Alert(r.alert("a", i+2))
	}
	if r.lines() != 1 {
		t.Fatalf("100 repeats at once were shown:\n%s", r.out.String())
	}
	r.pass(6)
	if r.lines() != 2 || !strings.Contains(r.out.String(), "×101  Test alert") {
		t.Errorf("the repeats are not summed up in one line:\n%s", r.out.String())
	}
	r.pass(600)
	if r.lines() != 2 {
		t.Errorf("the same count is told twice:\n%s", r.out.String())
	}
}

func TestLastingRepeatsAreToldEverMoreRarely(t *testing.T) {
	r := newRig()
	for i := range uint32(600) {
		r.Alert(r.alert("a", i+1))
		r.pass(1)
	}
	if n := r.lines(); n < 8 || n > 16 {
		t.Errorf("ten minutes of repeats gave %d lines", n)
	}
}

func TestManyAlertsOfOneTypeBecomeLines(t *testing.T) {
	r := newRig()
	for i := range 50 {
		r.Alert(r.alert(fmt.Sprint(i), 1))
	}
	if n := strings.Count(r.out.String(), "ids "); n != 5 {
		t.Errorf("%d alerts were shown in full, want 5", n)
	}
	if r.lines() != 50 {
		t.Errorf("%d of 50 alerts were shown at all", r.lines())
	}
	r.pass(61)
	r.Alert(r.alert("later", 1))
	if n := strings.Count(r.out.String(), "ids "); n != 6 {
		t.Error("a minute later an alert is not shown in full again")
	}
}

func TestNothingHeldBackIsLost(t *testing.T) {
	r := newRig()
	for i := range 5000 {
		r.Alert(r.alert(fmt.Sprint(i), 1))
		r.Alert(r.alert(fmt.Sprint(i), 3))
	}
	r.Close()
	if n := strings.Count(r.out.String(), "×3"); n != 5000 {
		t.Errorf("the count of %d of 5000 alerts was told", n)
	}
}

func TestStatusLineIsErasedBeforeAnAlert(t *testing.T) {
	r := newRig()
	r.pass(3)
	if got := r.notes.String(); got != "\r\x1b[Kwatching" {
		t.Errorf("an unchanged status was drawn more than once: %q", got)
	}
	r.Alert(r.alert("a", 1))
	if got := r.notes.String(); !strings.HasSuffix(got, "watching\r\x1b[K") {
		t.Errorf("the status is still there: %q", got)
	}
	r.Close()
}

func TestTally(t *testing.T) {
	var tally live.Tally
	if tally.Alerts() == nil || tally.Matches() == nil {
		t.Error("an empty tally has no maps")
	}
	alert := func(id string, kind finding.AlertType, count uint32) finding.Alert {
		return finding.Alert{ID: id, Type: kind, Count: count}
	}
	for _, a := range []finding.Alert{alert("1", "A", 1), alert("1", "A", 5), alert("2", "A", 1), alert("3", "B", 0)} {
		tally.Add(a, a.Type == "B")
	}
	if diff := cmp.Diff(map[finding.AlertType]int{"A": 2, "B": 1}, tally.Alerts()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[finding.AlertType]uint64{"A": 6, "B": 1}, tally.Matches()); diff != "" {
		t.Error(diff)
	}
	if n, hidden := tally.Total(); n != 3 || hidden != 1 {
		t.Errorf("got %d alerts, %d hidden", n, hidden)
	}
}
