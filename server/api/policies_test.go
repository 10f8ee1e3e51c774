package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/policy"
)

func TestPolicies(t *testing.T) {
	f := newFixture(t)
	const path = "/api/v1/policies"
	admin := f.logon(t, "admin")
	w := admin.want(t, http.StatusOK, "GET", path, "", nil)
	first := w.Header().Get("ETag")
	if first != `"0"` {
		t.Errorf("ETag %s before there are any", first)
	}
	for want, body := range map[string]string{
		"no feature":      `{"assignments":[{"policy":{"only":["pref"]}}]}`,
		"between 5":       `{"assignments":[{"policy":{"heartbeat_seconds":1}}]}`,
		"no host":         `{"assignments":[{"policy":{}},{"host":"hnobody","policy":{}}]}`,
		"version: 3":      `{"assignments":[{"policy":{"version":3}}]}`,
		"assignments":     `{}`,
		"unexpected":      `{"assignments":[{"policy":{},"hosts":"h1"}]}`,
		"array length <=": `{"assignments":[` + strings.Repeat(`{"policy":{}},`, policy.MaxAssignments) + `{"policy":{}}]}`,
	} {
		if w := admin.want(t, http.StatusUnprocessableEntity, "PUT", path, body, nil); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.60s: %s lacks %q", body, w.Body, want)
		}
	}
	if len(f.entries(t, "policies.*")) != 0 || f.fake.policiesVersion != 0 {
		t.Error("refused policies left something behind")
	}

	good := `{"assignments":[{"host":"` + testHost + `","labels":{"group":"web"},"policy":{"disable":["perf"]}}]}`
	var set policy.Assignments
	r := admin.request("PUT", path, good)
	r.Header.Set("If-Match", first)
	w = recorded(f, r)
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || w.Code != http.StatusOK || w.Header().Get("ETag") != `"1"` {
		t.Fatalf("status %d, ETag %s, %v: %s", w.Code, w.Header().Get("ETag"), err, w.Body)
	}
	if set.Of(testHost, map[string]string{"group": "web"}).Disable == nil {
		t.Errorf("set %+v", set)
	}
	r = admin.request("PUT", path, good)
	r.Header.Set("If-Match", first)
	if w := recorded(f, r); w.Code != http.StatusPreconditionFailed {
		t.Errorf("policies that build on others: status %d", w.Code)
	}
	if all := f.entries(t, "policies.update"); len(all) != 1 || !strings.Contains(all[0].Detail, `"perf"`) {
		t.Errorf("audit log: %+v", all)
	}
	reader := &visitor{f: f, bearer: f.token(t, account.Reader)}
	reader.want(t, http.StatusOK, "GET", path, "", nil)
	(&visitor{f: f, bearer: f.token(t, account.Approver)}).want(t, http.StatusForbidden, "PUT", path, good, nil)
}

func TestLongPoliciesAreCountedInTheAuditLog(t *testing.T) {
	all := policy.Assignments{Assignments: []policy.Assignment{{Labels: map[string]string{"a": strings.Repeat("x", maxNoted)}}}}
	text, err := json.Marshal(noted(all, 7))
	if err != nil || string(text) != `{"count":1,"version":7}` {
		t.Errorf("noted %.80s, %v", text, err)
	}
}

func TestOverviewSaysWhatIsWrongWithTheServer(t *testing.T) {
	f := newFixture(t)
	var o api.Overview
	(&visitor{f: f, bearer: f.token(t, account.Reader)}).want(t, http.StatusOK, "GET", "/api/v1/overview", "", &o)
	if len(o.Conditions) != 1 || o.Conditions[0].Code != "stream_full" {
		t.Errorf("conditions: %+v", o.Conditions)
	}
}
