package api

import (
	"encoding/json"
	"net/netip"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// schemaNames are the names of schemas that are not those of their Go types,
// because two packages use one word.
var schemaNames = map[reflect.Type]string{
	reflect.TypeFor[event.User]():           "HostUser",
	reflect.TypeFor[event.Status]():         "EventStatus",
	reflect.TypeFor[event.Class]():          "EventClass",
	reflect.TypeFor[event.Source]():         "EventSource",
	reflect.TypeFor[event.Group]():          "HostGroup",
	reflect.TypeFor[finding.Status]():       "AlertStatus",
	reflect.TypeFor[finding.Case]():         "Alert",
	reflect.TypeFor[finding.Summary]():      "AlertSummary",
	reflect.TypeFor[finding.Rule]():         "RuleRef",
	reflect.TypeFor[finding.IncidentCase](): "Incident",
	reflect.TypeFor[finding.Entity]():       "IncidentEntity",
	reflect.TypeFor[finding.Link]():         "IncidentLink",
	reflect.TypeFor[finding.Relation]():     "IncidentRelation",
	reflect.TypeFor[store.Order]():          "Simulation",
	reflect.TypeFor[store.Part]():           "SimulationPart",
	reflect.TypeFor[store.Count]():          "AlertCount",
	reflect.TypeFor[store.Bucket]():         "AlertBucket",
	reflect.TypeFor[account.Entry]():        "AuditEntry",
	reflect.TypeFor[fleet.EnrolToken]():     "EnrollToken",
	reflect.TypeFor[eventBody]():            "Event",
}

// aliases are types whose JSON form is that of another.
var aliases = map[reflect.Type]reflect.Type{
	reflect.TypeFor[event.Event]():        reflect.TypeFor[eventBody](),
	reflect.TypeFor[huma.ErrorModel]():    reflect.TypeFor[api.Problem](),
	reflect.TypeFor[input.SeverityName](): reflect.TypeFor[finding.Severity](),
	reflect.TypeFor[input.ClassName]():    reflect.TypeFor[event.Class](),
}

// texts are types that are a text in JSON: those with a set of values, which
// get a schema of their own, and those with a form.
var texts = map[reflect.Type]huma.Schema{
	reflect.TypeFor[finding.Severity]():       {Description: "How bad it is, ascending.", Enum: values("informational", "low", "medium", "high")},
	reflect.TypeFor[finding.Status]():         {Description: "How far people are with an alert.", Enum: values(finding.Statuses()...)},
	reflect.TypeFor[finding.Verdict]():        {Description: "What people found an incident to be; empty as long as nobody has said.", Enum: values(finding.Verdicts()...)},
	reflect.TypeFor[finding.LinkKind]():       {Description: "What sort of evidence joins two signals.", Enum: values(finding.LinkKinds()...)},
	reflect.TypeFor[finding.EntityKind]():     {Description: "What an entity is.", Enum: values(finding.EntityKinds()...)},
	reflect.TypeFor[store.IncidentOrder]():    {Description: "The order of a list of incidents; a leading minus means descending.", Enum: values(store.IncidentOrders()...)},
	reflect.TypeFor[finding.ConditionField](): {Description: "What of an alert a condition compares. Those of the process are of the one that did it; user.name is the account where no process is known.", Enum: values(finding.ConditionFields()...)},
	reflect.TypeFor[finding.ConditionOp]():    {Description: "How a condition compares: all heed case; matches is for the whole, with * for any text and ? for any character; cidr is for addresses.", Enum: values(finding.ConditionOps()...)},
	reflect.TypeFor[store.ExceptionState]():   {Description: "Whether an exception covers anything; disabled ones are so whether expired or not.", Enum: values(store.ExceptionStates()...)},
	reflect.TypeFor[finding.Tactic]():         {Description: "ATT&CK tactic by its short name.", Examples: values("defense-evasion")},
	reflect.TypeFor[account.Role]():           {Description: "What a person or token may do. Each role may do what the ones before it may.", Enum: values(account.Roles()...)},
	reflect.TypeFor[store.RuleState]():        {Description: "What a rule document is used for: draft is only kept, test is evaluated and raises no alert, live is in force.", Enum: values(store.RuleStates()...)},
	reflect.TypeFor[fleet.HostState]():        {Description: "Whether a host may speak to the server.", Enum: values(fleet.Active, fleet.Revoked)},
	reflect.TypeFor[event.Status]():           {Description: "The outcome of what an event describes.", Enum: values("unknown", "success", "failure")},
	reflect.TypeFor[event.Class]():            {Description: "The kind of an event: the name of its OCSF class.", Enum: classNames()},
	reflect.TypeFor[store.AlertOrder](): {
		Description: "The order of a list of alerts; a leading minus means descending.",
		Enum: values(store.NewestFirst, store.OldestFirst, store.SevereFirst, store.MildFirst,
			store.MostFirst, store.FewestFirst),
	},
	reflect.TypeFor[event.FileKind]():  {Description: "What lies behind a path; absent for a plain file.", Enum: values(event.FileMemory, event.FileDeleted, event.FileDir, event.FileSymlink, event.FileOther)},
	reflect.TypeFor[event.Owned]():     {Description: "Whether a package owns the file; absent when nobody looked.", Enum: values(event.OwnedYes, event.OwnedNo)},
	reflect.TypeFor[event.EntryKind](): {Description: "Through what a session came into the host.", Enum: values(event.EntrySSH, event.EntryConsole, event.EntryGraphical, event.EntryCron, event.EntryContainer, event.EntryService, event.EntryKernel, event.EntryInit)},
	reflect.TypeFor[event.DescriptorKind](): {
		Description: "What a descriptor refers to.",
		Enum:        values(event.DescriptorFile, event.DescriptorTerminal, event.DescriptorPipe, event.DescriptorSocket, event.DescriptorUnixSocket),
	},
}

// forms are types that are a text in JSON without a schema of their own.
var forms = map[reflect.Type]huma.Schema{
	reflect.TypeFor[event.ProcessUID](): {
		Description: "Names one process for ever: boot, pid and start.",
		Pattern:     "^[0-9a-f]{16}-[0-9]+-[0-9]+$", Examples: values("1f0c2a4b9d3e4f60-812-93450000000"),
	},
	reflect.TypeFor[netip.Addr]():     {Description: "IP address; empty when unknown.", Examples: values("192.0.2.7")},
	reflect.TypeFor[netip.AddrPort](): {Description: "IP address and port; empty when unknown.", Examples: values("192.0.2.7:443")},
	reflect.TypeFor[event.HostID]():   {Description: "Names a host for ever.", Examples: values("h4k2m9x7q1w8e5r3t")},
}

// values returns the values as a schema has them.
func values[T ~string](list ...T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = string(v)
	}
	return all
}

