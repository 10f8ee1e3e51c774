package process

import (
	"testing"

	"github.com/holdfast-security/holdfast/event"
)

func TestEntry(t *testing.T) {
	anna := event.User{UID: 1000, Name: "anna"}
	cases := map[string]struct {
		parent, self string
		want         event.EntryPoint
	}{
		"cron job":          {"/usr/sbin/cron", "/bin/sh", event.EntryPoint{Kind: event.EntryCron, User: "anna"}},
		"cron's own child":  {"/usr/sbin/cron", "/usr/sbin/cron", event.EntryPoint{Kind: event.EntryService}},
		"at job":            {"/usr/sbin/atd", "/bin/sh", event.EntryPoint{Kind: event.EntryCron, User: "anna"}},
		"console":           {"/bin/login", "/bin/bash", event.EntryPoint{Kind: event.EntryConsole, User: "anna"}},
		"graphical":         {"/usr/libexec/gdm-session-worker", "/usr/bin/gnome-session", event.EntryPoint{Kind: event.EntryGraphical, User: "anna"}},
		"ssh":               {"/usr/lib/openssh/sshd-session", "/bin/bash", event.EntryPoint{Kind: event.EntrySSH, User: "anna"}},
		"ssh executes sshd": {"/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", event.EntryPoint{Kind: event.EntryService}},
		"inherited":         {"/bin/bash", "/usr/bin/id", event.EntryPoint{Kind: event.EntryService}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Options{Recorded: true})
			parent := &event.Process{PID: 5, Executable: &event.File{Path: tc.parent}, Entry: event.EntryPoint{Kind: event.EntryService}}
			proc := &event.Process{PID: 6, Executable: &event.File{Path: tc.self}, User: anna, Entry: parent.Entry}
			if table.entry(proc, parent, ""); proc.Entry != tc.want {
				t.Errorf("got %+v, want %+v", proc.Entry, tc.want)
			}
		})
	}
}
