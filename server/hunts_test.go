package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
)

// TestHuntsFindWhatHostsSent goes from a frame to the row of a hunt, and to the
// event behind it.
func TestHuntsFindWhatHostsSent(t *testing.T) {
	s, _ := start(t, t.TempDir())
	b := admin(t, s)
	a := enrol(t, b)
	a.send(attack())
	ask := apitypes.HuntRequest{
		Query: `process | where command_line has "dev" and user.name == "www-data" | where time > ago(1h)`, Since: time.Now().Add(-time.Hour), Limit: 10, Histogram: true,
	}
	var answer apitypes.HuntAnswer
	eventually(t, "the hunt finds the process", func() bool {
		return b.do("POST", "/api/v1/hunt", ask, &answer) == http.StatusOK && len(answer.Rows) == 1
	})
	if !answer.Complete || !answer.Events || answer.Refs[0].Host != a.host || answer.Matched != 1 || len(answer.Histogram) == 0 {
		t.Errorf("got %+v", answer)
	}
	at := url.Values{"uid": {answer.Refs[0].ID}, "host": {string(a.host)}, "time": {answer.Refs[0].Time.Format(time.RFC3339Nano)}}
	var e event.Event
	if status := b.do("GET", "/api/v1/hunt/event?"+at.Encode(), nil, &e); status != http.StatusOK || e.Process.PID != 4242 {
		t.Errorf("status %d, event %+v", status, e)
	}
	if noted := entries(t, s, "evidence.hunt"); len(noted) == 0 || !strings.Contains(noted[0].Detail, "www-data") {
		t.Errorf("the audit log has %+v", noted)
	}
	if status := b.do("POST", "/api/v1/hunt", apitypes.HuntRequest{Query: "process | wher x"}, nil); status != http.StatusUnprocessableEntity {
		t.Errorf("a bad query: status %d", status)
	}
}
