package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
)

// Actions of the audit log for reads of evidence.
const (
	readAlert     = "evidence.alert"
	readEvents    = "evidence.events"
	readTimeline  = "evidence.timeline"
	readProcesses = "evidence.processes"
)

func (s *Server) registerHosts() {
	route.Add(s.router, route.Operation{
		ID: "listHosts", Method: http.MethodGet, Path: "/hosts", Role: account.Reader, Tag: route.TagHosts,
		Summary: "List hosts", Text: "By name, then uid.",
	}, s.listHosts)
	route.Add(s.router, route.Operation{
		ID: "getHost", Method: http.MethodGet, Path: "/hosts/{uid}", Role: account.Reader, Tag: route.TagHosts,
		Summary: "Show a host",
	}, s.getHost)
	route.Add(s.router, route.Operation{
		ID: "updateHost", Method: http.MethodPatch, Path: "/hosts/{uid}", Role: account.Approver, Tag: route.TagHosts,
		Summary: "Change a host's name or labels",
	}, s.updateHost)
	route.Add(s.router, route.Operation{
		ID: "revokeHost", Method: http.MethodPost, Path: "/hosts/{uid}/revoke", Role: account.Admin, Tag: route.TagHosts, Status: http.StatusOK,
		Summary: "Revoke a host", Text: "Its agent is cut off at once and told so; its history stays.",
	}, s.revokeHost)
	route.Add(s.router, route.Operation{
		ID: "allowHost", Method: http.MethodPost, Path: "/hosts/{uid}/allow", Role: account.Admin, Tag: route.TagHosts, Status: http.StatusOK,
		Summary: "Allow a revoked host again",
	}, s.allowHost)
	route.Add(s.router, route.Operation{
		ID: "listHostProcesses", Method: http.MethodGet, Path: "/hosts/{uid}/processes", Role: account.Reader, Tag: route.TagHosts, Evidence: readProcesses,
		Summary: "List a host's processes", Text: "As the telemetry last told of them: running ones first, then newest.",
	}, s.listHostProcesses)
	route.Add(s.router, route.Operation{
		ID: "listHostEvents", Method: http.MethodGet, Path: "/hosts/{uid}/events", Role: account.Reader, Tag: route.TagHosts, Evidence: readEvents,
		Summary: "List a host's events",
	}, s.listHostEvents)
	route.Add(s.router, route.Operation{
		ID: "listEvents", Method: http.MethodGet, Path: "/events", Role: account.Reader, Tag: route.TagEvents, Evidence: readEvents,
		Summary: "List events", Text: "Newest first unless order says otherwise.",
	}, s.listEvents)
}

func (s *Server) registerAlerts() {
	route.Add(s.router, route.Operation{
		ID: "listAlerts", Method: http.MethodGet, Path: "/alerts", Role: account.Reader, Tag: route.TagAlerts,
		Summary: "List alerts", Text: "A filter that is given several times means any of its values. Without status, alerts of every status are listed, suppressed ones too.",
	}, s.listAlerts)
	route.Add(s.router, route.Operation{
		ID: "countAlerts", Method: http.MethodGet, Path: "/alerts/counts", Role: account.Reader, Tag: route.TagAlerts,
		Summary: "Count alerts", Text: "Over the alerts of a filter, for charts. With bucket, since has to be given.",
	}, s.countAlerts)
	route.Add(s.router, route.Operation{
		ID: "getAlert", Method: http.MethodGet, Path: "/alerts/{uid}", Role: account.Reader, Tag: route.TagAlerts, Evidence: readAlert,
		Summary: "Show an alert", Text: "With its evidence.",
	}, s.getAlert)
	route.Add(s.router, route.Operation{
		ID: "updateAlert", Method: http.MethodPatch, Path: "/alerts/{uid}", Role: account.Responder, Tag: route.TagAlerts,
		Summary: "Change an alert's status or assignee",
	}, s.updateAlert)
	route.Add(s.router, route.Operation{
		ID: "updateAlerts", Method: http.MethodPost, Path: "/alerts/bulk", Role: account.Responder, Tag: route.TagAlerts, Status: http.StatusOK,
		Summary: "Change many alerts",
	}, s.updateAlerts)
	route.Add(s.router, route.Operation{
		ID: "listAlertComments", Method: http.MethodGet, Path: "/alerts/{uid}/comments", Role: account.Reader, Tag: route.TagAlerts,
		Summary: "List an alert's comments and changes", Text: "Oldest first.",
	}, s.listAlertComments)
	route.Add(s.router, route.Operation{
		ID: "addAlertComment", Method: http.MethodPost, Path: "/alerts/{uid}/comments", Role: account.Responder, Tag: route.TagAlerts, Status: http.StatusCreated,
		Summary: "Comment on an alert",
	}, s.addAlertComment)
	route.Add(s.router, route.Operation{
		ID: "listAlertTimeline", Method: http.MethodGet, Path: "/alerts/{uid}/timeline", Role: account.Reader, Tag: route.TagAlerts, Evidence: readTimeline,
		Summary: "List what happened on the host around an alert", Text: "Oldest first.",
	}, s.listAlertTimeline)
	route.Add(s.router, route.Operation{
		ID: "listSimilarAlerts", Method: http.MethodGet, Path: "/alerts/{uid}/similar", Role: account.Reader, Tag: route.TagAlerts,
		Summary: "List alerts of the same type", Text: "Newest first, without the alert itself.",
	}, s.listSimilarAlerts)
	route.Add(s.router, route.Operation{
		ID: "listViews", Method: http.MethodGet, Path: "/views", Role: account.Reader, Tag: route.TagAlerts,
		Summary: "List saved views", Text: "The user's own and shared ones.",
	}, s.listViews)
	route.Add(s.router, route.Operation{
		ID: "createView", Method: http.MethodPost, Path: "/views", Role: account.Reader, Tag: route.TagAlerts, Status: http.StatusCreated,
		Summary: "Save a view",
	}, s.createView)
	route.Add(s.router, route.Operation{
		ID: "deleteView", Method: http.MethodDelete, Path: "/views/{uid}", Role: account.Reader, Tag: route.TagAlerts,
		Summary: "Delete a saved view", Text: "One's own; administrators may delete any.",
	}, s.deleteView)
}

