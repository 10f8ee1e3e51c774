package samples_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/rules"
	"github.com/holdfast-security/holdfast/rules/samples"
)

// TestEveryTypeHasSamples reads the file whole and holds it against the rules.
func TestEveryTypeHasSamples(t *testing.T) {
	types := make(map[finding.AlertType]bool)
	ids := make(map[string]bool)
	for _, f := range rules.Files() {
		parsed, err := sigma.Parse(f.Path, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range parsed {
			ids[r.ID] = true
			if a := r.Holdfast.AlertType; a != "" {
				types[a] = true
			}
		}
	}
	total := 0
	err := samples.Each(func(s samples.Sample) bool {
		total++
		delete(types, s.Alert.Type)
		if !ids[s.Alert.Rule.ID] || !strings.HasPrefix(s.Name, "match-") || s.Alert.Story == "" || len(s.Alert.Evidence) == 0 {
			t.Errorf("not whole: %+v", s)
		}
		if samples.Count(s.Alert.Rule.ID) == 0 {
			t.Errorf("%s of the rule %s is not counted", s.Name, s.Alert.Rule.ID)
		}
		return true
	})
	if err != nil || len(types) > 0 {
		t.Errorf("%v; without samples are %v; `make generate` writes them", err, types)
	}
	read := 0
	if err := samples.Each(func(samples.Sample) bool { read++; return read < 3 }); err != nil || read != 3 {
		t.Errorf("%d were read, %v; want three", read, err)
	}
	if samples.Count("none") != 0 || total < len(ids) {
		t.Errorf("%d samples of %d rules", total, len(ids))
	}
}

func TestReduced(t *testing.T) {
	parent := &event.Process{PID: 1, Executable: &event.File{Path: "/sbin/init"}, Environment: []string{"A=b"}}
	a := finding.Alert{
		ID: "a1", Type: "T", Host: "h1", Story: "it happened", Rule: finding.Rule{ID: "r1", Path: "rules/x.yml"},
		Process:  &event.Process{PID: 2, Parent: parent, CommandLine: "x y", Arguments: []string{"x", "y"}, Truncated: true},
		Evidence: []event.Event{{Host: "h1", Serial: 7, Message: "text", File: &event.File{Path: "/etc/x", Inode: 9}}},
	}
	var b bytes.Buffer
	if err := samples.Write(&b, []samples.Sample{{Name: "match-x.log", Alert: samples.Reduced(a)}}); err != nil || b.Len() == 0 {
		t.Fatal(err)
	}
	r := samples.Reduced(a)
	if r.ID != "" || r.Host != "" || r.Rule.Path != "" || r.Process.Arguments != nil || r.Process.Parent.Environment != nil || r.Evidence[0].Host != "" {
		t.Errorf("too much is left: %+v", r)
	}
	if r.Story != a.Story || r.Rule.ID != "r1" || !r.Process.Truncated || r.Process.Parent.Path() != "/sbin/init" || r.Evidence[0].File.Path != "/etc/x" {
		t.Errorf("too little is left: %+v", r)
	}
}
