package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
)

func (s *Server) listAlerts(ctx context.Context, in *alertQuery) (*alertPage, error) {
	filter, err := in.Filter()
	if err != nil {
		return nil, err
	}
	list, err := s.State.Alerts(ctx, filter, in.Order, in.Store())
	return &alertPage{Body: list}, err
}

// Bounds of the buckets of counts.
const (
	minBucket  = time.Minute
	maxBuckets = 1000
)

func (s *Server) countAlerts(ctx context.Context, in *countQuery) (*body[store.AlertCounts], error) {
	filter, err := in.Filter()
	if err != nil {
		return nil, err
	}
	width, err := s.bucket(in.Bucket, &filter)
	if err != nil {
		return nil, err
	}
	counts, err := s.State.CountAlerts(ctx, filter, width)
	return &body[store.AlertCounts]{Body: counts}, err
}

// bucket reads the width of buckets, zero for none, and makes sure that there
// is an end to them.
func (s *Server) bucket(text string, f *store.AlertFilter) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	width, err := time.ParseDuration(text)
	if err != nil || width < minBucket {
		return 0, fmt.Errorf("%w: bucket: %q is no duration of at least a minute, such as 1h", account.ErrInvalid, text)
	}
	if f.Since.IsZero() {
		return 0, fmt.Errorf("%w: bucket: since has to be given with it", account.ErrInvalid)
	}
	if f.Until.IsZero() {
		f.Until = s.now()
	}
	if f.Until.Sub(f.Since)/width >= maxBuckets {
		return 0, fmt.Errorf("%w: bucket: more than %d of %s between since and until", account.ErrInvalid, maxBuckets, width)
	}
	return width, nil
}

