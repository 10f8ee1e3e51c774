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
	add(s, operation{
		id: "listHosts", method: http.MethodGet, path: "/hosts", role: account.Reader, tag: tagHosts,
		summary: "List hosts", text: "By name, then uid.",
	}, s.listHosts)
	add(s, operation{
		id: "getHost", method: http.MethodGet, path: "/hosts/{uid}", role: account.Reader, tag: tagHosts,
		summary: "Show a host",
	}, s.getHost)
	add(s, operation{
		id: "updateHost", method: http.MethodPatch, path: "/hosts/{uid}", role: account.Approver, tag: tagHosts,
		summary: "Change a host's name or labels",
	}, s.updateHost)
	add(s, operation{
		id: "revokeHost", method: http.MethodPost, path: "/hosts/{uid}/revoke", role: account.Admin, tag: tagHosts, status: http.StatusOK,
		summary: "Revoke a host", text: "Its agent is cut off at once and told so; its history stays.",
	}, s.revokeHost)
	add(s, operation{
		id: "allowHost", method: http.MethodPost, path: "/hosts/{uid}/allow", role: account.Admin, tag: tagHosts, status: http.StatusOK,
		summary: "Allow a revoked host again",
	}, s.allowHost)
	add(s, operation{
		id: "listHostProcesses", method: http.MethodGet, path: "/hosts/{uid}/processes", role: account.Reader, tag: tagHosts, evidence: readProcesses,
		summary: "List a host's processes", text: "As the telemetry last told of them: running ones first, then newest.",
	}, s.listHostProcesses)
	add(s, operation{
		id: "listHostEvents", method: http.MethodGet, path: "/hosts/{uid}/events", role: account.Reader, tag: tagHosts, evidence: readEvents,
		summary: "List a host's events",
	}, s.listHostEvents)
	add(s, operation{
		id: "listEvents", method: http.MethodGet, path: "/events", role: account.Reader, tag: tagEvents, evidence: readEvents,
		summary: "List events", text: "Newest first unless order says otherwise.",
	}, s.listEvents)
}

func (s *Server) registerAlerts() {
	add(s, operation{
		id: "listAlerts", method: http.MethodGet, path: "/alerts", role: account.Reader, tag: tagAlerts,
		summary: "List alerts", text: "A filter that is given several times means any of its values.",
	}, s.listAlerts)
	add(s, operation{
		id: "countAlerts", method: http.MethodGet, path: "/alerts/counts", role: account.Reader, tag: tagAlerts,
		summary: "Count alerts", text: "Over the alerts of a filter, for charts. With bucket, since has to be given.",
	}, s.countAlerts)
	add(s, operation{
		id: "getAlert", method: http.MethodGet, path: "/alerts/{uid}", role: account.Reader, tag: tagAlerts, evidence: readAlert,
		summary: "Show an alert", text: "With its evidence.",
	}, s.getAlert)
	add(s, operation{
		id: "updateAlert", method: http.MethodPatch, path: "/alerts/{uid}", role: account.Responder, tag: tagAlerts,
		summary: "Change an alert's status or assignee",
	}, s.updateAlert)
	add(s, operation{
		id: "updateAlerts", method: http.MethodPost, path: "/alerts/bulk", role: account.Responder, tag: tagAlerts, status: http.StatusOK,
		summary: "Change many alerts",
	}, s.updateAlerts)
	add(s, operation{
		id: "listAlertComments", method: http.MethodGet, path: "/alerts/{uid}/comments", role: account.Reader, tag: tagAlerts,
		summary: "List an alert's comments and changes", text: "Oldest first.",
	}, s.listAlertComments)
	add(s, operation{
		id: "addAlertComment", method: http.MethodPost, path: "/alerts/{uid}/comments", role: account.Responder, tag: tagAlerts, status: http.StatusCreated,
		summary: "Comment on an alert",
	}, s.addAlertComment)
	add(s, operation{
		id: "listAlertTimeline", method: http.MethodGet, path: "/alerts/{uid}/timeline", role: account.Reader, tag: tagAlerts, evidence: readTimeline,
		summary: "List what happened on the host around an alert", text: "Oldest first.",
	}, s.listAlertTimeline)
	add(s, operation{
		id: "listSimilarAlerts", method: http.MethodGet, path: "/alerts/{uid}/similar", role: account.Reader, tag: tagAlerts,
		summary: "List alerts of the same type", text: "Newest first, without the alert itself.",
	}, s.listSimilarAlerts)
	add(s, operation{
		id: "listViews", method: http.MethodGet, path: "/views", role: account.Reader, tag: tagAlerts,
		summary: "List saved views", text: "The user's own and shared ones.",
	}, s.listViews)
	add(s, operation{
		id: "createView", method: http.MethodPost, path: "/views", role: account.Reader, tag: tagAlerts, status: http.StatusCreated,
		summary: "Save a view",
	}, s.createView)
	add(s, operation{
		id: "deleteView", method: http.MethodDelete, path: "/views/{uid}", role: account.Reader, tag: tagAlerts,
		summary: "Delete a saved view", text: "One's own; administrators may delete any.",
	}, s.deleteView)
}