func classNames() []any {
	all := values(event.ClassUnknown.String())
	for _, c := range event.Classes() {
		all = append(all, c.String())
	}
	return all
}

// registry names and keeps the schemas of Go types. It differs from huma's in
// that enumerations have names, lists and maps are never null, and types of
// several packages share one document. It is used by one goroutine while
// operations are registered and only read afterwards.
type registry struct {
	schemas map[string]*huma.Schema
	types   map[string]reflect.Type
}

func newRegistry() *registry {
	return &registry{schemas: make(map[string]*huma.Schema), types: make(map[string]reflect.Type)}
}

// Schema returns the schema of t, or a reference to it where allowRef says so.
func (r *registry) Schema(t reflect.Type, allowRef bool, hint string) *huma.Schema {
	pointer := t.Kind() == reflect.Pointer
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if other, ok := aliases[t]; ok {
		t = other
	}
	if form, ok := forms[t]; ok {
		form.Type = huma.TypeString
		return &form
	}
	if s, ok := texts[t]; ok {
		s.Type = huma.TypeString
		return r.named(t, allowRef, hint, func() *huma.Schema { return &s })
	}
	if t.Kind() == reflect.Struct && t.PkgPath() != "time" {
		return r.named(t, allowRef, hint, func() *huma.Schema { return huma.SchemaFromType(r, t) })
	}
	s := huma.SchemaFromType(r, t)
	s.Nullable = pointer && s.Type != huma.TypeArray && s.Type != huma.TypeObject
	return s
}

