package alert_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

const testRules = `
title: A test tool ran
id: 3f1f0c1e-0000-4000-8000-000000000001
description: Fires for the test tool.
author: somebody
tags: [attack.execution, attack.t1059.004]
logsource: {product: linux, category: process_creation}
detection:
  tool: {Image|endswith: /tool}
  condition: tool
level: high
holdfast:
  alert_type: VM_Tool
  story: "{User} ran {Image} in {NoSuchField}"
  remediation: ["ask {User}", second]
---
title: Failed logon
id: 3f1f0c1e-0000-4000-8000-000000000002
name: failed
logsource: {product: linux, category: authentication}
detection:
  failed: {Status: failure}
  condition: failed
---
title: Many failed logons
id: 3f1f0c1e-0000-4000-8000-000000000003
correlation:
  type: event_count
  rules: [failed]
  group-by: [SourceIp]
  timespan: 1m
  condition: {gte: 3}
level: medium
holdfast:
  alert_type: VM_Many
  story: "failed logons from {SourceIp}"
  remediation: [look]
`

type seen struct {
	alert  finding.Alert
	repeat bool
}

// detector returns a detector for the test rules and where its alerts end up.
func detector(t *testing.T) (*alert.Detector, *[]seen) {
	t.Helper()
	rules, err := sigma.Parse("test.yml", []byte(testRules))
	if err != nil {
		t.Fatal(err)
	}
	set, errs := detect.Compile(rules)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var got []seen
	return alert.NewDetector(set, detect.Limits{}, nil, func(a finding.Alert, repeat bool) {
		got = append(got, seen{a, repeat})
	}), &got
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func launch(offset time.Duration, path string) *event.Event {
	return &event.Event{
		Time: start.Add(offset), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Host: "h",
		Process: &event.Process{
			PID: 7, Executable: &event.File{Path: path}, User: event.User{UID: 1000, Name: "eve"},
			Parent: &event.Process{PID: 6, Name: "bash"},
		},
	}
}

func failure(offset time.Duration, address string) *event.Event {
	return &event.Event{
		Time: start.Add(offset), Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusFailure,
		User: &event.User{Name: "root"}, Logon: &event.Logon{Service: "sshd", Address: netip.MustParseAddr(address)},
	}
}

func TestAlertExplainsItself(t *testing.T) {
	d, got := detector(t)
	d.Handle([]*event.Event{launch(0, "/bin/ls"), launch(0, "/tmp/tool")})
	if len(*got) != 1 {
		t.Fatalf("%d alerts, want 1", len(*got))
	}
	a := (*got)[0].alert
	if a.Type != "VM_Tool" || a.Severity != finding.High || a.Count != 1 || a.Host != "h" || len(a.ID) != 32 {
		t.Errorf("alert is %+v", a)
	}
	if want := "eve ran /tmp/tool in ?"; a.Story != want {
		t.Errorf("story is %q, want %q", a.Story, want)
	}
	if len(a.Matches) != 1 || a.Matches[0].Field != "Image" || a.Matches[0].Condition != `ends with "/tool"` || a.Matches[0].Value != "/tmp/tool" {
		t.Errorf("reasons are %+v", a.Matches)
	}
	if a.Process == nil || a.Process.Parent == nil || a.Process.Parent.Name != "bash" || len(a.Evidence) != 1 {
		t.Errorf("process %+v, evidence %+v", a.Process, a.Evidence)
	}
	if a.Steps[0] != "ask eve" {
		t.Errorf("first step is %q", a.Steps[0])
	}
	if a.Rule.Author != "somebody" || len(a.Steps) != 2 || len(a.Tactics) != 1 || len(a.Methods) != 1 {
		t.Errorf("rule %+v, steps %v, tactics %v, techniques %v", a.Rule, a.Steps, a.Tactics, a.Methods)
	}
}

func TestRepeatsRaiseTheCount(t *testing.T) {
	d, got := detector(t)
	for i := range 5 {
		d.Handle([]*event.Event{launch(time.Duration(i)*time.Second, "/tmp/tool")})
	}
	last := (*got)[len(*got)-1]
	if len(*got) != 5 || (*got)[0].repeat || !last.repeat {
		t.Fatalf("got %d reports, first repeat %v, last repeat %v", len(*got), (*got)[0].repeat, last.repeat)
	}
	if last.alert.ID != (*got)[0].alert.ID || last.alert.Count != 5 || !last.alert.LastTime.Equal(start.Add(4*time.Second)) {
		t.Errorf("last repeat has id %s, count %d, last time %v", last.alert.ID, last.alert.Count, last.alert.LastTime)
	}
	if s := d.Stats(); s.Events != 5 || s.Matches != 5 || s.Alerts != 1 {
		t.Errorf("stats are %+v", s)
	}
}

func TestCorrelationCarriesItsEvidence(t *testing.T) {
	d, got := detector(t)
	d.Handle([]*event.Event{
		failure(0, "192.0.2.1"), failure(time.Second, "192.0.2.2"), failure(2*time.Second, "192.0.2.1"),
		failure(3*time.Second, "192.0.2.1"),
	})
	if len(*got) != 1 {
		t.Fatalf("%d alerts, want 1", len(*got))
	}
	a := (*got)[0].alert
	if a.Type != "VM_Many" || len(a.Evidence) != 3 || a.Story != "failed logons from 192.0.2.1" {
		t.Errorf("%s with %d events: %s", a.Type, len(a.Evidence), a.Story)
	}
	if data, err := json.Marshal(a); err != nil || strings.Contains(string(data), ":null") {
		t.Errorf("JSON of an alert without tactics has null, %v: %s", err, data)
	}
	for i := 1; i < len(a.Evidence); i++ {
		if a.Evidence[i].Time.Before(a.Evidence[i-1].Time) {
			t.Error("evidence is not in the order of time")
		}
	}
	for _, m := range a.Matches {
		if m.Event < 0 || m.Event >= len(a.Evidence) {
			t.Errorf("reason %+v names an event that is not there", m)
		}
	}
}

func TestSameEventsGiveTheSameIDs(t *testing.T) {
	play := func() []string {
		d, got := detector(t)
		for i := range 3 {
			d.Handle([]*event.Event{failure(time.Duration(i)*time.Second, "192.0.2.1")})
		}
		d.Handle([]*event.Event{
			launch(0, "/tmp/tool"), launch(0, "/opt/tool"), launch(time.Hour, "/tmp/tool"),
		})
		var ids []string
		for _, s := range *got {
			ids = append(ids, s.alert.ID)
		}
		return ids
	}
	first, second := play(), play()
	if len(first) != 4 || !slices.Equal(first, second) {
		t.Errorf("the same events gave the ids %v and then %v", first, second)
	}
	for i, id := range first {
		if len(id) != 32 || slices.Contains(first[:i], id) {
			t.Errorf("id %q is not an id of its own among %v", id, first)
		}
	}
}

func TestMemoriesKeepHostsApart(t *testing.T) {
	d, got := detector(t)
	one, other := d.NewMemory(detect.Limits{}, 10), d.NewMemory(detect.Limits{}, 10)
	for range 2 {
		d.Use(one)
		d.Handle([]*event.Event{failure(0, "192.0.2.1")})
		d.Use(other) // whose clock is a day behind
		d.Handle([]*event.Event{failure(-24*time.Hour, "192.0.2.1")})
	}
	if len(*got) != 0 {
		t.Fatalf("two failures on each of two hosts raised %d alerts", len(*got))
	}
	d.Use(one)
	d.Handle([]*event.Event{failure(time.Second, "192.0.2.1")})
	if len(*got) != 1 {
		t.Errorf("three failures on one host raised %d alerts", len(*got))
	}
}

// TestLastStepFirst raises an alert about the last step of a sequence, also
// where it arrived before the first.
func TestLastStepFirst(t *testing.T) {
	const text = `title: Get
name: get
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /get}, condition: s}
---
title: Run
name: run
logsource: {product: linux, category: process_creation}
detection: {s: {Image|startswith: /tmp/}, condition: s}
---
title: Got and run
correlation: {type: temporal_ordered, rules: [get, run], group-by: [User], timespan: 1m}
level: high
holdfast: {alert_type: VM_GotAndRun, story: "{User} ran {Image}"}
`
	rules, err := sigma.Parse("test.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, _ := detect.Compile(rules)
	get, run := launch(0, "/bin/get"), launch(40*time.Millisecond, "/tmp/x")
	for _, order := range [][]*event.Event{{get, run}, {run, get}} {
		var got []finding.Alert
		d := alert.NewDetector(set, detect.Limits{}, nil, func(a finding.Alert, _ bool) { got = append(got, a) })
		d.Handle(order)
		if len(got) != 1 {
			t.Fatalf("%d alerts, want 1", len(got))
		}
		a := got[0]
		if a.Story != "eve ran /tmp/x" || !a.Time.Equal(run.Time) || len(a.Evidence) != 2 || len(a.Matches) != 2 || a.Matches[1].Value != "/tmp/x" {
			t.Errorf("alert is %+v", a)
		}
	}
}
