package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
)

// FuzzRequests sends hostile requests of an administrator to every operation:
// no answer may be the server's fault.
func FuzzRequests(f *testing.F) {
	fixture := newFixture(f)
	fixture.Changes.Close() // streams end at once
	bearer := fixture.token(f, account.Admin)
	for i := range fixture.router.Operations {
		f.Add(uint8(i), "alert-1", "limit=5&after=x&severity=high&since=2026-01-01T00:00:00Z", `{"status":"open"}`, "application/json", `"1"`)
	}
	f.Add(uint8(3), "../\x00", "%zz=%", `{"uids":[null,{}],"labels":{"":[]}}`, "text/plain;;+", "W/\"\xff\"")
	f.Fuzz(func(t *testing.T, index uint8, id, query, body, kind, version string) {
		op := fixture.router.Operations[int(index)%len(fixture.router.Operations)]
		path := op.Path
		for _, name := range []string{"{uid}", "{name}"} {
			path = strings.ReplaceAll(path, name, url.PathEscape(id))
		}
		r := httptest.NewRequest(op.Method, api.Prefix+"/x", strings.NewReader(body))
		r.URL = &url.URL{Path: api.Prefix + "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		if decoded, err := url.PathUnescape(r.URL.Path); err == nil {
			r.URL.RawPath, r.URL.Path = r.URL.Path, decoded
		}
		r.RequestURI = ""
		r.Header.Set("Content-Type", kind)
		r.Header.Set("If-Match", version)
		r.Header.Set("Last-Event-ID", version)
		r.Header.Set("Accept", kind)
		r.Header.Set("Authorization", "Bearer "+bearer)
		w := httptest.NewRecorder()
		fixture.ServeHTTP(w, r)
		if w.Code >= 500 && op.ID != "streamChanges" && op.ID != "startOIDC" {
			t.Errorf("%s %s?%s: status %d: %s", op.Method, r.URL.Path, query, w.Code, w.Body)
		}
		if w.Code == 0 || w.Code == http.StatusSwitchingProtocols {
			t.Errorf("no status")
		}
	})
}
