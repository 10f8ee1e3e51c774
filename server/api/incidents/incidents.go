// Package incidents are the operations of the REST interface on incidents:
// lists, one with its story, and what people make of them.
package incidents

import (
	"context"
	"fmt"
	"net/http"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
)

// State is the part of the database that the operations use.
type State interface {
	store.Incidents
	User(ctx context.Context, name string) (account.User, error)
	ChangeAlerts(ctx context.Context, ids []string, c store.AlertChange) (int, error)
}

// Changes are told to those who follow them.
type Changes interface {
	Incident(api.IncidentChange)
	Lost() // more changed than is told
}

// Config is what the operations need. All of it is set.
type Config struct {
	State   State
	Changes Changes
}

// area are the operations with what they need.
type area struct {
	Config
	router *route.Router
}

// readIncident is the action of the audit log for reading an incident, which
// quotes evidence.
const readIncident = "evidence.incident"

// Register adds the operations to a router.
func Register(r *route.Router, c Config) {
	a := &area{c, r}
	route.Add(r, route.Operation{
		ID: "listIncidents", Method: http.MethodGet, Path: "/incidents", Role: account.Reader, Tag: route.TagIncidents,
		Summary: "List incidents", Text: "A filter that is given several times means any of its values.",
	}, a.list)
	route.Add(r, route.Operation{
		ID: "countIncidents", Method: http.MethodGet, Path: "/incidents/counts", Role: account.Reader, Tag: route.TagIncidents,
		Summary: "Count incidents", Text: "Over the incidents of a filter.",
	}, a.count)
	route.Add(r, route.Operation{
		ID: "getIncident", Method: http.MethodGet, Path: "/incidents/{uid}", Role: account.Reader, Tag: route.TagIncidents, Evidence: readIncident,
		Summary: "Show an incident", Text: "With its story. The uid of an incident that became part of another is answered with that other.",
	}, a.get)
	route.Add(r, route.Operation{
		ID: "updateIncident", Method: http.MethodPatch, Path: "/incidents/{uid}", Role: account.Responder, Tag: route.TagIncidents,
		Summary: "Change an incident's status, assignee or verdict", Text: "Verdicts are learned from: rules of incidents that were none lose weight.",
	}, a.update)
	route.Add(r, route.Operation{
		ID: "listIncidentComments", Method: http.MethodGet, Path: "/incidents/{uid}/comments", Role: account.Reader, Tag: route.TagIncidents,
		Summary: "List an incident's comments and changes", Text: "Oldest first.",
	}, a.comments)
	route.Add(r, route.Operation{
		ID: "addIncidentComment", Method: http.MethodPost, Path: "/incidents/{uid}/comments", Role: account.Responder, Tag: route.TagIncidents,
		Status: http.StatusCreated, Summary: "Comment on an incident",
	}, a.comment)
}

type (
	// Choice chooses incidents. It has an exported name because only fields of
	// such are parameters where it is embedded.
	Choice struct {
		input.Between
		Status   []finding.Status     `query:"status,explode" maxItems:"8" doc:"Only incidents in these statuses."`
		Severity []input.SeverityName `query:"severity,explode" maxItems:"8" doc:"Only incidents of these severities."`
		Host     []event.HostID       `query:"host,explode" maxItems:"256" doc:"Only incidents that reached these hosts."`
		Tactic   []finding.Tactic     `query:"tactic,explode" maxItems:"32" doc:"Only incidents with these ATT&CK tactics in their chain."`
		Assignee []string             `query:"assignee,explode" maxItems:"64" doc:"Only incidents of these users; - means nobody."`
		Text     string               `query:"text" maxLength:"256" doc:"In title or host name, ignoring case."`
		Alert    string               `query:"alert" maxLength:"128" doc:"Only the incident that the alert with this uid belongs to."`
	}
	listQuery struct {
		input.Page
		Choice
		Order store.IncidentOrder `query:"order" default:"-last_time" doc:"The order; a leading minus means descending."`
	}
	updateInput struct {
		input.ByID
		input.IfMatch
		Body api.IncidentUpdate
	}
	commentInput struct {
		input.ByID
		Body api.NewComment
	}
	incidentBody = route.Versioned[finding.IncidentCase]
)

