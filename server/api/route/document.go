package route

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/jsonform"
)

// SchemaPrefix is where the document keeps its schemas.
const SchemaPrefix = "#/components/schemas/"

// newAPI returns an API without operations, and the document that they fill.
func newAPI(mux *http.ServeMux, version string, schemas huma.Registry) huma.API {
	format := huma.Format{Marshal: jsonform.Write, Unmarshal: json.Unmarshal}
	return huma.NewAPI(huma.Config{
		OpenAPI:       description(version, schemas),
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{discreet},
	}, adapter{mux})
}

// description returns the document's head.
func description(version string, schemas huma.Registry) *huma.OpenAPI {
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
			Schemas: schemas,
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
		{Name: TagAlerts, Description: "Detected threats and what people make of them."},
		{Name: TagIncidents, Description: "Alerts that belong to one attack, and its story."},
		{Name: TagExceptions, Description: "What is known and wanted, so that its alerts are kept out of sight."},
		{Name: TagHosts, Description: "Protected machines."},
		{Name: TagEvents, Description: "Telemetry."},
		{Name: TagHunt, Description: "Questions to the telemetry."},
		{Name: TagRules, Description: "Detection rules: those in force, and the documents that people write."},
		{Name: TagPolicies, Description: "What is asked of agents: which features run, and within which bounds."},
		{Name: TagSimulations, Description: "Harmless attacks that prove the chain."},
		{Name: TagEnrolment, Description: "How machines become hosts."},
		{Name: TagSession, Description: "Logging on and off."},
		{Name: TagAccounts, Description: "Users and API tokens."},
		{Name: TagServer, Description: "The server itself: ledger, settings, audit log, backup."},
	}
}

// Tags of the operations.
const (
	TagAlerts      = "alerts"
	TagIncidents   = "incidents"
	TagExceptions  = "exceptions"
	TagHunt        = "hunt"
	TagHosts       = "hosts"
	TagEvents      = "events"
	TagRules       = "rules"
	TagSimulations = "simulations"
	TagEnrolment   = "enrolment"
	TagSession     = "session"
	TagAccounts    = "accounts"
	TagPolicies    = "policies"
	TagServer      = "server"
)

// adapter connects huma to the standard library's mux.
type adapter struct{ mux *http.ServeMux }

// Handle registers an operation below the API's prefix.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.mux.HandleFunc(op.Method+" "+api.Prefix+op.Path, func(w http.ResponseWriter, r *http.Request) {
		q := front.Of(r.Context())
		q.W, q.R = w, r // for operations that set cookies
		handler(humago.NewContext(op, r, w))
	})
}

// ServeHTTP serves a request as the mux does.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Document returns the OpenAPI document of the operations as indented JSON.
func (r *Router) Document() ([]byte, error) {
	tidy(r.API.OpenAPI())
	compact, err := json.Marshal(r.API.OpenAPI())
	if err != nil {
		return nil, err
	}
	return jsonform.Indent(compact)
}

// discreet turns the errors that huma finds in a request into problems. It
// leaves out the offending values: they can be passwords.
func discreet(ctx huma.Context, _ string, v any) (any, error) {
	found, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &api.Problem{Status: found.Status, Title: http.StatusText(found.Status), Detail: found.Detail, ID: front.Of(ctx.Context()).ID}
	for _, e := range found.Errors {
		if e != nil {
			p.Errors = append(p.Errors, api.Fault{Location: e.Location, Message: e.Message})
		}
	}
	return p, nil
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
	if name, ok := strings.CutPrefix(s.Ref, SchemaPrefix); ok && !marked[name] {
		marked[name] = true
		reach(schemas, schemas[name], marked)
	}
	reach(schemas, s.Items, marked)
	for _, p := range s.Properties {
		reach(schemas, p, marked)
	}
}
