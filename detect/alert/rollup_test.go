package alert

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func curl(offset time.Duration, url string) *finding.Alert {
	return &finding.Alert{
		Rule: finding.Rule{ID: "r"}, Time: noon.Add(offset), LastTime: noon.Add(offset), Count: 1,
		Process: &event.Process{
			Executable: &event.File{Path: "/usr/bin/curl"}, CommandLine: "curl " + url,
			Parent: &event.Process{Executable: &event.File{Path: "/bin/bash"}},
		},
	}
}

func TestExactRepeatsFold(t *testing.T) {
	var r rollup
	if r.repeated(curl(0, "a"), nil) != nil {
		t.Fatal("the first alert counts as a repeat")
	}
	first := r.repeated(curl(time.Minute, "a"), nil)
	if first == nil {
		t.Fatal("an exact repeat a minute later is a new alert")
	}
	if r.repeated(curl(time.Minute, "b"), nil) != nil {
		t.Error("another command line is a repeat")
	}
	if r.repeated(curl(time.Hour, "a"), nil) != nil {
		t.Error("the same an hour later is still a repeat")
	}
}

func TestOtherActorsDoNotFold(t *testing.T) {
	var r rollup
	r.repeated(curl(0, "a"), nil)
	changes := map[string]func(a *finding.Alert){
		"rule":      func(a *finding.Alert) { a.Rule.ID = "other" },
		"host":      func(a *finding.Alert) { a.Host = "other" },
		"user":      func(a *finding.Alert) { a.Process.User.UID = 7 },
		"parent":    func(a *finding.Alert) { a.Process.Parent = nil },
		"container": func(a *finding.Alert) { a.Process.Container = &event.Container{ID: "c"} },
		"file":      func(a *finding.Alert) { a.Evidence = []event.Event{{File: &event.File{Path: "/x"}}} },
	}
	for name, change := range changes {
		a := curl(0, "a")
		change(a)
		if r.repeated(a, nil) != nil {
			t.Errorf("an alert that differs in its %s is a repeat", name)
		}
	}
}

func TestCorrelationsRepeatByTheirEntity(t *testing.T) {
	var r rollup
	address := func(text string) []detect.Value { return []detect.Value{{Name: "SourceIp", Text: text}} }
	if r.repeated(curl(0, "a"), address("192.0.2.1")) != nil {
		t.Fatal("the first alert counts as a repeat")
	}
	if r.repeated(curl(time.Minute, "other circumstances"), address("192.0.2.1")) == nil {
		t.Error("the same address again is a new alert")
	}
	if r.repeated(curl(time.Minute, "a"), address("192.0.2.2")) != nil {
		t.Error("another address is a repeat")
	}
}

func TestVariedArgumentsCannotFlood(t *testing.T) {
	var r rollup
	raised := 0
	for i := range 1000 {
		if r.repeated(curl(time.Duration(i)*time.Millisecond, fmt.Sprint(i)), nil) == nil {
			raised++
		}
	}
	if raised != maxVariants {
		t.Errorf("1000 variants raised %d alerts, want %d", raised, maxVariants)
	}
}

func TestRollupMemoryIsBounded(t *testing.T) {
	var r rollup
	for i := range 3 * maxOpen {
		a := curl(0, "a")
		a.Rule.ID = fmt.Sprint(i)
		r.repeated(a, nil)
	}
	if len(r.alerts) > maxOpen || len(r.actors) > maxOpen || r.evicted == 0 {
		t.Errorf("%d alerts, %d actors, %d evicted", len(r.alerts), len(r.actors), r.evicted)
	}
}