// filter returns the choice as the store has it.
func (q Choice) filter() (store.IncidentFilter, error) {
	alike, err := input.AlertChoice{Between: q.Between, Status: q.Status, Severity: q.Severity, Host: q.Host, Tactic: q.Tactic, Assignee: q.Assignee, Text: q.Text}.Filter()
	return store.IncidentFilter{
		Status: alike.Status, Severity: alike.Severity, Host: alike.Host, Tactic: alike.Tactic, Assignee: alike.Assignee,
		Text: alike.Text, Since: alike.Since, Until: alike.Until, Alert: q.Alert,
	}, err
}

func (a *area) list(ctx context.Context, in *listQuery) (*route.Body[store.List[finding.IncidentSummary]], error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	list, err := a.State.Incidents(ctx, filter, in.Order, in.Store())
	return &route.Body[store.List[finding.IncidentSummary]]{Body: list}, err
}

func (a *area) count(ctx context.Context, in *Choice) (*route.Body[store.IncidentCounts], error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	counts, err := a.State.CountIncidents(ctx, filter)
	return &route.Body[store.IncidentCounts]{Body: counts}, err
}

func (a *area) get(ctx context.Context, in *input.ByID) (*incidentBody, error) {
	c, err := a.State.Incident(ctx, in.ID)
	if err != nil {
		return nil, front.About("incident", in.ID, err)
	}
	return route.Tagged(c, c.Version), nil
}

func (a *area) update(ctx context.Context, in *updateInput) (*incidentBody, error) {
	version, err := in.Expected()
	if err != nil {
		return nil, err
	}
	change, err := a.change(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	c, err := a.State.ChangeIncident(ctx, in.ID, version, change)
	if err != nil {
		return nil, front.About("incident", in.ID, err)
	}
	if in.Body.Alerts {
		if err := a.spread(ctx, c.ID, change); err != nil {
			return nil, err
		}
	}
	if err := a.router.Note(ctx, "incident.update", c.ID, in.Body); err != nil {
		return nil, err
	}
	a.Changes.Incident(api.IncidentChange{ID: c.ID, Severity: c.Severity, Status: c.Status})
	return route.Tagged(c, c.Version), nil
}

// change returns the change that a person asks for, whose assignee has to be a
// user.
func (a *area) change(ctx context.Context, q api.IncidentUpdate) (store.IncidentChange, error) {
	change := store.IncidentChange{
		Status: q.Status, Assignee: q.Assignee, Verdict: q.Verdict, Comment: q.Comment, By: front.Of(ctx).Identity.Actor(), Time: a.router.Now(),
	}
	if q.Status == nil && q.Assignee == nil && q.Verdict == nil && q.Comment == "" {
		return change, fmt.Errorf("%w: nothing to change: give status, assignee, verdict or comment", account.ErrInvalid)
	}
	if q.Status != nil && *q.Status == finding.Suppressed {
		return change, fmt.Errorf("%w: status: only exceptions suppress, and only alerts", account.ErrInvalid)
	}
	if q.Alerts && q.Status == nil && q.Assignee == nil {
		return change, fmt.Errorf("%w: alerts: give status or assignee with it", account.ErrInvalid)
	}
	if q.Assignee != nil && *q.Assignee != "" {
		if _, err := a.State.User(ctx, *q.Assignee); err != nil {
			return change, fmt.Errorf("%w: assignee: user %q: %w", account.ErrInvalid, *q.Assignee, err)
		}
	}
	return change, nil
}

// spread gives status and assignee to the alerts of an incident.
func (a *area) spread(ctx context.Context, id string, c store.IncidentChange) error {
	ids, err := a.State.IncidentAlerts(ctx, id)
	if err != nil {
		return err
	}
	if _, err := a.State.ChangeAlerts(ctx, ids, store.AlertChange{Status: c.Status, Assignee: c.Assignee, By: c.By, Time: c.Time}); err != nil {
		return err
	}
	a.Changes.Lost()
	return nil
}

func (a *area) comments(ctx context.Context, in *input.ByID) (*route.Body[api.Comments], error) {
	comments, err := a.State.IncidentComments(ctx, in.ID)
	if err != nil {
		return nil, front.About("incident", in.ID, err)
	}
	return &route.Body[api.Comments]{Body: api.Comments{Items: comments}}, nil
}

func (a *area) comment(ctx context.Context, in *commentInput) (*incidentBody, error) {
	return a.update(ctx, &updateInput{ByID: in.ByID, Body: api.IncidentUpdate{Comment: in.Body.Text}})
}
