package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/jsonform"
)

// public as the role of an operation lets everybody in, unasked.
const public account.Role = ""

// operation is one row of the API: what it is called, where it is, and who may
// use it. Authorisation is nothing but the role in this row.
type operation struct {
	id      string // in the document and of the method of the generated clients
	method  string
	path    string       // below api.Prefix
	role    account.Role // the least that may; [public] for everybody
	tokens  account.Role // the least that may by an API token, where that is more; "" for role
	tag     string
	summary string
	text    string // what else there is to know
	status  int    // of success; zero for the usual one
	person  bool   // for a person's session only, not for tokens
	long    bool   // streams, and has no deadline but its own
	lenient bool   // takes query parameters that it does not know
	// evidence is the action that the audit log notes before the answer, for
	// operations that show evidence; "" for others.
	evidence string
	produces string // media type of a streamed answer
	schema   *huma.Schema
}

// least returns the least role that an identity needs.
func (op operation) least(i account.Identity) account.Role {
	if i.Token != "" && op.tokens != "" {
		return op.tokens
	}
	return op.role
}

// Empty is the input of operations that take nothing.
type empty struct{}

// add registers an operation with its handler. What the handler returns as an
// error becomes a problem by [front.Front.Problem].
func add[I, O any](s *Server, op operation, handler func(context.Context, *I) (*O, error)) {
	s.operations = append(s.operations, op)
	huma.Register(s.huma, op.document(s), func(ctx context.Context, in *I) (*O, error) {
		if op.evidence != "" {
			if err := s.noteRead(ctx, op, in); err != nil {
				return nil, s.problem(ctx, err)
			}
		}
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// document returns the operation as huma has it.
func (op operation) document(s *Server) huma.Operation {
	o := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Tags: []string{op.tag}, Summary: op.summary,
		Description: op.text, DefaultStatus: op.status, MaxBodyBytes: front.MaxBody, BodyReadTimeout: front.Timeout,
		RejectUnknownQueryParameters: !op.lenient,
		Middlewares:                  huma.Middlewares{s.authorise(op)},
		Extensions:                   map[string]any{"x-role": string(op.role)},
	}
	if op.role == public {
		o.Security = []map[string][]string{}
		o.Extensions["x-role"] = "none"
	}
	if op.produces != "" {
		o.Responses = map[string]*huma.Response{"200": {
			Description: "A stream.",
			Content:     map[string]*huma.MediaType{op.produces: {Schema: op.schema}},
		}}
	}
	return o
}

// newHuma returns an API without operations, and the document that they fill.
func newHuma(mux *http.ServeMux, version string) huma.API {
	format := huma.Format{Marshal: jsonform.Write, Unmarshal: json.Unmarshal}
	return huma.NewAPI(huma.Config{
		OpenAPI:       description(version),
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{discreet},
	}, adapter{mux})
}

// description returns the document's head.
func description(version string) *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Holdfast", Version: version,
			Description: "The REST interface of a Holdfast server. Lists are read in parts: `next` of an answer is `after` of the next " +
				"request. Times are RFC 3339. Errors are problem details (RFC 9457). Answers that have an `ETag` take it back as " +
				"`If-Match` with a change, which is refused with 412 when somebody else was faster.",
			License: &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
		},
		Servers: []*huma.Server{{URL: api.Prefix}},
		Components: &huma.Components{
			Schemas: newRegistry(),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"token":   {Type: "http", Scheme: "bearer", BearerFormat: "hft_…", Description: "An API token."},
				"session": {Type: "apiKey", In: "cookie", Name: api.SessionCookie, Description: "A person's session; changes need the header " + api.CSRFHeader + " too."},
			},
		},
		Security: []map[string][]string{{"token": {}}, {"session": {}}},
		Tags:     tags(),
	}
}

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: tagAlerts, Description: "Detected threats and what people make of them."},
		{Name: tagHosts, Description: "Protected machines."},
		{Name: tagEvents, Description: "Telemetry."},
		{Name: tagRules, Description: "Detection rules in force."},
		{Name: tagPolicies, Description: "What is asked of agents: which features run, and within which bounds."},
		{Name: tagSimulations, Description: "Harmless attacks that prove the chain."},
		{Name: tagEnrolment, Description: "How machines become hosts."},
		{Name: tagSession, Description: "Logging on and off."},
		{Name: tagAccounts, Description: "Users and API tokens."},
		{Name: tagServer, Description: "The server itself: ledger, settings, audit log, backup."},
	}
}

// Tags of the operations.
const (
	tagAlerts      = "alerts"
	tagHosts       = "hosts"
	tagEvents      = "events"
	tagRules       = "rules"
	tagSimulations = "simulations"
	tagEnrolment   = "enrolment"
	tagSession     = "session"
	tagAccounts    = "accounts"
	tagPolicies    = "policies"
	tagServer      = "server"
)

// adapter connects huma to the standard library's mux.
type adapter struct{ mux *http.ServeMux }

// Handle registers an operation below the API's prefix.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.mux.HandleFunc(op.Method+" "+api.Prefix+op.Path, func(w http.ResponseWriter, r *http.Request) {
		handler(newContext(op, r, w))
	})
}

// ServeHTTP serves a request as the mux does.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Document returns the OpenAPI document of the API as indented JSON. It is
// the same for the same version and needs no running server.
func Document(version string) ([]byte, error) {
	s := &Server{mux: http.NewServeMux()}
	s.register(version)
	return s.document()
}

func (s *Server) document() ([]byte, error) {
	tidy(s.huma.OpenAPI())
	compact, err := json.Marshal(s.huma.OpenAPI())
	if err != nil {
		return nil, err
	}
	return jsonform.Indent(compact)
}

// tidy takes out of the document what says nothing or too much: how single
// values are joined, and that answers hold no more than is described, which
// would forbid to add to them.
func tidy(d *huma.OpenAPI) {
	strict := make(map[string]bool)
	schemas := d.Components.Schemas.Map()
	for _, item := range d.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				if p.Explode != nil && !*p.Explode {
					p.Explode = nil
				}
			}
			if op.RequestBody != nil {
				for _, content := range op.RequestBody.Content {
					reach(schemas, content.Schema, strict)
				}
			}
		}
	}
	for name, schema := range schemas {
		if schema.AdditionalProperties == false && !strict[name] {
			schema.AdditionalProperties = nil
		}
	}
}

// reach marks the schemas that s leads to.
func reach(schemas map[string]*huma.Schema, s *huma.Schema, marked map[string]bool) {
	if s == nil {
		return
	}
	if name, ok := strings.CutPrefix(s.Ref, schemaPrefix); ok && !marked[name] {
		marked[name] = true
		reach(schemas, schemas[name], marked)
	}
	reach(schemas, s.Items, marked)
	for _, p := range s.Properties {
		reach(schemas, p, marked)
	}
}
