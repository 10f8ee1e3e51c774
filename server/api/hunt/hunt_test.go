package hunt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/route"
)

// engine answers as the test says, and notes in which order things happen.
type engine struct {
	order   []string
	stopped string
	err     error // of an export, when it has begun
}

func (e *engine) Hunt(_ context.Context, _ string, q api.HuntRequest) (api.HuntAnswer, error) {
	e.order = append(e.order, fmt.Sprintf("hunt %q limit %d", q.Query, q.Limit))
	return api.HuntAnswer{Columns: []api.HuntColumn{{Name: "a", Type: "text"}}, Rows: [][]any{{"x", nil, 5}}, Complete: true}, nil
}

func (e *engine) Check(string) api.HuntProblems {
	return api.HuntProblems{Problems: []api.HuntProblem{{Line: 1, Column: 3, Reason: "wrong"}}}
}

func (e *engine) Fields() api.HuntFields {
	return api.HuntFields{Items: []api.HuntField{{Name: "pid"}}}
}

func (e *engine) Event(_ context.Context, ref api.HuntRef) (event.Event, error) {
	return event.Event{Host: ref.Host, Time: ref.Time, Message: ref.ID}, nil
}

func (e *engine) Export(_ context.Context, _ string, q api.HuntExport) (func(context.Context, io.Writer) (string, error), error) {
	e.order = append(e.order, "export "+q.Format)
	return func(_ context.Context, w io.Writer) (string, error) {
		if _, err := io.WriteString(w, "a,b\n"); err != nil {
			return "", err
		}
		return e.stopped, e.err
	}, nil
}

// serve returns an address where the operations are, with an engine or none.
func serve(t *testing.T, e *engine) (url string, brokeOff chan error) {
	t.Helper()
	mux := http.NewServeMux()
	r := route.New(mux, "test", huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer), route.Hooks{
		Authorise: func(route.Operation) func(huma.Context, func(huma.Context)) {
			return func(ctx huma.Context, next func(huma.Context)) { next(ctx) }
		},
		NoteRead: func(_ context.Context, op route.Operation, _ any) error {
			e.order = append(e.order, op.Evidence)
			return nil
		},
		Note: func(_ context.Context, action, _ string, detail any) error {
			e.order = append(e.order, fmt.Sprintf("%s %v", action, strings.Contains(fmt.Sprint(detail), "events | count")))
			return nil
		},
		Problem: func(_ context.Context, err error) error {
			if errors.Is(err, front.ErrNotReady) {
				return huma.Error503ServiceUnavailable(err.Error())
			}
			return huma.Error500InternalServerError(err.Error())
		},
		Now: time.Now,
	})
	brokeOff = make(chan error, 1)
	c := Config{BrokeOff: func(_ context.Context, err error) { brokeOff <- err }}
	if e.order != nil {
		c.Engine = e
	}
	Register(r, c)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + api.Prefix, brokeOff
}

func ask(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return &http.Response{}, "broken: " + err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		text = []byte("broken: " + err.Error())
	}
	return answer, string(text)
}

func TestHuntsAreNotedBeforeTheyAreAnswered(t *testing.T) {
	e := &engine{order: []string{}}
	url, _ := serve(t, e)
	answer, text := ask(t, http.MethodPost, url+"/hunt", `{"query": "events | count"}`)
	if answer.StatusCode != http.StatusOK || !strings.Contains(text, `["x",null,5]`) {
		t.Errorf("status %d: %s", answer.StatusCode, text)
	}
	if got := strings.Join(e.order, "; "); got != `evidence.hunt true; hunt "events | count" limit 1000` {
		t.Errorf("got %s", got)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	url, _ := serve(t, &engine{order: []string{}})
	for _, body := range []string{`{}`, `{"query": ""}`, `{"query": "events", "limit": 10001}`, `{"query": "events", "limit": 0}`, `{"query": "` + strings.Repeat("x", 20_000) + `"}`} {
		if answer, _ := ask(t, http.MethodPost, url+"/hunt", body); answer.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%.50s: status %d", body, answer.StatusCode)
		}
	}
	if answer, _ := ask(t, http.MethodPost, url+"/hunt/export", `{"query": "events", "format": "exe"}`); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestHelpAndEvents(t *testing.T) {
	e := &engine{order: []string{}}
	url, _ := serve(t, e)
	if _, text := ask(t, http.MethodPost, url+"/hunt/check", `{"query": "x"}`); !strings.Contains(text, `"reason":"wrong"`) {
		t.Error(text)
	}
	if _, text := ask(t, http.MethodGet, url+"/hunt/fields", ""); !strings.Contains(text, `"name":"pid"`) {
		t.Error(text)
	}
	_, text := ask(t, http.MethodGet, url+"/hunt/event?uid=k7&host=h1&time=2026-11-23T10:00:00.000000007Z", "")
	if !strings.Contains(text, "00.000000007Z") || !strings.Contains(text, "k7") || e.order[0] != "evidence.events" {
		t.Errorf("%s after %v", text, e.order)
	}
}

func TestExport(t *testing.T) {
	e := &engine{order: []string{}, stopped: "time is over"}
	url, brokeOff := serve(t, e)
	answer, text := ask(t, http.MethodPost, url+"/hunt/export", `{"query": "events | count", "format": "csv"}`)
	if text != "a,b\n" || answer.Trailer.Get(api.StoppedTrailer) != "time is over" || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("%q with %v, trailer %v", text, answer.Header, answer.Trailer)
	}
	if got := strings.Join(e.order, "; "); got != "evidence.hunt_export true; export csv" {
		t.Errorf("got %s", got)
	}
	e.err = errors.New("disk on fire")
	if _, text := ask(t, http.MethodPost, url+"/hunt/export", `{"query": "events", "format": "ndjson"}`); !strings.Contains(text, "broken") {
		t.Errorf("got %q of an export that broke off", text)
	}
	if err := <-brokeOff; !errors.Is(err, e.err) {
		t.Errorf("told %v", err)
	}
}

func TestWithoutAnEngine(t *testing.T) {
	url, _ := serve(t, &engine{})
	for path, body := range map[string]string{"/hunt": `{"query": "events"}`, "/hunt/check": `{"query": "events"}`, "/hunt/export": `{"query": "events", "format": "csv"}`} {
		if answer, _ := ask(t, http.MethodPost, url+path, body); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
	}
}
