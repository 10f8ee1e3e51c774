package filter

import (
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
)

func launch() *event.Event {
	parent := &event.Process{PID: 10, Executable: &event.File{Path: "/usr/sbin/sshd"}}
	return &event.Event{
		Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
		Process: &event.Process{
			PID: 20, Parent: parent, Executable: &event.File{Path: "/usr/bin/bash"}, User: event.User{UID: 0, Name: "root"},
			Login: &event.User{UID: 1000, Name: "alice"}, Container: &event.Container{ID: "3f2a1b9c04d5", Name: "web", Image: "nginx:1"},
		},
		Target: &event.Process{PID: 30}, File: &event.File{Path: "/etc/a/b", NewPath: "/etc/c"},
	}
}

func TestFilter(t *testing.T) {
	for name, c := range map[string]struct {
		flags Options
		want  bool
	}{
		"nothing asked":            {Options{}, true},
		"class":                    {Options{Class: "process_activity"}, true},
		"class by its first word":  {Options{Class: "process"}, true},
		"other class":              {Options{Class: "file"}, false},
		"activity":                 {Options{Class: "process/launch"}, true},
		"other activity":           {Options{Class: "process/terminate"}, false},
		"pid":                      {Options{PID: 20}, true},
		"pid of an ancestor":       {Options{PID: 10}, true},
		"pid of the target":        {Options{PID: 30}, true},
		"other pid":                {Options{PID: 40}, false},
		"user":                     {Options{User: "root"}, true},
		"user by number":           {Options{User: "0"}, true},
		"login user":               {Options{User: "alice"}, true},
		"other user":               {Options{User: "bob"}, false},
		"executable":               {Options{Path: "/usr/bin/*"}, true},
		"file":                     {Options{Path: "/etc/*/b"}, true},
		"new name":                 {Options{Path: "/etc/?"}, true},
		"other path":               {Options{Path: "/etc"}, false},
		"container name":           {Options{Container: "web"}, true},
		"container image":          {Options{Container: "nginx*"}, true},
		"beginning of id":          {Options{Container: "3f2a"}, true},
		"any container":            {Options{Container: "*"}, true},
		"other container":          {Options{Container: "db"}, false},
		"one of two does not hold": {Options{PID: 20, User: "bob"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := New(c.flags)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Shows(launch()); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestFilterWithoutProcess(t *testing.T) {
	e := &event.Event{Class: event.ClassAuthentication, User: &event.User{UID: event.UnsetUID, Name: "bob"}}
	for flags, want := range map[string]bool{"bob": true, "root": false} {
		f := Filter{user: flags}
		if got := f.Shows(e); got != want {
			t.Errorf("user %s: got %v", flags, got)
		}
	}
	for _, f := range []Filter{{pid: 1}, {path: "/x"}, {container: "*"}} {
		if f.Shows(e) {
			t.Errorf("%+v shows an event without process", f)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	for _, class := range []string{"nonsense", "process/nonsense", "kernel/nonsense"} {
		if _, err := New(Options{Class: class}); err == nil {
			t.Errorf("class %q: accepted", class)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b", true},
		{"a*c", "abbc", true},
		{"a*c", "ab", false},
		{"?b", "ab", true},
		{"*a*b*", "xxaxxbxx", true},
		{"a**", "a", true},
		{"[a]", "a", false},
		{strings.Repeat("*a", 30), strings.Repeat("a", 30), true},
		{strings.Repeat("a*", 30) + "b", strings.Repeat("a", 200), false},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

func TestWhereBecomesARule(t *testing.T) {
	data, err := whereRule([]string{"Image|endswith=/bash", "CommandLine=*a: 'b\"*", "ProcessId|gt=5"})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sigma.Parse("--where", data)
	if err != nil || len(parsed) != 1 {
		t.Fatalf("%s is refused: %v", data, err)
	}
	for _, c := range []string{"Image", "=x", ""} {
		if _, err := whereRule([]string{c}); err == nil {
			t.Errorf("%q: accepted", c)
		}
	}
}
