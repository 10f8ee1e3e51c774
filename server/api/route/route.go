// Package route is what an operation of the REST interface is: one row with its
// name, path and the least role that may use it, and a handler from input type
// to output type. The areas of the interface add their rows to one [Router];
// huma makes the OpenAPI document from them and checks requests by it before a
// handler runs.
package route

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/server/api/front"
)

// Public as the role of an operation lets everybody in, unasked.
const Public account.Role = ""

// Operation is one row of the API: what it is called, where it is, and who may
// use it. Authorisation is nothing but the role in this row.
type Operation struct {
	ID      string // in the document and of the method of the generated clients
	Method  string
	Path    string       // below api.Prefix
	Role    account.Role // the least that may; [Public] for everybody
	Tokens  account.Role // the least that may by an API token, where that is more; "" for Role
	Tag     string
	Summary string
	Text    string // what else there is to know
	Status  int    // of success; zero for the usual one
	Person  bool   // for a person's session only, not for tokens
	Long    bool   // streams, or works for longer, and has no deadline but its own
	Lenient bool   // takes query parameters that it does not know
	MaxBody int64  // bytes of the body, where that is more than [front.MaxBody]
	// Evidence is the action that the audit log notes before the answer, for
	// operations that show evidence; "" for others.
	Evidence string
	Produces string // media type of a streamed answer
	Schema   *huma.Schema
}

// Least returns the least role that an identity needs.
func (op Operation) Least(i account.Identity) account.Role {
	if i.Token != "" && op.Tokens != "" {
		return op.Tokens
	}
	return op.Role
}

// Hooks are what every operation needs of the server. All are set.
type Hooks struct {
	// Authorise returns what lets those through who may use the operation,
	// before parameters and body are read.
	Authorise func(Operation) func(huma.Context, func(huma.Context))
	// NoteRead notes that evidence is about to be shown.
	NoteRead func(ctx context.Context, op Operation, in any) error
	// Problem returns an error as operations answer with it.
	Problem func(context.Context, error) error
	// Note writes an entry of the audit log about the request of ctx. The
	// handler does so before it answers, and answers with the error if there
	// is one: what cannot be noted does not happen unnoticed.
	Note func(ctx context.Context, action, object string, detail any) error
	// Now is the server's clock, in UTC.
	Now func() time.Time
}

// Router collects operations. It is filled by one goroutine before it serves,
// and only read afterwards.
type Router struct {
	Hooks
	API        huma.API
	Operations []Operation
}

// New returns a router without operations on mux, whose document keeps its
// schemas in the registry.
func New(mux *http.ServeMux, version string, schemas huma.Registry, h Hooks) *Router {
	return &Router{Hooks: h, API: newAPI(mux, version, schemas)}
}

// Inputs and outputs that several operations share.
type (
	// Empty is the input of operations that take nothing.
	Empty struct{}

	// Body is an input or output that is nothing but its body.
	Body[T any] struct{ Body T }

	// Versioned is an answer that a change can build on.
	Versioned[T any] struct {
		ETag string `header:"ETag" doc:"The version, in quotes, for If-Match."`
		Body T
	}
)

// Tagged returns an answer with its version as the ETag.
func Tagged[T any](v T, version int64) *Versioned[T] {
	return &Versioned[T]{ETag: strconv.Quote(strconv.FormatInt(version, 10)), Body: v}
}

// NewID returns a random id for what the API itself makes.
func NewID() string {
	var b [12]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Add registers an operation with its handler. What the handler returns as an
// error becomes a problem.
func Add[I, O any](r *Router, op Operation, handler func(context.Context, *I) (*O, error)) {
	r.Operations = append(r.Operations, op)
	huma.Register(r.API, r.describe(op), func(ctx context.Context, in *I) (*O, error) {
		if op.Evidence != "" {
			if err := r.NoteRead(ctx, op, in); err != nil {
				return nil, r.Problem(ctx, err)
			}
		}
		out, err := handler(ctx, in)
		if err != nil {
			return nil, r.Problem(ctx, err)
		}
		return out, nil
	})
}

// describe returns the operation as huma has it.
func (r *Router) describe(op Operation) huma.Operation {
	o := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Tags: []string{op.Tag}, Summary: op.Summary,
		Description: op.Text, DefaultStatus: op.Status, MaxBodyBytes: max(op.MaxBody, front.MaxBody), BodyReadTimeout: front.Timeout,
		RejectUnknownQueryParameters: !op.Lenient,
		Middlewares:                  huma.Middlewares{r.Authorise(op)},
		Extensions:                   map[string]any{"x-role": string(op.Role)},
	}
	if op.Role == Public {
		o.Security = []map[string][]string{}
		o.Extensions["x-role"] = "none"
	}
	if op.Produces != "" {
		o.Responses = map[string]*huma.Response{"200": {
			Description: "A stream.",
			Content:     map[string]*huma.MediaType{op.Produces: {Schema: op.Schema}},
		}}
	}
	return o
}
