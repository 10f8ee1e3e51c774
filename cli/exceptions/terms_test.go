package exceptions

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/finding"
)

func TestParseTerms(t *testing.T) {
	got, err := parseTerms([]byte(`
uid: e1
hits: 7
name: Backup
reason: every night
scope: {rules: [r1]}
match:
  - {field: user.name, op: equals, values: [backup, root]}
`))
	want := finding.ExceptionTerms{
		Name: "Backup", Reason: "every night", Enabled: true, Scope: finding.ExceptionScope{Rules: []string{"r1"}},
		Match: []finding.Condition{{Field: finding.FieldUser, Op: finding.OpEquals, Values: []string{"backup", "root"}}},
	}
	if err := filled(&want, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if off, err := parseTerms([]byte(`{"name":"x","enabled":false}`)); err != nil || off.Enabled {
		t.Errorf("%+v, %v", off, err)
	}
	for text, want := range map[string]string{
		"nam: x":              "nam",
		"[]":                  "cannot unmarshal",
		"name: x\n---\n":      "more than one document",
		"match: [{feld: x}]":  "feld",
		"match: [{values: ":   "yaml",
		"scope: {rules: 7}":   "cannot unmarshal",
		"expires_time: later": "later",
	} {
		if _, err := parseTerms([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestConditionsAsFlags(t *testing.T) {
	f := termFlags{match: []string{"user.name equals backup"}, except: []string{" process.command_line contains a  b "}, labels: []string{"group=web", "zone=a=b"}}
	terms := finding.ExceptionTerms{}
	if err := f.conditions(&terms); err != nil {
		t.Fatal(err)
	}
	want := []finding.Condition{
		{Field: finding.FieldUser, Op: finding.OpEquals, Values: []string{"backup"}},
		{Field: finding.FieldCommandLine, Op: finding.OpContains, Values: []string{"a  b"}, Not: true},
	}
	if diff := cmp.Diff(want, terms.Match); diff != "" || terms.Scope.Labels["group"] != "web" || terms.Scope.Labels["zone"] != "a=b" {
		t.Errorf("%+v\n%s", terms.Scope, diff)
	}
	for _, wrong := range []termFlags{{match: []string{"user.name backup"}}, {match: []string{""}}, {labels: []string{"web"}}, {labels: []string{"=web"}}, {expires: "yesterday"}} {
		if err := wrong.conditions(&finding.ExceptionTerms{}); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"30d": "2026-12-23T12:00:00Z", "2027-01-01T00:00:00Z": "2027-01-01T00:00:00Z"} {
		if at, err := parseExpiry(text, now); err != nil || at.Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v", text, at, err)
		}
	}
	if at, err := parseExpiry("", now); err != nil || at != nil {
		t.Errorf("nothing is %v, %v", at, err)
	}
	for _, text := range []string{"2026-11-23T11:59:59Z", "0s", "soon"} {
		if _, err := parseExpiry(text, now); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