// named returns the schema of a type that has a name in the document, made by
// build when it is met first.
func (r *registry) named(t reflect.Type, allowRef bool, hint string, build func() *huma.Schema) *huma.Schema {
	name := schemaName(t, hint)
	if known, ok := r.types[name]; !ok {
		r.types[name] = t
		r.schemas[name] = &huma.Schema{} // so that a type may contain itself
		s := build()
		describe(t, s)
		s.PrecomputeMessages()
		*r.schemas[name] = *s
	} else if known != t {
		panic("two types are named " + name + ": " + known.String() + " and " + t.String())
	}
	if allowRef {
		return &huma.Schema{Ref: route.SchemaPrefix + name}
	}
	return r.schemas[name]
}

// describe adds what the comments of a Go type and its fields say, where
// tags say nothing.
func describe(t reflect.Type, s *huma.Schema) {
	if s.Description == "" {
		s.Description = descriptions[qualified(t)]
	}
	if t.Kind() != reflect.Struct {
		return
	}
	if t == reflect.TypeFor[wire.EnrollRequest]() {
		s.AdditionalProperties = nil // newer agents may say more
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.Properties[name]
		if p == nil {
			continue
		}
		if text := descriptions[qualified(owner(t, f))+"."+f.Name]; text != "" && (p.Description == "" || f.Tag.Get("doc") == "") {
			p.Description = text
		}
		if f.Type.Kind() == reflect.Uint32 || f.Type.Kind() == reflect.Uint64 {
			p.Format = "" // int32 and int64 as formats are signed
		}
	}
}

// qualified returns the name of a type with that of its package.
func qualified(t reflect.Type) string { return path.Base(t.PkgPath()) + "." + t.Name() }

// owner returns the struct that declares a visible field of t.
func owner(t reflect.Type, f reflect.StructField) reflect.Type {
	for _, i := range f.Index[:len(f.Index)-1] {
		t = t.Field(i).Type
	}
	return t
}

// schemaName returns the name of a type in the document.
func schemaName(t reflect.Type, hint string) string {
	if name, ok := schemaNames[t]; ok {
		return name
	}
	name := t.Name()
	if inner, ok := strings.CutPrefix(name, "List["); ok {
		items, _ := t.FieldByName("Items")
		return schemaName(alias(items.Type.Elem()), inner) + "List"
	}
	if name == "" {
		return hint
	}
	return name
}

func alias(t reflect.Type) reflect.Type {
	if other, ok := aliases[t]; ok {
		return other
	}
	return t
}

// schemaOf returns a reference to the schema of v's type.
func schemaOf(h huma.API, v any) *huma.Schema {
	return h.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(v), true, "")
}

// SchemaFromRef returns the schema that a reference names, or nil.
func (r *registry) SchemaFromRef(ref string) *huma.Schema {
	name, ok := strings.CutPrefix(ref, route.SchemaPrefix)
	if !ok {
		return nil
	}
	return r.schemas[name]
}

// TypeFromRef returns the Go type that a reference names, or nil.
func (r *registry) TypeFromRef(ref string) reflect.Type {
	return r.types[strings.TrimPrefix(ref, route.SchemaPrefix)]
}

// Map returns all schemas by name.
func (r *registry) Map() map[string]*huma.Schema { return r.schemas }

// RegisterTypeAlias is huma's way to add to the aliases; there is none after
// the table above.
func (r *registry) RegisterTypeAlias(reflect.Type, reflect.Type) {}

// MarshalJSON writes the schemas in the order of their names.
func (r *registry) MarshalJSON() ([]byte, error) { return json.Marshal(r.schemas) }
