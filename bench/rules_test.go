//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/cputime"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

// benignStarts returns program starts of a build server, each with a command
// line of its own, complete with lineage as the process table hands them on.
func benignStarts(n int) []*event.Event {
	lines := []string{
		"/bin/bash /usr/local/bin/backup.sh --full", "/usr/bin/make -j8 all", "/usr/bin/grep -rn needle src include",
		"/usr/bin/gcc -O2 -Wall -Iinclude -c src/main.c -o build/main.o", "/usr/bin/git rev-parse --short HEAD",
		"/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet src/main.c -dumpbase main.c -O2 -o /tmp/ccXa1B2c.s",
		"/usr/bin/python3 /usr/bin/ansible-playbook site.yml", "/usr/bin/systemctl reload nginx.service",
	}
	system := &event.Process{UID: event.ProcessUID{PID: 1}, PID: 1, Name: "systemd", Executable: &event.File{Path: "/usr/lib/systemd/systemd"}}
	shell := &event.Process{
		UID: event.ProcessUID{PID: 812}, PID: 812, Parent: system, Name: "bash", Executable: &event.File{Path: "/usr/bin/bash"},
		Arguments: []string{"-bash"}, CommandLine: "-bash", User: event.User{UID: 1000, Name: "ann"},
	}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var events []*event.Event
	for i := range n {
		args := append(strings.Fields(lines[i%len(lines)]), fmt.Sprint(i))
		events = append(events, &event.Event{
			Time: begin.Add(time.Duration(i) * time.Millisecond), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
			Status: event.StatusSuccess, Source: event.SourceAudit, Key: "holdfast-exec",
			Process: &event.Process{
				UID: event.ProcessUID{PID: uint32(1000 + i)}, PID: uint32(1000 + i), Parent: shell, PPID: 812, Name: "tool",
				Executable: &event.File{Path: args[0], Package: "tool", Owned: event.OwnedYes},
				Arguments:  args, CommandLine: strings.Join(args, " "), Directory: "/srv/build",
				User: event.User{UID: 1000, Name: "ann"}, Session: 3, Terminal: "pts0",
				Entry: event.EntryPoint{Kind: event.EntrySSH, Address: "192.0.2.7", User: "ann"},
			},
		})
	}
	return events
}

// BenchmarkOwnRules runs program starts through Holdfast's own rules: field
// mapping, matching and alerts. One operation is one event.
func BenchmarkOwnRules(b *testing.B) {
	set, errs := detect.Compile(rulefiles.Embedded().Rules)
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	alerts := 0
	detector := alert.NewDetector(set, detect.Limits{}, nil, func(finding.Alert, bool) { alerts++ })
	events := benignStarts(4096)
	b.ReportAllocs()
	n, began := 0, cputime.Used()
	for b.Loop() {
		i := n % len(events)
		detector.Handle(events[i : i+1])
		n++
	}
	b.ReportMetric(float64(n)/(cputime.Used()-began).Seconds(), "events/cpu-s")
	b.ReportMetric(float64(alerts), "alerts")
}
