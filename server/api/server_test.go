package api

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/jsonform"
	"github.com/holdfast-security/holdfast/store"
)

func recorded(f *fixture, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// TestWork walks through what people do, and looks into the audit log after.
func TestWork(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f, bearer: f.token(t, account.Admin)}
	f.fake.events = []event.Event{{
		Time: time.Now(), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
		Process: &event.Process{UID: event.ProcessUID{PID: 7, Start: 1}, PID: 7, Name: "sh"},
	}}

	var alerts store.List[finding.Summary]
	v.want(t, http.StatusOK, "GET", "/api/v1/alerts?severity=high&severity=low&status=open&assignee=-&limit=5", "", &alerts)
	if len(alerts.Items) != 1 || alerts.Items[0].ID != testAlert {
		t.Fatalf("alerts: %+v", alerts)
	}
	var c finding.Case
	w := v.want(t, http.StatusOK, "GET", "/api/v1/alerts/"+testAlert, "", &c)
	etag := w.Header().Get("ETag")

	r := v.request("PATCH", "/api/v1/alerts/"+testAlert, `{"status":"acknowledged","assignee":"responder","comment":"mine"}`)
	r.Header.Set("If-Match", etag)
	if w := recorded(f, r); w.Code != http.StatusOK || w.Header().Get("ETag") == etag {
		t.Fatalf("change: %d %s, ETag %s", w.Code, w.Body, w.Header().Get("ETag"))
	}
	r = v.request("PATCH", "/api/v1/alerts/"+testAlert, `{"status":"resolved"}`)
	r.Header.Set("If-Match", etag)
	if w := recorded(f, r); w.Code != http.StatusPreconditionFailed {
		t.Errorf("change of an old version: status %d, want 412", w.Code)
	}
	v.want(t, http.StatusUnprocessableEntity, "PATCH", "/api/v1/alerts/"+testAlert, `{"assignee":"stranger"}`, nil)
	v.want(t, http.StatusUnprocessableEntity, "PATCH", "/api/v1/alerts/"+testAlert, `{}`, nil)
	v.want(t, http.StatusNotFound, "PATCH", "/api/v1/alerts/nothing", `{"status":"open"}`, nil)

	var changed api.Changed
	v.want(t, http.StatusOK, "POST", "/api/v1/alerts/bulk", `{"uids":["alert-1","nothing"],"status":"dismissed"}`, &changed)
	if changed.Changed != 1 {
		t.Errorf("changed %d, want 1", changed.Changed)
	}
	v.want(t, http.StatusCreated, "POST", "/api/v1/alerts/"+testAlert+"/comments", `{"text":"a word"}`, nil)
	var comments api.Comments
	v.want(t, http.StatusOK, "GET", "/api/v1/alerts/"+testAlert+"/comments", "", &comments)
	if len(comments.Items) < 2 {
		t.Errorf("comments: %+v", comments.Items)
	}
	v.want(t, http.StatusOK, "GET", "/api/v1/alerts/"+testAlert+"/timeline?before_seconds=60", "", nil)
	v.want(t, http.StatusOK, "GET", "/api/v1/alerts/"+testAlert+"/similar", "", nil)
	v.want(t, http.StatusOK, "GET", "/api/v1/events?class=process_activity&order=time", "", nil)
	var processes api.HostProcesses
	v.want(t, http.StatusOK, "GET", "/api/v1/hosts/"+testHost+"/processes", "", &processes)
	if len(processes.Items) != 1 || !processes.Items[0].Running {
		t.Errorf("processes: %+v", processes)
	}
	v.want(t, http.StatusCreated, "POST", "/api/v1/hosts/"+testHost+"/simulations", `{"scenarios":["reverse-shell"]}`, nil)
	v.want(t, http.StatusUnprocessableEntity, "POST", "/api/v1/hosts/"+testHost+"/simulations", `{"scenarios":["rm -rf"]}`, nil)
	var host fleet.Host
	v.want(t, http.StatusOK, "POST", "/api/v1/hosts/"+testHost+"/revoke", "", &host)
	if host.State != fleet.Revoked {
		t.Errorf("state %s after revocation", host.State)
	}
	for action, least := range map[string]int{
		"alert.update": 3, "host.simulate": 1, "host.revoke": 1,
		readAlert: 1, readTimeline: 1, readEvents: 1, readProcesses: 1,
	} {
		if got := len(f.entries(t, action)); got < least {
			t.Errorf("%s: %d entries in the audit log, want %d", action, got, least)
		}
	}
}

