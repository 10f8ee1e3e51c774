package hunting

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
)

// asked is a server that answers hunts, and what it was asked.
type asked struct {
	hunt    api.HuntRequest
	export  api.HuntExport
	stopped string
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case api.Prefix + "/hunt":
		_ = json.NewDecoder(r.Body).Decode(&a.hunt)
		_ = json.NewEncoder(w).Encode(api.HuntAnswer{
			Columns: []api.HuntColumn{{Name: "line", Type: "text"}, {Name: "n", Type: "int"}, {Name: "who", Type: "list"}},
			Rows:    [][]any{{"curl\x1b[31m", 12_000_000, []string{"a", "b"}}, {nil, 1, nil}}, Scanned: 50, More: true, Stopped: a.stopped, Complete: a.stopped == "",
		})
	case api.Prefix + "/hunt/export":
		_ = json.NewDecoder(r.Body).Decode(&a.export)
		w.Header().Set("Trailer", api.StoppedTrailer)
		_, _ = w.Write([]byte("line,n\nx,1\n"))
		w.Header().Set(api.StoppedTrailer, a.stopped)
	case api.Prefix + "/hunt/fields":
		_ = json.NewEncoder(w).Encode(api.HuntFields{Items: []api.HuntField{{Name: "process.pid", Aliases: []string{"pid"}, Type: "int", Doc: "process id"}}})
	}
}

// newHunt returns an environment that speaks to the server, and its outputs.
func newHunt(t *testing.T, a *asked) (e *command, c *client.Client, out, errs *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	c, err := client.New(client.Options{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	e = &command{out, errs, func(io.Writer) render.Style { return render.Style{} }}
	return e, c, out, errs
}

func TestHuntTable(t *testing.T) {
	a := &asked{stopped: "25s of work are over"}
	e, c, out, errs := newHunt(t, a)
	if err := e.hunt(t.Context(), c, &flags{limit: 7, output: "table"}, "events"); !errors.Is(err, usage.ErrPartial) {
		t.Fatalf("got %v", err)
	}
	if text := out.String(); !strings.Contains(text, "12000000") || !strings.Contains(text, "a, b") || strings.Contains(text, "\x1b[31m") {
		t.Errorf("got %q", text)
	}
	if text := errs.String(); !strings.Contains(text, "2 rows, and there are more; 50 events") || !strings.Contains(text, "not complete: 25s of work are over") {
		t.Errorf("got %q", text)
	}
	if ago := time.Since(a.hunt.Since); a.hunt.Query != "events" || a.hunt.Limit != 7 || ago < 23*time.Hour || ago > 25*time.Hour {
		t.Errorf("asked %+v", a.hunt)
	}
}

func TestHuntJSON(t *testing.T) {
	e, c, out, _ := newHunt(t, &asked{})
	if err := e.hunt(t.Context(), c, &flags{limit: 7, output: "json"}, "events"); err != nil {
		t.Fatal(err)
	}
	var answer api.HuntAnswer
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil || len(answer.Rows) != 2 || !answer.Complete {
		t.Errorf("got %s, %v", out, err)
	}
	out.Reset()
	if err := e.fields(t.Context(), c, &flags{output: "table"}); err != nil || !strings.Contains(out.String(), "process.pid") {
		t.Errorf("fields: %q, %v", out, err)
	}
}

func TestHuntExport(t *testing.T) {
	a := &asked{}
	e, c, out, errs := newHunt(t, a)
	if err := e.export(t.Context(), c, &flags{output: "csv"}, "events"); err != nil || out.String() != "line,n\nx,1\n" || a.export.Format != "csv" {
		t.Errorf("got %q, %v, asked %+v", out, err, a.export)
	}
	a.stopped = "time is over"
	if err := e.export(t.Context(), c, &flags{output: "ndjson"}, "events"); !errors.Is(err, usage.ErrPartial) || !strings.Contains(errs.String(), "not complete: time is over") {
		t.Errorf("got %v, said %q", err, errs)
	}
}

func TestHuntRefuses(t *testing.T) {
	e, c, _, _ := newHunt(t, &asked{})
	if err := e.hunt(t.Context(), c, &flags{limit: 20_000, output: "table"}, "events"); err == nil {
		t.Error("a limit of 20,000 is taken")
	}
	if err := e.fields(t.Context(), c, &flags{output: "csv"}); err == nil {
		t.Error("fields are printed as csv")
	}
}
