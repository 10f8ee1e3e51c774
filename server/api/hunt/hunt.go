// Package hunt are the operations of the REST interface that ask questions of
// the stored telemetry: a query and its answer, help while one is typed, and
// the rows as a file.
//
// Whoever may read events may hunt. The audit log has every query before its
// answer is given.
package hunt

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/route"
)

// Engine answers queries. Its errors wrap [account.ErrInvalid] where a query
// cannot be understood, and are an [account.ThrottledError] where somebody has
// too many hunts under way.
type Engine interface {
	Hunt(ctx context.Context, by string, q api.HuntRequest) (api.HuntAnswer, error)
	Check(query string) api.HuntProblems
	Fields() api.HuntFields
	// Event returns the event that a row is; store.ErrNotFound when it is not
	// stored any more.
	Event(ctx context.Context, ref api.HuntRef) (event.Event, error)
	// Export returns what writes the rows of a query to w, and says at the end
	// why they are not all, or "".
	Export(ctx context.Context, by string, q api.HuntExport) (func(ctx context.Context, w io.Writer) (stopped string, err error), error)
}

// Config is what the operations need.
type Config struct {
	Engine Engine // nil where no telemetry can be asked
	// BrokeOff is told why an export ended early; nil for nobody.
	BrokeOff func(ctx context.Context, err error)
}

// area are the operations with what they need.
type area struct {
	Config
	router *route.Router
}

// Actions of the audit log.
const (
	hunted    = "evidence.hunt"
	exported  = "evidence.hunt_export"
	readEvent = "evidence.events"
)

// Register adds the operations to a router.
func Register(r *route.Router, c Config) {
	a := &area{c, r}
	route.Add(r, route.Operation{
		ID: "hunt", Method: http.MethodPost, Path: "/hunt", Role: account.Reader, Tag: route.TagHunt, Status: http.StatusOK,
		Summary: "Ask a question of the telemetry", Text: "In the language of docs/hunt.md. The work is bounded; the answer says whether it is complete.",
	}, a.hunt)
	route.Add(r, route.Operation{
		ID: "checkHunt", Method: http.MethodPost, Path: "/hunt/check", Role: account.Reader, Tag: route.TagHunt, Status: http.StatusOK,
		Summary: "Check a query", Text: "Nothing is run.",
	}, a.check)
	route.Add(r, route.Operation{
		ID: "listHuntFields", Method: http.MethodGet, Path: "/hunt/fields", Role: account.Reader, Tag: route.TagHunt,
		Summary: "List what queries are made of",
	}, a.fields)
	route.Add(r, route.Operation{
		ID: "getHuntEvent", Method: http.MethodGet, Path: "/hunt/event", Role: account.Reader, Tag: route.TagHunt, Evidence: readEvent,
		Summary: "Show the event that a row of an answer is",
	}, a.event)
	route.Add(r, route.Operation{
		ID: "exportHunt", Method: http.MethodPost, Path: "/hunt/export", Role: account.Reader, Tag: route.TagHunt, Status: http.StatusOK, Long: true,
		Produces: "application/octet-stream", Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "A file of up to 1,000,000 rows."},
		Summary: "Ask a question and get the rows as a file",
		Text: "CSV or JSON lines, as they are found. Events that the query does not put in order come in none. The trailer Holdfast-Stopped " +
			"says why the rows are not all; it is empty when they are.",
	}, a.export)
}

type (
	huntInput   = route.Body[api.HuntRequest]
	checkInput  = route.Body[api.HuntCheck]
	exportInput = route.Body[api.HuntExport]
	eventQuery  struct {
		ID   string       `query:"uid" required:"true" maxLength:"32" doc:"The uid of the row's ref."`
		Host event.HostID `query:"host" required:"true" maxLength:"64" doc:"Its host."`
		Time time.Time    `query:"time" required:"true" doc:"Its time."`
	}
	stream struct{ Body func(huma.Context) }
)

// ready returns an error where there is nothing to ask.
func (a *area) ready() error {
	if a.Engine == nil {
		return front.ErrNotReady
	}
	return nil
}

func (a *area) hunt(ctx context.Context, in *huntInput) (*route.Body[api.HuntAnswer], error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	if err := a.router.Note(ctx, hunted, "", in.Body); err != nil {
		return nil, err
	}
	answer, err := a.Engine.Hunt(ctx, front.Of(ctx).Identity.Actor(), in.Body)
	return &route.Body[api.HuntAnswer]{Body: answer}, err
}

func (a *area) check(_ context.Context, in *checkInput) (*route.Body[api.HuntProblems], error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	return &route.Body[api.HuntProblems]{Body: a.Engine.Check(in.Body.Query)}, nil
}

func (a *area) fields(context.Context, *route.Empty) (*route.Body[api.HuntFields], error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	return &route.Body[api.HuntFields]{Body: a.Engine.Fields()}, nil
}

func (a *area) event(ctx context.Context, in *eventQuery) (*route.Body[event.Event], error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	e, err := a.Engine.Event(ctx, api.HuntRef{ID: in.ID, Host: in.Host, Time: in.Time})
	return &route.Body[event.Event]{Body: e}, front.About("event", in.ID, err)
}

// mediaTypes are those of the formats of an export.
var mediaTypes = map[string]string{"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}

func (a *area) export(ctx context.Context, in *exportInput) (*stream, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	if err := a.router.Note(ctx, exported, "", in.Body); err != nil {
		return nil, err
	}
	write, err := a.Engine.Export(ctx, front.Of(ctx).Identity.Actor(), in.Body)
	if err != nil {
		return nil, err
	}
	return &stream{func(hc huma.Context) {
		hc.SetHeader("Content-Type", mediaTypes[in.Body.Format])
		hc.SetHeader("Content-Disposition", `attachment; filename="hunt.`+in.Body.Format+`"`)
		hc.SetHeader("Trailer", api.StoppedTrailer)
		_, w := humago.Unwrap(hc)
		stopped, err := write(ctx, flowing{w, http.NewResponseController(w)})
		if err != nil {
			if a.BrokeOff != nil && ctx.Err() == nil {
				a.BrokeOff(ctx, err)
			}
			panic(http.ErrAbortHandler) // so that the client sees a broken answer, not a short file
		}
		hc.SetHeader(api.StoppedTrailer, stopped)
	}}, nil
}

// flowTimeout is how long a client may take for a piece of a file.
const flowTimeout = time.Minute

// flowing is where a file goes: it may take as long as it moves.
type flowing struct {
	io.Writer
	control *http.ResponseController
}

// Write sends a piece, for which the client has [flowTimeout].
func (f flowing) Write(b []byte) (int, error) {
	// Servers without deadlines are those of tests.
	_ = f.control.SetWriteDeadline(time.Now().Add(flowTimeout))
	return f.Writer.Write(b)
}