func TestAccounts(t *testing.T) {
	f := newFixture(t)
	v := f.logon(t, "admin")
	v.want(t, http.StatusUnprocessableEntity, "POST", "/api/v1/users", `{"name":"bob","role":"reader","password":"short"}`, nil)
	v.want(t, http.StatusUnprocessableEntity, "POST", "/api/v1/users", `{"name":"../x","role":"reader","password":"long enough it is"}`, nil)
	v.want(t, http.StatusUnprocessableEntity, "POST", "/api/v1/users", `{"name":"bob","role":"king","password":"long enough it is"}`, nil)
	v.want(t, http.StatusCreated, "POST", "/api/v1/users", `{"name":"bob","role":"reader","password":"long enough it is"}`, nil)
	again := v.want(t, http.StatusConflict, "POST", "/api/v1/users", `{"name":"bob","role":"reader","password":"long enough it is"}`, nil)
	if !strings.Contains(again.Body.String(), `"detail":"the user \"bob\" is there already"`) {
		t.Errorf("a name that is taken: %s", again.Body)
	}
	for _, change := range []string{`{"role":"reader"}`, `{"disabled":true}`} {
		v.want(t, http.StatusConflict, "PATCH", "/api/v1/users/admin", change, nil)
	}
	v.want(t, http.StatusConflict, "DELETE", "/api/v1/users/admin", "", nil)

	var created api.CreatedToken
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	v.want(t, http.StatusCreated, "POST", "/api/v1/tokens", `{"note":"n","role":"responder","expires_time":"`+expires+`"}`, &created)
	program := &visitor{f: f, bearer: created.Secret}
	program.want(t, http.StatusOK, "GET", "/api/v1/hosts", "", nil)
	program.want(t, http.StatusForbidden, "GET", "/api/v1/settings", "", nil)
	v.want(t, http.StatusNoContent, "DELETE", "/api/v1/tokens/"+created.Token.ID, "", nil)
	program.want(t, http.StatusUnauthorized, "GET", "/api/v1/hosts", "", nil)

	wrong := v.want(t, http.StatusUnauthorized, "POST", "/api/v1/session", `{"name":"bob","password":"wrong"}`, nil)
	nobody := v.want(t, http.StatusUnauthorized, "POST", "/api/v1/session", `{"name":"nobody","password":"wrong"}`, nil)
	id := regexp.MustCompile(`"request_id":"[0-9a-f]+"`)
	if a, b := id.ReplaceAllString(wrong.Body.String(), ""), id.ReplaceAllString(nobody.Body.String(), ""); a != b {
		t.Errorf("a wrong password and a wrong name are told apart:\n%s%s", a, b)
	}
	for _, e := range f.entries(t, "user.*") {
		if strings.Contains(e.Detail, "long enough") {
			t.Errorf("a password in the audit log: %s", e.Detail)
		}
	}
}

