// Package exceptions is the part of the REST interface about exceptions: what
// is known and wanted, so that its alerts are kept out of sight.
package exceptions

import (
	"context"
	"net/http"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
)

// Keeper keeps the exceptions in force. Errors that wrap account.ErrInvalid say
// what is wrong with what was asked for.
type Keeper interface {
	Add(ctx context.Context, id string, terms finding.ExceptionTerms, confirmed bool, by string) (finding.Exception, error)
	Change(ctx context.Context, id string, version int64, terms finding.ExceptionTerms, confirmed bool) (finding.Exception, error)
	Drop(ctx context.Context, id string) error
	Preview(ctx context.Context, q api.ExceptionTrial) (api.ExceptionPreview, error)
	Suggest(ctx context.Context, alert string) (finding.ExceptionTerms, error)
}

// State is where exceptions are read.
type State interface {
	Exception(ctx context.Context, id string) (finding.Exception, error)
	Exceptions(ctx context.Context, f store.ExceptionFilter, p store.Page) (store.List[finding.Exception], error)
}

// Config is what the operations need; all of it.
type Config struct {
	State  State
	Keeper Keeper
}

// operations are the handlers.
type operations struct {
	Config
	note func(ctx context.Context, action, object string, detail any) error
	now  func() time.Time
}

// Register adds the operations about exceptions.
func Register(r *route.Router, c Config) {
	o := &operations{Config: c, note: r.Note, now: r.Now}
	route.Add(r, route.Operation{
		ID: "listExceptions", Method: http.MethodGet, Path: "/exceptions", Role: account.Reader, Tag: route.TagExceptions,
		Summary: "List exceptions", Text: "Newest first.",
	}, o.list)
	route.Add(r, route.Operation{
		ID: "getException", Method: http.MethodGet, Path: "/exceptions/{uid}", Role: account.Reader, Tag: route.TagExceptions,
		Summary: "Show an exception",
	}, o.get)
	route.Add(r, route.Operation{
		ID: "createException", Method: http.MethodPost, Path: "/exceptions", Role: account.Approver, Tag: route.TagExceptions, Status: http.StatusCreated,
		Summary: "Make an exception", Text: "It covers alerts from now on: new ones are stored as suppressed. What was stored before stays as it is.",
	}, o.create)
	route.Add(r, route.Operation{
		ID: "updateException", Method: http.MethodPut, Path: "/exceptions/{uid}", Role: account.Approver, Tag: route.TagExceptions, Status: http.StatusOK,
		Summary: "Change an exception", Text: "All of its terms are replaced; author, time and hits stay.",
	}, o.update)
	route.Add(r, route.Operation{
		ID: "deleteException", Method: http.MethodDelete, Path: "/exceptions/{uid}", Role: account.Approver, Tag: route.TagExceptions,
		Summary: "Remove an exception", Text: "What it has hidden stays hidden until it repeats, and is open again then.",
	}, o.remove)
	route.Add(r, route.Operation{
		ID: "previewException", Method: http.MethodPost, Path: "/exceptions/preview", Role: account.Responder, Tag: route.TagExceptions, Status: http.StatusOK,
		Summary: "Show what an exception would have hidden", Text: "Of the stored alerts. Nothing is changed.",
	}, o.preview)
	route.Add(r, route.Operation{
		ID: "suggestException", Method: http.MethodPost, Path: "/exceptions/suggest", Role: account.Responder, Tag: route.TagExceptions, Status: http.StatusOK,
		Summary: "Suggest an exception for an alert", Text: "The narrowest that covers it, to be read, given a reason and made. Nothing is changed.",
	}, o.suggest)
}

type (
	listQuery struct {
		input.Page
		Rule  string               `query:"rule" maxLength:"255" doc:"Only exceptions that name the rule with this uid."`
		Type  string               `query:"type" maxLength:"255" doc:"Only exceptions that name this alert type."`
		Host  event.HostID         `query:"host" maxLength:"255" doc:"Only exceptions that name the host with this uid."`
		State store.ExceptionState `query:"state" enum:"active,expired,disabled" doc:"Only exceptions in this state."`
		Text  string               `query:"text" maxLength:"256" doc:"In name, reason or author, ignoring case."`
	}
	listAnswer = route.Body[store.List[finding.Exception]]
	answer     = route.Versioned[finding.Exception]
	updateBody struct {
		input.ByID
		input.IfMatch
		Body api.ExceptionBody
	}
)

func (o *operations) list(ctx context.Context, in *listQuery) (*listAnswer, error) {
	list, err := o.State.Exceptions(ctx, store.ExceptionFilter{
		Rule: in.Rule, Type: in.Type, Host: in.Host, State: in.State, Text: in.Text, Now: o.now(),
	}, in.Store())
	return &listAnswer{Body: list}, err
}

func (o *operations) get(ctx context.Context, in *input.ByID) (*answer, error) {
	e, err := o.State.Exception(ctx, in.ID)
	if err != nil {
		return nil, front.About("exception", in.ID, err)
	}
	return route.Tagged(e, e.Version), nil
}

// idPrefix begins the uids of exceptions, so that none is taken for a flag on
// a command line.
const idPrefix = "ex-"

func (o *operations) create(ctx context.Context, in *route.Body[api.ExceptionBody]) (*answer, error) {
	e, err := o.Keeper.Add(ctx, idPrefix+route.NewID(), in.Body.ExceptionTerms, in.Body.Confirm, front.Of(ctx).Identity.Actor())
	if err != nil {
		return nil, err
	}
	return route.Tagged(e, e.Version), o.note(ctx, "exception.create", e.ID, in.Body)
}

func (o *operations) update(ctx context.Context, in *updateBody) (*answer, error) {
	version, err := in.Expected()
	if err != nil {
		return nil, err
	}
	e, err := o.Keeper.Change(ctx, in.ID, version, in.Body.ExceptionTerms, in.Body.Confirm)
	if err != nil {
		return nil, front.About("exception", in.ID, err)
	}
	return route.Tagged(e, e.Version), o.note(ctx, "exception.update", e.ID, in.Body)
}

func (o *operations) remove(ctx context.Context, in *input.ByID) (*route.Empty, error) {
	if err := o.Keeper.Drop(ctx, in.ID); err != nil {
		return nil, front.About("exception", in.ID, err)
	}
	return nil, o.note(ctx, "exception.delete", in.ID, nil)
}

func (o *operations) preview(ctx context.Context, in *route.Body[api.ExceptionTrial]) (*route.Body[api.ExceptionPreview], error) {
	preview, err := o.Keeper.Preview(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	return &route.Body[api.ExceptionPreview]{Body: preview}, nil
}

func (o *operations) suggest(ctx context.Context, in *route.Body[api.ExceptionWish]) (*route.Body[api.ExceptionBody], error) {
	terms, err := o.Keeper.Suggest(ctx, in.Body.Alert)
	if err != nil {
		return nil, front.About("alert", in.Body.Alert, err)
	}
	body := api.ExceptionBody{ExceptionTerms: terms}
	return &route.Body[api.ExceptionBody]{Body: body}, o.note(ctx, "evidence.alert", in.Body.Alert, nil)
}