func (s *Server) registerSimulations() {
	route.Add(s.router, route.Operation{
		ID: "listScenarios", Method: http.MethodGet, Path: "/scenarios", Role: account.Reader, Tag: route.TagSimulations,
		Summary: "List attacks that can be simulated",
	}, s.listScenarios)
	route.Add(s.router, route.Operation{
		ID: "simulate", Method: http.MethodPost, Path: "/hosts/{uid}/simulations", Role: account.Responder, Tag: route.TagSimulations, Status: http.StatusCreated,
		Summary: "Simulate attacks on a host", Text: "The answer comes at once; how it goes is told by getSimulation and the stream of changes.",
	}, s.simulate)
	route.Add(s.router, route.Operation{
		ID: "listSimulations", Method: http.MethodGet, Path: "/simulations", Role: account.Reader, Tag: route.TagSimulations,
		Summary: "List simulations", Text: "Newest first.",
	}, s.listSimulations)
	route.Add(s.router, route.Operation{
		ID: "getSimulation", Method: http.MethodGet, Path: "/simulations/{uid}", Role: account.Reader, Tag: route.TagSimulations,
		Summary: "Show a simulation",
	}, s.getSimulation)
}

func (s *Server) registerPolicies() {
	route.Add(s.router, route.Operation{
		ID: "getPolicies", Method: http.MethodGet, Path: "/policies", Role: account.Reader, Tag: route.TagPolicies,
		Summary: "Show the policies of hosts",
	}, s.getPolicies)
	route.Add(s.router, route.Operation{
		ID: "setPolicies", Method: http.MethodPut, Path: "/policies", Role: account.Admin, Tag: route.TagPolicies, Status: http.StatusOK,
		Summary: "Replace the policies of hosts", Text: "All of them come into force, or none and the answer says why. " +
			"Connected hosts whose policy changes are sent it at once, others fetch it when they connect.",
	}, s.setPolicies)
}

