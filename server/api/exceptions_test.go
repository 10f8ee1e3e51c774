package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

const exceptionBody = `{"name":"Backup","reason":"every night","enabled":true,"whole_rule":false,
	"scope":{"hosts":[],"labels":{},"rules":[],"alert_types":["VM_ReverseShell"],"kinds":["alert"]},
	"match":[{"field":"host.name","op":"equals","values":["web1"]}]}`

func TestExceptions(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f, bearer: f.token(t, account.Approver)}
	const target = "/api/v1/exceptions"
	var e finding.Exception
	w := v.want(t, http.StatusCreated, "POST", target, exceptionBody, &e)
	if e.Version != 1 || e.Author == "" || e.Scope.Types[0] != "VM_ReverseShell" || w.Header().Get("ETag") != `"1"` {
		t.Errorf("made %+v", e)
	}
	for query, want := range map[string]int{
		"": 1, "?type=VM_ReverseShell&state=active&text=NIGHT": 1, "?rule=x": 0, "?host=x": 0, "?state=expired": 0, "?state=disabled": 0,
	} {
		var list store.List[finding.Exception]
		v.want(t, http.StatusOK, "GET", target+query, "", &list)
		if len(list.Items) != want {
			t.Errorf("%q lists %+v", query, list.Items)
		}
	}
	v.want(t, http.StatusUnprocessableEntity, "GET", target+"?state=odd", "", nil)
	v.want(t, http.StatusBadRequest, "GET", target+"?after=x", "", nil)
	for _, body := range []string{
		`{}`, strings.Replace(exceptionBody, "host.name", "host.nome", 1), strings.Replace(exceptionBody, "every night", "", 1),
		strings.Replace(exceptionBody, `"enabled":true`, `"enabled":true,"expires_time":"2001-01-01T00:00:00Z"`, 1),
		strings.Replace(exceptionBody, `"whole_rule":false`, `"whole_rule":true,"hits":7`, 1),
	} {
		v.want(t, http.StatusUnprocessableEntity, "POST", target, body, nil)
	}
	whole := strings.Replace(exceptionBody, `{"field":"host.name","op":"equals","values":["web1"]}`, "", 1)
	whole = strings.Replace(whole, `"whole_rule":false`, `"whole_rule":true`, 1)
	w = v.want(t, http.StatusUnprocessableEntity, "POST", target, whole, nil)
	if !strings.Contains(w.Body.String(), "confirm") {
		t.Errorf("a whole rule is refused with %s", w.Body)
	}
	v.want(t, http.StatusCreated, "POST", target, strings.Replace(whole, `"whole_rule"`, `"confirm":true,"whole_rule"`, 1), nil)

	v.want(t, http.StatusOK, "GET", target+"/"+e.ID, "", &e)
	r := v.request("PUT", target+"/"+e.ID, strings.Replace(exceptionBody, "Backup", "Copy", 1))
	r.Header.Set("If-Match", `"7"`)
	if w := recorded(f, r); w.Code != http.StatusPreconditionFailed {
		t.Errorf("another version: status %d", w.Code)
	}
	v.want(t, http.StatusOK, "PUT", target+"/"+e.ID, strings.Replace(exceptionBody, "Backup", "Copy", 1), &e)
	if e.Name != "Copy" || e.Version != 2 {
		t.Errorf("changed to %+v", e)
	}
	v.want(t, http.StatusNoContent, "DELETE", target+"/"+e.ID, "", nil)
	for _, method := range []string{"GET", "DELETE"} {
		v.want(t, http.StatusNotFound, method, target+"/"+e.ID, "", nil)
	}
	v.want(t, http.StatusNotFound, "PUT", target+"/"+e.ID, exceptionBody, nil)
	entries, err := f.state.Entries(t.Context(), store.AuditFilter{Action: "exception.*"}, store.Page{})
	if err != nil || len(entries.Items) != 4 || entries.Items[0].Object != e.ID || entries.Items[0].Action != "exception.delete" || !ownedBy(entries.Items[0]) {
		t.Errorf("the audit log has %+v, %v", entries.Items, err)
	}
}

func TestExceptionsAreTriedAndSuggested(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f, bearer: f.token(t, account.Responder)}
	var p api.ExceptionPreview
	v.want(t, http.StatusOK, "POST", "/api/v1/exceptions/preview", exceptionBody, &p)
	if p.Total != 1 || p.Hidden != 1 || !p.Complete || len(p.Alerts) != 1 || p.Alerts[0].ID != testAlert || p.Samples == nil {
		t.Errorf("preview is %+v", p)
	}
	v.want(t, http.StatusUnprocessableEntity, "POST", "/api/v1/exceptions/preview", strings.Replace(exceptionBody, "equals", "cidr", 1), nil)
	var body api.ExceptionBody
	v.want(t, http.StatusOK, "POST", "/api/v1/exceptions/suggest", `{"alert":"`+testAlert+`"}`, &body)
	if body.Reason != "" || !body.Enabled || len(body.Scope.Rules)+len(body.Scope.Types) != 1 {
		t.Errorf("suggested %+v", body)
	}
	v.want(t, http.StatusNotFound, "POST", "/api/v1/exceptions/suggest", `{"alert":"none"}`, nil)
	w := v.want(t, http.StatusUnprocessableEntity, "PATCH", "/api/v1/alerts/"+testAlert, `{"status":"suppressed"}`, nil)
	if !strings.Contains(w.Body.String(), "exceptions") {
		t.Errorf("suppressing by hand is refused with %s", w.Body)
	}
	v.want(t, http.StatusForbidden, "POST", "/api/v1/exceptions", exceptionBody, nil)
}

// ownedBy reports whether an entry of what a token did names the token's user.
func ownedBy(e account.Entry) bool {
	return strings.HasPrefix(e.Actor, "token:") && e.Owner != "" && !strings.Contains(e.Owner, ":")
}
