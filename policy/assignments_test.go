package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/policy"
)

func parse(t *testing.T, text string) policy.Assignments {
	t.Helper()
	var a policy.Assignments
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheLastAssignmentThatFitsCounts(t *testing.T) {
	a := parse(t, `{"assignments": [
		{"policy": {"heartbeat_seconds": 30}},
		{"labels": {"group": "web", "site": ""}, "policy": {"disable": ["perf"]}},
		{"host": "h2", "policy": {"raw_records": true}}
	]}`)
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	web := map[string]string{"group": "web", "site": ""}
	for name, c := range map[string]struct {
		host   event.HostID
		labels map[string]string
		want   policy.Policy
	}{
		"any":                       {"h1", nil, policy.Policy{HeartbeatSeconds: 30}},
		"all labels":                {"h1", web, policy.Policy{Disable: []string{"perf"}}},
		"one of two labels":         {"h1", map[string]string{"group": "web"}, policy.Policy{HeartbeatSeconds: 30}},
		"a label of another value":  {"h1", map[string]string{"group": "db", "site": ""}, policy.Policy{HeartbeatSeconds: 30}},
		"the host comes after them": {"h2", web, policy.Policy{RawRecords: true}},
	} {
		if diff := cmp.Diff(c.want, a.Of(c.host, c.labels)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(policy.Policy{}, policy.Assignments{}.Of("h1", web)); diff != "" {
		t.Errorf("without assignments (-want +got):\n%s", diff)
	}
}

func TestValidateNamesTheAssignment(t *testing.T) {
	many := make([]policy.Assignment, policy.MaxAssignments+1)
	for want, a := range map[string]policy.Assignments{
		"1001 are more":            {Assignments: many},
		"assignment 2: policy: he": parse(t, `{"assignments": [{"policy": {}}, {"policy": {"heartbeat_seconds": 1}}]}`),
		`no feature "pref"`:        parse(t, `{"assignments": [{"policy": {"disable": ["pref"]}}]}`),
		"only: there is no":        parse(t, `{"assignments": [{"policy": {"only": [""]}}]}`),
		"version: 7":               parse(t, `{"assignments": [{"policy": {"version": 7}}]}`),
		"labels:":                  parse(t, `{"assignments": [{"labels": {"": "x"}, "policy": {}}]}`),
		"host:":                    parse(t, `{"assignments": [{"host": "`+strings.Repeat("h", 65)+`", "policy": {}}]}`),
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := (policy.Assignments{Assignments: many[1:]}).Validate(); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
}