func (s *Server) registerServer() {
	route.Add(s.router, route.Operation{
		ID: "getOverview", Method: http.MethodGet, Path: "/overview", Role: account.Reader, Tag: route.TagServer,
		Summary: "Show how things stand",
	}, s.getOverview)
	route.Add(s.router, route.Operation{
		ID: "getLedger", Method: http.MethodGet, Path: "/ledger", Role: account.Reader, Tag: route.TagServer,
		Summary: "Show the ledger of losses", Text: "produced = combined + stored + waiting + dropped + unaccounted, for each host and in sum.",
	}, s.getLedger)
	route.Add(s.router, route.Operation{
		ID: "getSettings", Method: http.MethodGet, Path: "/settings", Role: account.Admin, Tag: route.TagServer,
		Summary: "Show settings",
	}, s.getSettings)
	route.Add(s.router, route.Operation{
		ID: "updateSettings", Method: http.MethodPatch, Path: "/settings", Role: account.Admin, Tag: route.TagServer,
		Summary: "Change settings",
	}, s.updateSettings)
	route.Add(s.router, route.Operation{
		ID: "listAuditLog", Method: http.MethodGet, Path: "/audit-log", Role: account.Admin, Tag: route.TagServer,
		Summary: "List the audit log", Text: "Newest first.",
	}, s.listAuditLog)
	route.Add(s.router, route.Operation{
		ID: "createBackup", Method: http.MethodPost, Path: "/backup", Role: account.Admin, Tag: route.TagServer, Long: true,
		Summary: "Take a backup", Text: "The answer is a tar archive for `holdfast-server restore`.",
		Produces: "application/x-tar", Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}, Status: http.StatusOK,
	}, s.createBackup)
	route.Add(s.router, route.Operation{
		ID: "streamChanges", Method: http.MethodGet, Path: "/changes", Role: account.Reader, Tag: route.TagServer, Long: true,
		Summary: "Follow changes", Text: changesText, Produces: "text/event-stream", Schema: s.changesSchema(),
	}, s.streamChanges)
}

const changesText = "Server-sent events as they happen: `alert` (AlertChange), `incident` (IncidentChange), `host` (HostChange), `simulation` (SimulationChange), `rule` (RuleChange), `exception` (ExceptionChange), " +
	"`ledger` and `lost` (no detail: something was left out, read anew). A comment every 15 seconds keeps the connection open. " +
	"Last-Event-ID continues where the connection broke, as far as the server remembers."

type (
	hostQuery struct {
		input.Page
		State string   `query:"state" enum:"active,revoked" doc:"Only hosts in this state."`
		Text  string   `query:"text" maxLength:"256" doc:"In name, uid or address, ignoring case."`
		Label []string `query:"label,explode" maxItems:"16" example:"group=web" doc:"Only hosts with this label, as key=value; all that are given."`
	}
	hostPage   = pageOf[fleet.Host]
	hostBody   = versioned[fleet.Host]
	hostUpdate struct {
		input.ByID
		input.IfMatch
		Body api.HostUpdate
	}
	hostProcessQuery struct {
		input.ByID
		Limit int `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"At most so many processes."`
	}

	hostEventQuery struct {
		input.ByID
		input.EventChoice
	}
	eventQuery struct {
		input.EventChoice
		Host string `query:"host" maxLength:"64" doc:"Only events of this host."`
	}
	eventPage = pageOf[event.Event]

	alertQuery struct {
		input.Page
		input.AlertChoice
		Order store.AlertOrder `query:"order" default:"-last_time" doc:"The order; a leading minus means descending."`
	}
	countQuery struct {
		input.AlertChoice
		Bucket string `query:"bucket" maxLength:"16" example:"1h" doc:"Width of the buckets of over_time, as a Go duration of at least a minute; at most 1000 buckets."`
	}
	alertPage   = pageOf[finding.Summary]
	alertBody   = versioned[finding.Case]
	alertUpdate struct {
		input.ByID
		input.IfMatch
		Body api.AlertUpdate
	}
	commentInput struct {
		input.ByID
		Body api.NewComment
	}
	timelineQuery struct {
		input.ByID
		Before int    `query:"before_seconds" minimum:"0" maximum:"86400" default:"300" doc:"Begin so many seconds before the alert's first event."`
		After  int    `query:"after_seconds" minimum:"0" maximum:"86400" default:"300" doc:"End so many seconds after the alert's first event."`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"At most so many."`
		Cursor string `query:"after" maxLength:"1024" doc:"The next of the part before."`
	}
	similarQuery struct {
		input.ByID
		Limit int `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"At most so many."`
	}
	simulationInput struct {
		input.ByID
		Body api.SimulationRequest
	}
	simulationQuery struct {
		input.Page
		Host string `query:"host" maxLength:"64" doc:"Only simulations on this host."`
	}
	settingsUpdate struct {
		input.IfMatch
		Body api.SettingsUpdate
	}
	policiesUpdate struct {
		input.IfMatch
		Body policy.Assignments
	}
	auditQuery struct {
		input.Page
		input.Between
		Actor  string `query:"actor" maxLength:"128" doc:"Only what this user, by their tokens too, token:uid or host:uid did."`
		Action string `query:"action" maxLength:"128" example:"alert.*" doc:"Only this action; .* at the end means all that begin so."`
		Object string `query:"object" maxLength:"128" doc:"Only what was done to this uid."`
	}
	changesInput struct {
		LastID string `header:"Last-Event-ID" maxLength:"64" doc:"Id of the last event received."`
	}
	stream struct{ Body func(huma.Context) }
)
