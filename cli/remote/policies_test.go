package remote

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/policy"
)

func TestParsePolicies(t *testing.T) {
	got, err := parsePolicies([]byte(`
assignments:
  - policy: {heartbeat_seconds: 60}
  - labels: {group: web}
    policy:
      disable: [perf]
      spool_bytes: 33554432
  - {"host": "h1", "policy": {"raw_records": true}}
`))
	want := policy.Assignments{Assignments: []policy.Assignment{
		{Policy: policy.Policy{HeartbeatSeconds: 60}},
		{Labels: map[string]string{"group": "web"}, Policy: policy.Policy{Disable: []string{"perf"}, SpoolBytes: 32 << 20}},
		{Host: "h1", Policy: policy.Policy{RawRecords: true}},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"":                       "no list",
		"{}":                     "no list",
		"assignments: null":      "no list",
		"[]":                     "cannot unmarshal",
		"assignments: []\n---\n": "more than one document",
		"assignments: [{policy: {heartbeat: 60}}]":        "heartbeat",
		"assignments: [{hosts: h1, policy: {}}]":          "hosts",
		"assignments: [{policy: {1: 2}}]":                 "not a text",
		"assignments: [":                                  "yaml",
		"a: &a [*a]":                                      "",
		"assignments: [{labels: {group: 1}, policy: {}}]": "cannot unmarshal",
	} {
		if _, err := parsePolicies([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestPoliciesInWords(t *testing.T) {
	for want, a := range map[string]policy.Assignment{
		"all: built-in": {},
		"h1 a=1 b=2: only audit; without perf, procfs; raw records; heartbeat every 60 s; spool of 33,554,432 bytes": {
			Host: event.HostID("h1"), Labels: map[string]string{"b": "2", "a": "1"},
			Policy: policy.Policy{Only: []string{"audit"}, Disable: []string{"perf", "procfs"}, RawRecords: true, HeartbeatSeconds: 60, SpoolBytes: 32 << 20},
		},
	} {
		if got := hostsOf(a) + ": " + words(a.Policy); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParsePolicies(f *testing.F) {
	f.Add([]byte("assignments:\n  - labels: {group: web}\n    policy: {disable: [perf]}\n"))
	f.Add([]byte(`{"assignments": [{"host": "h1", "policy": {"heartbeat_seconds": 60}}]}`))
	f.Add([]byte("assignments: []\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if all, err := parsePolicies(data); err == nil && all.Assignments == nil {
			t.Error("a document without the list was taken")
		}
	})
}
