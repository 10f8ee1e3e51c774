package exception

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// suggested are the fields that a suggestion names, each with what it counts
// on: who did it, how it came to be done, and to what.
var suggested = []finding.ConditionField{
	finding.FieldExecutable, finding.FieldParent, finding.FieldUser, finding.FieldEntry, finding.FieldContainerImage,
	finding.FieldFile, finding.FieldRemoteAddress, finding.FieldRemotePort,
}

// Suggest returns the terms of the narrowest exception that covers the alert,
// again and again: its rule on its host, done by the same program from the same
// parent as the same user, to the same files or addresses. A program that runs
// what it is told, such as a shell, is told apart by its command line too. The
// name is a proposal; the reason is left for a person to say.
func Suggest(a *finding.Alert, h Host) finding.ExceptionTerms {
	t := finding.ExceptionTerms{
		Name:    shorten(fmt.Sprintf("%s by %s", a.Title, cmp.Or(a.Process.Base(), "anybody")), MaxName),
		Enabled: true,
		Scope:   finding.ExceptionScope{Kinds: []string{finding.ExceptionKindAlert}},
		Match:   []finding.Condition{},
	}
	if a.Host != "" {
		t.Scope.Hosts = []event.HostID{a.Host}
	}
	if a.Rule.ID != "" {
		t.Scope.Rules = []string{a.Rule.ID}
	} else {
		t.Scope.Types = []finding.AlertType{a.Type}
	}
	x := subject{alert: a, host: h}
	for _, name := range suggested {
		t.Match = append(t.Match, x.condition(name)...)
	}
	if told(a.Process) || len(t.Match) == 0 {
		for _, name := range []finding.ConditionField{finding.FieldCommandLine, finding.FieldMessage} {
			t.Match = append(t.Match, x.condition(name)...)
		}
	}
	return t
}

// condition returns the condition that a field is as the alert says; none where
// that cannot be named.
func (x *subject) condition(name finding.ConditionField) []finding.Condition {
	values := x.values(place(name))
	if len(values) == 0 || len(values) > MaxValues {
		return nil
	}
	m := finding.Condition{Field: name, Op: finding.OpEquals}
	for _, v := range values {
		if v.cut || validateValue(m, v.text) != nil {
			return nil
		}
		m.Values = append(m.Values, v.text)
	}
	return []finding.Condition{m}
}

// interpreters begin the names of programs that run what they are told, so
// that the program alone says nothing of what was done.
var interpreters = []string{
	"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "python", "perl", "ruby", "node", "php", "lua", "awk", "gawk", "mawk",
	"java", "sudo", "su", "env", "xargs", "find", "ssh", "curl", "wget", "docker", "podman", "kubectl", "systemctl", "systemd-run",
}

// told reports whether what a process does is in its arguments.
func told(p *event.Process) bool {
	name := strings.TrimRight(p.Base(), "0123456789.")
	for _, i := range interpreters {
		if name == i {
			return true
		}
	}
	return p != nil && p.Script != ""
}

// shorten returns at most so many characters of s, without what is no text.
func shorten(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