func TestSettingsKeepTheirSecret(t *testing.T) {
	f := newFixture(t)
	told := api.Settings{}
	f.SettingsChanged = func(s api.Settings) { told = s }
	v := &visitor{f: f, bearer: f.token(t, account.Admin)}
	w := v.want(t, http.StatusOK, "PATCH", "/api/v1/settings",
		`{"session_hours":4,"oidc":{"issuer":"https://id.example","client_id":"c","client_secret":"hidden"}}`, nil)
	v.want(t, http.StatusOK, "PATCH", "/api/v1/settings", `{"oidc":{"issuer":"https://id.example","client_id":"d"}}`, nil)
	var s api.Settings
	got := v.want(t, http.StatusOK, "GET", "/api/v1/settings", "", &s)
	if strings.Contains(got.Body.String(), "hidden") || !s.OIDC.SecretSet || s.SessionHours != 4 || s.Retention.Events != 30 {
		t.Errorf("settings: %s", got.Body)
	}
	if told.OIDC.ClientSecret != "hidden" || told.OIDC.ClientID != "d" {
		t.Errorf("told %+v", told.OIDC)
	}
	r := v.request("PATCH", "/api/v1/settings", `{"session_hours":5}`)
	r.Header.Set("If-Match", w.Header().Get("ETag"))
	if w := recorded(f, r); w.Code != http.StatusPreconditionFailed {
		t.Errorf("an old version: status %d, want 412", w.Code)
	}
	v.want(t, http.StatusUnprocessableEntity, "PATCH", "/api/v1/settings", `{"oidc":{"issuer":"http://id.example","client_id":"c"}}`, nil)
	elsewhere := v.want(t, http.StatusUnprocessableEntity, "PATCH", "/api/v1/settings", `{"oidc":{"issuer":"https://other.example","client_id":"c"}}`, nil)
	if !strings.Contains(elsewhere.Body.String(), "https://id.example") || told.OIDC.Issuer != "https://id.example" {
		t.Errorf("the secret would go to another issuer: %s", elsewhere.Body)
	}
	v.want(t, http.StatusOK, "PATCH", "/api/v1/settings", `{"oidc":{"issuer":""}}`, nil)
	if told.OIDC.ClientSecret != "" {
		t.Error("the secret outlives its provider")
	}
	v.want(t, http.StatusOK, "PATCH", "/api/v1/settings", `{"oidc":{"issuer":"https://other.example","client_id":"c"}}`, nil)
	for _, e := range f.entries(t, "settings.update") {
		if strings.Contains(e.Detail, "hidden") {
			t.Errorf("the secret is in the audit log: %s", e.Detail)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f, bearer: f.token(t, account.Admin)}
	for _, test := range []struct {
		name, method, target, body string
		status                     int
	}{
		{"unknown path", "GET", "/api/v1/nothing", "", 404},
		{"unknown method", "PUT", "/api/v1/alerts", "", 405},
		{"unknown parameter", "GET", "/api/v1/alerts?nothing=1", "", 422},
		{"limit too high", "GET", "/api/v1/alerts?limit=1001", "", 422},
		{"limit no number", "GET", "/api/v1/alerts?limit=x", "", 422},
		{"unknown status", "GET", "/api/v1/alerts?status=lost", "", 422},
		{"unknown class", "GET", "/api/v1/events?class=lost", "", 422},
		{"time without zone", "GET", "/api/v1/alerts?since=yesterday", "", 422},
		{"cursor of nobody", "GET", "/api/v1/alerts?after=AAAA", "", 400},
		{"bucket without since", "GET", "/api/v1/alerts/counts?bucket=1h", "", 422},
		{"too many buckets", "GET", "/api/v1/alerts/counts?bucket=1m&since=2020-01-01T00:00:00Z", "", 422},
		{"no JSON", "POST", "/api/v1/alerts/bulk", "{", 400},
		{"no body", "POST", "/api/v1/alerts/bulk", "", 400},
		{"unknown field", "POST", "/api/v1/alerts/bulk", `{"uids":["a"],"colour":"red"}`, 422},
		{"null", "POST", "/api/v1/alerts/bulk", `null`, 422},
		{"too large", "POST", "/api/v1/alerts/bulk", strings.Repeat(" ", front.MaxBody+1), 413},
		{"enrolment refused", "POST", "/api/v1/enroll", `{"version":1,"token":"bad","public_key":"U","proof":"AAAA","hostname":"","machine_id":"","os":"","arch":"","agent":"","later":1}`, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p api.Problem
			w := v.want(t, test.status, test.method, test.target, test.body, &p)
			if w.Header().Get("Content-Type") != "application/problem+json" || p.Status != test.status || p.Detail == "" || p.ID == "" {
				t.Errorf("problem: %s %+v", w.Header().Get("Content-Type"), p)
			}
		})
	}
}