func (s *Server) registerSimulations() {
	add(s, operation{
		id: "listScenarios", method: http.MethodGet, path: "/scenarios", role: account.Reader, tag: tagSimulations,
		summary: "List attacks that can be simulated",
	}, s.listScenarios)
	add(s, operation{
		id: "simulate", method: http.MethodPost, path: "/hosts/{uid}/simulations", role: account.Responder, tag: tagSimulations, status: http.StatusCreated,
		summary: "Simulate attacks on a host", text: "The answer comes at once; how it goes is told by getSimulation and the stream of changes.",
	}, s.simulate)
	add(s, operation{
		id: "listSimulations", method: http.MethodGet, path: "/simulations", role: account.Reader, tag: tagSimulations,
		summary: "List simulations", text: "Newest first.",
	}, s.listSimulations)
	add(s, operation{
		id: "getSimulation", method: http.MethodGet, path: "/simulations/{uid}", role: account.Reader, tag: tagSimulations,
		summary: "Show a simulation",
	}, s.getSimulation)
	add(s, operation{
		id: "listRules", method: http.MethodGet, path: "/rules", role: account.Reader, tag: tagRules,
		summary: "List detection rules in force",
	}, s.listRules)
	add(s, operation{
		id: "reloadRules", method: http.MethodPost, path: "/rules/reload", role: account.Admin, tag: tagRules, status: http.StatusOK,
		summary: "Read the detection rules again", text: "All of them come into force, or none and the answer says why.",
	}, s.reloadRules)
}

func (s *Server) registerPolicies() {
	add(s, operation{
		id: "getPolicies", method: http.MethodGet, path: "/policies", role: account.Reader, tag: tagPolicies,
		summary: "Show the policies of hosts",
	}, s.getPolicies)
	add(s, operation{
		id: "setPolicies", method: http.MethodPut, path: "/policies", role: account.Admin, tag: tagPolicies, status: http.StatusOK,
		summary: "Replace the policies of hosts", text: "All of them come into force, or none and the answer says why. " +
			"Connected hosts whose policy changes are sent it at once, others fetch it when they connect.",
	}, s.setPolicies)
}

func (s *Server) registerServer() {
	add(s, operation{
		id: "getOverview", method: http.MethodGet, path: "/overview", role: account.Reader, tag: tagServer,
		summary: "Show how things stand",
	}, s.getOverview)
	add(s, operation{
		id: "getLedger", method: http.MethodGet, path: "/ledger", role: account.Reader, tag: tagServer,
		summary: "Show the ledger of losses", text: "produced = combined + stored + waiting + dropped + unaccounted, for each host and in sum.",
	}, s.getLedger)
	add(s, operation{
		id: "getSettings", method: http.MethodGet, path: "/settings", role: account.Admin, tag: tagServer,
		summary: "Show settings",
	}, s.getSettings)
	add(s, operation{
		id: "updateSettings", method: http.MethodPatch, path: "/settings", role: account.Admin, tag: tagServer,
		summary: "Change settings",
	}, s.updateSettings)
	add(s, operation{
		id: "listAuditLog", method: http.MethodGet, path: "/audit-log", role: account.Admin, tag: tagServer,
		summary: "List the audit log", text: "Newest first.",
	}, s.listAuditLog)
	add(s, operation{
		id: "createBackup", method: http.MethodPost, path: "/backup", role: account.Admin, tag: tagServer, long: true,
		summary: "Take a backup", text: "The answer is a tar archive for `holdfast-server restore`.",
		produces: "application/x-tar", schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}, status: http.StatusOK,
	}, s.createBackup)
	add(s, operation{
		id: "streamChanges", method: http.MethodGet, path: "/changes", role: account.Reader, tag: tagServer, long: true,
		summary: "Follow changes", text: changesText, produces: "text/event-stream", schema: s.changesSchema(),
	}, s.streamChanges)
}

const changesText = "Server-sent events as they happen: `alert` (AlertChange), `host` (HostChange), `simulation` (SimulationChange), " +
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
		Actor  string `query:"actor" maxLength:"128" doc:"Only what this user, token:uid or host:uid did."`
		Action string `query:"action" maxLength:"128" example:"alert.*" doc:"Only this action; .* at the end means all that begin so."`
		Object string `query:"object" maxLength:"128" doc:"Only what was done to this uid."`
	}
	changesInput struct {
		LastID string `header:"Last-Event-ID" maxLength:"64" doc:"Id of the last event received."`
	}
	stream struct{ Body func(huma.Context) }
)
