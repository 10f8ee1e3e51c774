package samples

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// Reduced returns an alert with what exceptions compare and what tells people
// what it is: rule, type, severity, story, process with its lineage, and of the
// events the files, the other ends, the accounts and the texts.
func Reduced(a finding.Alert) finding.Alert {
	r := finding.Alert{
		Type: a.Type, Title: a.Title, Severity: a.Severity, Story: a.Story, Rule: finding.Rule{ID: a.Rule.ID}, Process: process(a.Process),
	}
	for i := range a.Evidence {
		r.Evidence = append(r.Evidence, evidence(&a.Evidence[i]))
	}
	return r
}

func process(p *event.Process) *event.Process {
	if p == nil {
		return nil
	}
	return &event.Process{
		PID: p.PID, Parent: process(p.Parent), Name: p.Name, Executable: file(p.Executable), CommandLine: p.CommandLine,
		Truncated: p.Truncated, User: p.User, Entry: p.Entry, Container: p.Container,
	}
}

func file(f *event.File) *event.File {
	if f == nil {
		return nil
	}
	return &event.File{Path: f.Path, NewPath: f.NewPath, SHA256: f.SHA256, Package: f.Package}
}

func evidence(e *event.Event) event.Event {
	return event.Event{
		Time: e.Time.Truncate(time.Second), Class: e.Class, Activity: e.Activity, File: file(e.File), User: e.User, Network: e.Network, Logon: e.Logon,
		Message: e.Message,
	}
}
