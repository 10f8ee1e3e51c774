package exceptionfiles_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/exception/exceptionfiles"
	"github.com/holdfast-security/holdfast/finding"
)

const backup = `name: Nightly backup
reason: rsync copies /etc
scope: {alert_types: [VM_Exfiltration]}
match:
  - {field: process.executable, op: equals, values: [/usr/bin/rsync]}
`

// write makes a file in a new directory.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func alertBy(program string) *finding.Alert {
	return &finding.Alert{Type: "VM_Exfiltration", Process: &event.Process{Executable: &event.File{Path: program}}}
}

func TestCovering(t *testing.T) {
	host := exceptionfiles.ThisHost().Name
	if host == "" {
		t.Fatal("this host has no name")
	}
	now := time.Now()
	path := write(t, "known.yaml", backup+"---\n"+strings.NewReplacer("/usr/bin/rsync", "/usr/bin/old", "scope:", "enabled: false\nscope:").Replace(backup)+
		"---\n- name: This host\n  reason: it is the scanner\n  scope: {alert_types: [VM_Exfiltration]}\n  expires_time: "+
		now.Add(time.Hour).Format(time.RFC3339)+"\n  match: [{field: host.name, op: equals, values: ['"+host+"']}, "+
		"{field: process.executable, op: starts_with, values: [/opt/]}]\n")
	// A directory is read as its files are; what is no exception is passed over.
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "README"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{path, filepath.Dir(path)} {
		e, err := exceptionfiles.Read([]string{where}, exceptionfiles.ThisHost())
		if err != nil || e.Len() != 2 {
			t.Fatalf("%s: %d, %v", where, e.Len(), err)
		}
		for _, c := range []struct {
			program, want string
			at            time.Time
		}{
			{"/usr/bin/rsync", "Nightly backup", now},
			{"/usr/bin/scp", "", now},
			{"/usr/bin/old", "", now},
			{"/opt/scan", "This host", now},
			{"/opt/scan", "", now.Add(2 * time.Hour)},
		} {
			if name, covered := e.Covering(alertBy(c.program), c.at); name != c.want || covered != (c.want != "") {
				t.Errorf("%s is covered by %q, %v, want %q", c.program, name, covered, c.want)
			}
		}
	}
}

// TestAnUnknownHostHasNoName holds that an exception for this host hides nothing
// of what happened elsewhere.
func TestAnUnknownHostHasNoName(t *testing.T) {
	path := write(t, "x.yaml", strings.Replace(backup, "process.executable, op: equals, values: [/usr/bin/rsync]",
		"host.name, op: equals, values: ['"+exceptionfiles.ThisHost().Name+"']", 1))
	for _, host := range []exception.Host{exceptionfiles.ThisHost(), {}} {
		e, err := exceptionfiles.Read([]string{path}, host)
		if err != nil {
			t.Fatal(err)
		}
		if _, covered := e.Covering(alertBy("/bin/x"), time.Now()); covered != (host.Name != "") {
			t.Errorf("of the host %q: %v", host.Name, covered)
		}
	}
}

func TestNoneCoversNothing(t *testing.T) {
	e, err := exceptionfiles.Read(nil, exception.Host{})
	if err != nil || e != nil || e.Len() != 0 {
		t.Fatalf("%v, %v", e, err)
	}
	if _, covered := e.Covering(alertBy("/bin/sh"), time.Now()); covered {
		t.Error("nothing covers an alert")
	}
}

// TestTheServersObjectIsTaken reads what the server says of an exception, as
// JSON and as YAML.
func TestTheServersObjectIsTaken(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	x := finding.Exception{
		ID: "e1", Author: "ann", Created: noon, Hits: 7, LastHit: &noon, Version: 3,
		ExceptionTerms: finding.ExceptionTerms{
			Name: "Backup", Reason: "every night", Enabled: true, Expires: &noon,
			Scope: finding.ExceptionScope{
				Hosts: []event.HostID{"h1"}, Labels: map[string]string{}, Rules: []string{"r1"}, Types: []finding.AlertType{"T"},
				Kinds: []string{finding.ExceptionKindAlert},
			},
			Match: []finding.Condition{{Field: finding.FieldUser, Op: finding.OpEquals, Values: []string{"backup"}}, {Field: finding.FieldFile, Op: finding.OpMatches, Values: []string{"/x*"}, Not: true}},
		},
	}
	asJSON, err := json.Marshal([]finding.Exception{x})
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(asJSON, &plain); err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{asJSON, asYAML} {
		list, err := exceptionfiles.Parse("x", data)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v\n%s", err, data)
		}
		got := list[0]
		got.Hits, got.LastHit, got.Version = x.Hits, x.LastHit, x.Version // the server's alone
		if a, b := mustJSON(t, got), mustJSON(t, x); a != b {
			t.Errorf("got  %s\nwant %s", a, b)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestMistakesAreSaidWithTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"nam: x": `:1: there is no setting "nam"; did you mean name?`,
		backup + "---\n" + "name: x\nreason: y\n":    ":7: scope: name at least one rule or alert type",
		strings.Replace(backup, "equals", "eq", 1):   `:1: match[0]: op: "eq" is not one of`,
		strings.Replace(backup, "rsync]", "]x", 1):   ":4: did not find",
		strings.Replace(backup, "match:", "mat:", 1): `:4: there is no setting "mat"`,
		"name: x\nreason: y\nscope: {rules: [r]}\n":  ":1: match: an exception needs a condition",
		"expires_time: later\n":                      `:1: expires_time: "later" is no time such as`,
		"- " + "\n":                                  ":1: an entry of the list is empty",
	} {
		path := write(t, "x.yaml", text)
		_, err := exceptionfiles.Read([]string{path}, exception.Host{})
		if err == nil || !strings.HasPrefix(err.Error(), path+want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := exceptionfiles.Read([]string{filepath.Join(t.TempDir(), "none")}, exception.Host{}); err == nil {
		t.Error("a file that is not there is no error")
	}
	twice := "uid: e\n" + backup
	if _, err := exceptionfiles.Read([]string{write(t, "x.yaml", twice+"---\n"+twice)}, exception.Host{}); err == nil || !strings.Contains(err.Error(), `two have the uid "e"`) {
		t.Errorf("the same twice: %v", err)
	}
	if _, err := exceptionfiles.Read([]string{write(t, "x.yaml", strings.Repeat("#", 2<<20))}, exception.Host{}); err == nil {
		t.Error("a file of two megabytes is read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(backup))
	f.Add([]byte("- " + strings.ReplaceAll(backup, "\n", "\n  ")))
	f.Add([]byte("a: &a [*a]\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := exceptionfiles.Parse("x.yaml", data)
		if err != nil && (!strings.HasPrefix(err.Error(), "x.yaml:") || len(list) > 0) {
			t.Errorf("%d exceptions and %q", len(list), err)
		}
		for _, x := range list {
			if x.ID == "" || x.Name == "" {
				t.Errorf("an exception without uid or name: %+v", x)
			}
		}
	})
}