func TestProblemsDoNotRepeatPasswords(t *testing.T) {
	f := newFixture(t)
	w := (&visitor{f: f}).send("POST", "/api/v1/session", `{"name":"admin","password":["s3cret"]}`)
	if w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "s3cret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestListsAreNeverNull(t *testing.T) {
	var out strings.Builder
	for _, v := range []any{
		&store.List[finding.Summary]{},
		api.LedgerReport{},
		store.AlertCounts{},
		api.Views{},
		fleet.Host{Heartbeat: &fleet.Heartbeat{}},
		finding.Case{},
		&store.List[fleet.Host]{Items: []fleet.Host{{}}},
		store.Order{},
		api.Settings{},
	} {
		if err := jsonform.Write(&out, v); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(out.String(), "null") {
		t.Error(out.String())
	}
}

// TestEventsAreAsDescribed holds eventBody to what event.Event writes.
func TestEventsAreAsDescribed(t *testing.T) {
	f := newFixture(t)
	schema := f.router.API.OpenAPI().Components.Schemas.Map()["Event"]
	p := &event.Process{}
	full := event.Event{
		Time: time.Now(), Class: event.ClassFileActivity, Activity: event.FileCreate, Source: event.SourceAudit, Host: "h", Serial: 1,
		Count: 2, Last: time.Now(), Process: p, Target: p, User: &event.User{}, Group: &event.Group{}, File: &event.File{},
		Logon: &event.Logon{}, Network: &event.Network{}, Kernel: &event.Kernel{}, Exit: &event.Exit{}, Key: "k", Message: "m",
		Records: []event.Record{{}},
	}
	for name, e := range map[string]event.Event{"full": full, "empty": {}} {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for field := range fields {
			if schema.Properties[field] == nil {
				t.Errorf("%s: the field %s is not described", name, field)
			}
		}
		for _, field := range schema.Required {
			if _, ok := fields[field]; !ok {
				t.Errorf("%s: the required field %s is not there", name, field)
			}
		}
		if name == "full" && len(fields) != len(schema.Properties) {
			t.Errorf("%d fields, %d are described", len(fields), len(schema.Properties))
		}
	}
}

func TestPanicsStayWithTheirRequest(t *testing.T) {
	f := newFixture(t)
	f.mux.HandleFunc("GET /boom", func(http.ResponseWriter, *http.Request) { panic("secret of the inside") })
	w := recorded(f, httptest.NewRequest("GET", "/boom", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConsole(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f}
	page := v.want(t, http.StatusOK, "GET", "/alerts/some-uid", "", nil)
	policy := page.Header().Get("Content-Security-Policy")
	nonce := regexp.MustCompile(`'nonce-([^']+)'`).FindStringSubmatch(policy)
	if nonce == nil || !strings.Contains(page.Body.String(), nonce[1]) || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s, page %s", policy, page.Body)
	}
	again := v.want(t, http.StatusOK, "GET", "/", "", nil)
	if again.Header().Get("Content-Security-Policy") == policy {
		t.Error("two pages share a nonce")
	}
	for _, name := range []string{"Strict-Transport-Security", "X-Content-Type-Options", "Referrer-Policy", "X-Request-ID"} {
		if page.Header().Get(name) == "" {
			t.Errorf("no header %s", name)
		}
	}
	asset := v.want(t, http.StatusOK, "GET", "/assets/main-Abcd1234.js", "", nil)
	if c := asset.Header().Get("Cache-Control"); !strings.Contains(c, "immutable") {
		t.Errorf("an asset: Cache-Control %q", c)
	}
	if c := v.want(t, http.StatusOK, "GET", "/favicon.svg", "", nil).Header().Get("Cache-Control"); c != "no-cache" {
		t.Errorf("a file: Cache-Control %q", c)
	}
	v.want(t, http.StatusNotFound, "GET", "/assets/main-00000000.js", "", nil)
	v.want(t, http.StatusMethodNotAllowed, "POST", "/alerts", "", nil)
}

func TestCompression(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequest("GET", "/assets/main-Abcd1234.css", nil)
	r.Header.Set("Accept-Encoding", "br;q=0, gzip")
	w := recorded(f, r)
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > 1000 {
		t.Fatalf("%v, %d bytes", w.Header(), w.Body.Len())
	}
	gz, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(gz); err != nil || len(text) != 6000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	r.Header.Set("Accept-Encoding", "gzip;q=0")
	if w := recorded(f, r); w.Header().Get("Content-Encoding") != "" || w.Body.Len() != 6000 {
		t.Errorf("compressed for who does not want it")
	}
}

func TestProbesAndMetrics(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f}
	v.want(t, http.StatusOK, "GET", "/healthz", "", nil)
	v.want(t, http.StatusOK, "GET", "/readyz", "", nil)
	v.want(t, http.StatusUnauthorized, "GET", "/metrics", "", nil)
	v.bearer = f.token(t, account.Reader)
	v.want(t, http.StatusOK, "GET", "/metrics", "", nil)
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.RemoteAddr = "127.0.0.1:5"
	if w := recorded(f, r); w.Code != http.StatusOK {
		t.Errorf("from this machine: status %d", w.Code)
	}
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	if w := recorded(f, r); w.Code != http.StatusUnauthorized {
		t.Errorf("through a proxy on this machine: status %d", w.Code)
	}
}

func TestInstall(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f}
	script := v.want(t, http.StatusOK, "GET", "/install", "", nil).Body.String()
	for _, part := range []string{"server='" + origin + "'", "pin='sha256//AQAAA", "  holdfast-agent-linux-amd64\n", "[Service]", "\nmain \"$@\"\n"} {
		if !strings.Contains(script, part) {
			t.Errorf("the script lacks %q", part)
		}
	}
	if sh, err := exec.LookPath("sh"); err == nil {
		cmd := exec.Command(sh, "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v\n%s", err, out)
		}
	}
	if w := v.want(t, http.StatusOK, "GET", "/download/holdfast-agent-linux-amd64", "", nil); w.Body.String() != "program" {
		t.Errorf("download: %q", w.Body)
	}
	for _, name := range []string{"holdfast-agent-linux-arm64", "..%2fstate.db", "state.db"} {
		v.want(t, http.StatusNotFound, "GET", "/download/"+name, "", nil)
	}
	v.bearer = f.token(t, account.Approver)
	var created api.CreatedEnrollToken
	v.want(t, http.StatusCreated, "POST", "/api/v1/enroll-tokens", `{"note":"n","labels":{"a":"b"}}`, &created)
	want := "curl -fsS -k --pinnedpubkey 'sha256//AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' '" + origin + "/install' | sudo sh -s -- 'hfe1.abc'"
	if created.Commands.Install != want {
		t.Errorf("command:\n%s\nwant\n%s", created.Commands.Install, want)
	}
}

func TestBackup(t *testing.T) {
	f := newFixture(t)
	v := &visitor{f: f, bearer: f.token(t, account.Admin)}
	if w := v.want(t, http.StatusOK, "POST", "/api/v1/backup", "", nil); w.Body.String() != "archive" || w.Header().Get("Content-Type") != "application/x-tar" {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
}
