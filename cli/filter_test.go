package cli

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
		flags filterFlags
		want  bool
	}{
		"nothing asked":            {filterFlags{}, true},
		"class":                    {filterFlags{class: "process_activity"}, true},
		"class by its first word":  {filterFlags{class: "process"}, true},
		"other class":              {filterFlags{class: "file"}, false},
		"activity":                 {filterFlags{class: "process/launch"}, true},
		"other activity":           {filterFlags{class: "process/terminate"}, false},
		"pid":                      {filterFlags{pid: 20}, true},
		"pid of an ancestor":       {filterFlags{pid: 10}, true},
		"pid of the target":        {filterFlags{pid: 30}, true},
		"other pid":                {filterFlags{pid: 40}, false},
		"user":                     {filterFlags{user: "root"}, true},
		"user by number":           {filterFlags{user: "0"}, true},
		"login user":               {filterFlags{user: "alice"}, true},
		"other user":               {filterFlags{user: "bob"}, false},
		"executable":               {filterFlags{path: "/usr/bin/*"}, true},
		"file":                     {filterFlags{path: "/etc/*/b"}, true},
		"new name":                 {filterFlags{path: "/etc/?"}, true},
		"other path":               {filterFlags{path: "/etc"}, false},
		"container name":           {filterFlags{container: "web"}, true},
		"container image":          {filterFlags{container: "nginx*"}, true},
		"beginning of id":          {filterFlags{container: "3f2a"}, true},
		"any container":            {filterFlags{container: "*"}, true},
		"other container":          {filterFlags{container: "db"}, false},
		"one of two does not hold": {filterFlags{pid: 20, user: "bob"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := newFilter(c.flags)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.shows(launch()); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestFilterWithoutProcess(t *testing.T) {
	e := &event.Event{Class: event.ClassAuthentication, User: &event.User{UID: event.UnsetUID, Name: "bob"}}
	for flags, want := range map[string]bool{"bob": true, "root": false} {
		f := filter{user: flags}
		if got := f.shows(e); got != want {
			t.Errorf("user %s: got %v", flags, got)
		}
	}
	for _, f := range []filter{{pid: 1}, {path: "/x"}, {container: "*"}} {
		if f.shows(e) {
			t.Errorf("%+v shows an event without process", f)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	for _, class := range []string{"nonsense", "process/nonsense", "kernel/nonsense"} {
		if _, err := newFilter(filterFlags{class: class}); exitCode(err) != ExitUsage {
			t.Errorf("class %q: got %v, want a usage error", class, err)
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
		if _, err := whereRule([]string{c}); exitCode(err) != ExitUsage {
			t.Errorf("%q: got %v, want a usage error", c, err)
		}
	}
}