func (s *Server) getAlert(ctx context.Context, in *input.ByID) (*alertBody, error) {
	c, err := s.alert(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return route.Tagged(c, c.Version), nil
}

func (s *Server) alert(ctx context.Context, id string) (finding.Case, error) {
	c, err := s.State.Alert(ctx, id)
	if err != nil {
		return c, front.About("alert", id, err)
	}
	return c, nil
}

func (s *Server) updateAlert(ctx context.Context, in *alertUpdate) (*alertBody, error) {
	version, err := in.Expected()
	if err != nil {
		return nil, err
	}
	change, err := s.alertChange(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	c, err := s.State.ChangeAlert(ctx, in.ID, version, change)
	if err != nil {
		return nil, front.About("alert", in.ID, err)
	}
	if err := s.note(ctx, "alert.update", in.ID, in.Body); err != nil {
		return nil, err
	}
	s.Changes.Alert(api.AlertChange{ID: c.ID, Severity: c.Severity, Status: c.Status})
	return route.Tagged(c, c.Version), nil
}

// alertChange returns the change that a person asks for, whose assignee has
// to be a user.
func (s *Server) alertChange(ctx context.Context, q api.AlertUpdate) (store.AlertChange, error) {
	change := store.AlertChange{Status: q.Status, Assignee: q.Assignee, Comment: q.Comment, By: front.Of(ctx).Identity.Actor(), Time: s.now()}
	if q.Status == nil && q.Assignee == nil && q.Comment == "" {
		return change, fmt.Errorf("%w: nothing to change: give status, assignee or comment", account.ErrInvalid)
	}
	if q.Status != nil && *q.Status == finding.Suppressed {
		return change, fmt.Errorf("%w: status: alerts are suppressed by exceptions; make one for what is wanted, or dismiss the alert", account.ErrInvalid)
	}
	if q.Assignee != nil && *q.Assignee != "" {
		if _, err := s.State.User(ctx, *q.Assignee); err != nil {
			return change, fmt.Errorf("%w: assignee: user %q: %w", account.ErrInvalid, *q.Assignee, err)
		}
	}
	return change, nil
}

func (s *Server) updateAlerts(ctx context.Context, in *body[api.BulkAlertUpdate]) (*body[api.Changed], error) {
	change, err := s.alertChange(ctx, in.Body.AlertUpdate)
	if err != nil {
		return nil, err
	}
	n, err := s.State.ChangeAlerts(ctx, in.Body.IDs, change)
	if err != nil {
		return nil, err
	}
	if err := s.note(ctx, "alert.update", "", in.Body); err != nil {
		return nil, err
	}
	s.Changes.Lost()
	return &body[api.Changed]{Body: api.Changed{Changed: n}}, nil
}

func (s *Server) listAlertComments(ctx context.Context, in *input.ByID) (*body[api.Comments], error) {
	comments, err := s.State.Comments(ctx, in.ID)
	if err != nil {
		return nil, front.About("alert", in.ID, err)
	}
	return &body[api.Comments]{Body: api.Comments{Items: comments}}, nil
}

func (s *Server) addAlertComment(ctx context.Context, in *commentInput) (*alertBody, error) {
	return s.updateAlert(ctx, &alertUpdate{ByID: in.ByID, Body: api.AlertUpdate{Comment: in.Body.Text}})
}

func (s *Server) listAlertTimeline(ctx context.Context, in *timelineQuery) (*eventPage, error) {
	c, err := s.alert(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	at := c.Time
	if len(c.Evidence) > 0 {
		at = c.Evidence[0].Time
	}
	list, err := s.Events.Events(ctx, store.EventFilter{
		Host: c.Host, Since: at.Add(-time.Duration(in.Before) * time.Second), Until: at.Add(time.Duration(in.After) * time.Second),
		Limit: in.Limit, OldestFirst: true, After: in.Cursor,
	})
	return &eventPage{Body: list}, err
}

func (s *Server) listSimilarAlerts(ctx context.Context, in *similarQuery) (*alertPage, error) {
	c, err := s.alert(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.State.Alerts(ctx, store.AlertFilter{Type: []finding.AlertType{c.Type}, ExcludeIDs: []string{c.ID}},
		store.NewestFirst, store.Page{Limit: in.Limit})
	list.Next = ""
	return &alertPage{Body: list}, err
}

func (s *Server) listViews(ctx context.Context, _ *empty) (*body[api.Views], error) {
	views, err := s.State.Views(ctx, front.Of(ctx).Identity.User.Name)
	return &body[api.Views]{Body: api.Views{Items: views}}, err
}

func (s *Server) createView(ctx context.Context, in *body[api.NewView]) (*body[store.View], error) {
	v := store.View{
		ID: route.NewID(), Owner: front.Of(ctx).Identity.User.Name, Shared: in.Body.Shared,
		Page: in.Body.Page, Name: in.Body.Name, Query: in.Body.Query, Created: s.now(),
	}
	if err := s.State.AddView(ctx, v); err != nil {
		return nil, err
	}
	return &body[store.View]{Body: v}, s.note(ctx, "view.create", v.ID, in.Body)
}

func (s *Server) deleteView(ctx context.Context, in *input.ByID) (*empty, error) {
	identity := front.Of(ctx).Identity
	owner := identity.User.Name
	if identity.Role.Includes(account.Admin) {
		owner = ""
	}
	if err := s.State.DropView(ctx, in.ID, owner); err != nil {
		return nil, front.About("view", in.ID, err)
	}
	return nil, s.note(ctx, "view.delete", in.ID, nil)
}

func (s *Server) listHosts(ctx context.Context, in *hostQuery) (*hostPage, error) {
	filter := store.HostFilter{State: fleet.HostState(in.State), Text: in.Text}
	for _, label := range in.Label {
		key, value, ok := strings.Cut(label, "=")
		if !ok {
			return nil, fmt.Errorf("%w: label: %q is not key=value", account.ErrInvalid, label)
		}
		if filter.Labels == nil {
			filter.Labels = make(map[string]string)
		}
		filter.Labels[key] = value
	}
	list, err := s.State.Hosts(ctx, filter, in.Store())
	return &hostPage{Body: list}, err
}

func (s *Server) getHost(ctx context.Context, in *input.ByID) (*hostBody, error) {
	h, err := s.State.Host(ctx, event.HostID(in.ID))
	if err != nil {
		return nil, front.About("host", in.ID, err)
	}
	return route.Tagged(h, h.Version), nil
}

func (s *Server) updateHost(ctx context.Context, in *hostUpdate) (*hostBody, error) {
	version, err := in.Expected()
	if err != nil {
		return nil, err
	}
	if in.Body.Labels != nil {
		if err := checkLabels(*in.Body.Labels); err != nil {
			return nil, err
		}
	}
	h, err := s.State.ChangeHost(ctx, event.HostID(in.ID), version, func(h *fleet.Host) error {
		set(&h.Name, in.Body.Name)
		set(&h.Labels, in.Body.Labels)
		return nil
	})
	if err != nil {
		return nil, front.About("host", in.ID, err)
	}
	if err := s.note(ctx, "host.update", in.ID, in.Body); err != nil {
		return nil, err
	}
	s.Changes.Host(h.ID)
	return route.Tagged(h, h.Version), nil
}

func (s *Server) revokeHost(ctx context.Context, in *input.ByID) (*hostBody, error) {
	return s.permit(ctx, in, "host.revoke", s.Enroller.Revoke)
}

func (s *Server) allowHost(ctx context.Context, in *input.ByID) (*hostBody, error) {
	return s.permit(ctx, in, "host.allow", s.Enroller.Allow)
}

func (s *Server) permit(ctx context.Context, in *input.ByID, action string, do func(context.Context, event.HostID) error) (*hostBody, error) {
	if err := do(ctx, event.HostID(in.ID)); err != nil {
		return nil, front.About("host", in.ID, err)
	}
	if err := s.note(ctx, action, in.ID, nil); err != nil {
		return nil, err
	}
	s.Changes.Host(event.HostID(in.ID))
	return s.getHost(ctx, in)
}
