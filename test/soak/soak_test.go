//go:build linux

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

func TestReadAlerts(t *testing.T) {
	in := `{"uid":"a","alert_type":"VM_One","severity":"low","count":1}
{"uid":"b","alert_type":"VM_Two","severity":"medium","count":1}
{"uid":"a","alert_type":"VM_One","severity":"low","count":7}
{"events":12}
`
	alerts, err := readAlerts(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	if len(alerts) != 2 || alerts[0].Count != 7 || alerts[1].Type != "VM_Two" {
		t.Errorf("got %+v", alerts)
	}
	if _, err := readAlerts(strings.NewReader(`{"uid":"a","alert_type":"VM_One"}` + "\nwarning: no\n")); err == nil {
		t.Error("text among the alerts was taken for nothing")
	}
}

func TestReport(t *testing.T) {
	done := []result{{name: "git", done: 3}}
	for _, tt := range []struct {
		name    string
		results []result
		alerts  []finding.Alert
		ok      bool
	}{
		{"silence", done, nil, true},
		{"a low alert is shown, not failed", done, []finding.Alert{{Severity: finding.Low}}, true},
		{"a medium alert fails", done, []finding.Alert{{Severity: finding.Medium}}, false},
		{"work that was never done fails", []result{{name: "git", failed: 1, last: errors.New("no git")}}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := report(tt.results, tt.alerts); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	if got, err := choose("git,keys"); err != nil || len(got) != 2 || got[1].name != "keys" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := choose("mining"); err == nil {
		t.Error("work that does not exist was chosen")
	}
}

func TestElsewhere(t *testing.T) {
	const soak = 50
	first := &event.Process{PID: 1}
	child := func(pid uint32, parent *event.Process) *event.Process {
		return &event.Process{PID: pid, PPID: parent.PID, Parent: parent}
	}
	for _, tt := range []struct {
		name    string
		process *event.Process
		want    bool
	}{
		{"no process", nil, false},
		{"under the soak", child(60, child(soak, child(40, first))), false},
		{"beside it", child(61, child(41, first)), true},
		{"lineage that breaks off", &event.Process{PID: 62, PPID: 42}, false},
	} {
		if got := elsewhere(tt.process, soak); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
