package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// statuses are the HTTP statuses of the errors that this package knows.
var statuses = []ErrorStatus{
	{account.ErrUnauthenticated, http.StatusUnauthorized},
	{account.ErrCredentials, http.StatusUnauthorized},
	{account.ErrCSRF, http.StatusForbidden},
	{account.ErrForbidden, http.StatusForbidden},
	{account.ErrThrottled, http.StatusTooManyRequests},
	{account.ErrLastAdmin, http.StatusConflict},
	{account.ErrProvider, http.StatusBadGateway},
	{account.ErrInvalid, http.StatusUnprocessableEntity},
	{store.ErrNotFound, http.StatusNotFound},
	{store.ErrExists, http.StatusConflict},
	{store.ErrConflict, http.StatusPreconditionFailed},
	{store.ErrCursor, http.StatusBadRequest},
	{store.ErrFull, http.StatusInsufficientStorage},
	{wire.ErrMalformed, http.StatusBadRequest},
	{wire.ErrOversized, http.StatusRequestEntityTooLarge},
	{wire.ErrVersion, http.StatusBadRequest},
	{wire.ErrSignature, http.StatusForbidden},
	{wire.ErrExpired, http.StatusForbidden},
	{errMethod, http.StatusMethodNotAllowed},
	{errBroken, http.StatusBadRequest},
	{errTooSlow, http.StatusRequestTimeout},
	{errClosing, http.StatusServiceUnavailable},
	{ErrNotReady, http.StatusServiceUnavailable},
	{errTooManyClients, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
}

// problem turns an error into the answer that the client gets. It is the one
// place where errors meet HTTP. What no status is known for is the server's
// own trouble: it goes to the log, and the client learns only the request's id.
func (s *Server) problem(ctx context.Context, err error) error {
	q := of(ctx)
	p := &api.Problem{Status: s.status(err), ID: q.id}
	p.Title = http.StatusText(p.Status)
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		p.Status, p.Title, p.Detail = statusClientGone, "Client Closed Request", "the client went away"
	case errors.Is(err, context.DeadlineExceeded):
		p.Detail = "the answer took too long: ask for less, or try again later"
	case p.Status == http.StatusInternalServerError:
		s.log.ErrorContext(ctx, "request failed", "request", q.id, "path", pathOf(q), "error", err)
		p.Detail = "the server could not do this; its log says why under the request's id"
	default:
		p.Detail = err.Error()
	}
	var throttled *account.ThrottledError
	if errors.As(err, &throttled) {
		wait := strconv.Itoa(int(max(throttled.After.Round(time.Second), time.Second).Seconds()))
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {wait}})
	}
	return p
}

// statusClientGone is what others, too, log for a client that left; nobody
// receives it.
const statusClientGone = 499

func (s *Server) status(err error) int {
	for _, known := range slices.Concat(s.Statuses, statuses) {
		if errors.Is(err, known.Err) {
			return known.Status
		}
	}
	return http.StatusInternalServerError
}

func pathOf(q *request) string {
	if q.r == nil {
		return ""
	}
	return q.r.URL.Path
}

// discreet turns the errors that huma finds in a request into problems. It
// leaves out the offending values: they can be passwords.
func discreet(ctx huma.Context, _ string, v any) (any, error) {
	found, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &api.Problem{Status: found.Status, Title: http.StatusText(found.Status), Detail: found.Detail, ID: of(ctx.Context()).id}
	for _, e := range found.Errors {
		if e != nil {
			p.Errors = append(p.Errors, api.Fault{Location: e.Location, Message: e.Message})
		}
	}
	return p, nil
}

// about is what an error about one thing says: that it is not there, where
// that is the reason, without what the layers below add.
func about(what, name string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &absentError{what, name}
	}
	return err
}

// absentError says that something is not there. It is a [store.ErrNotFound].
type absentError struct{ what, name string }

func (e *absentError) Error() string { return fmt.Sprintf("there is no %s %q", e.what, e.name) }

func (e *absentError) Is(target error) bool { return target == store.ErrNotFound }

// refuse answers a request outside the operations with the problem of err.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	var headers huma.HeadersError
	if errors.As(p, &headers) {
		for name, values := range headers.GetHeaders() {
			w.Header()[name] = values
		}
	}
	var body *api.Problem
	if !errors.As(p, &body) {
		body = &api.Problem{Status: http.StatusInternalServerError}
	}
	w.Header().Set("Content-Type", body.ContentType(""))
	w.WriteHeader(body.Status)
	if err := writeJSON(w, body); err != nil {
		s.log.DebugContext(r.Context(), "problem not delivered", "error", err)
	}
}
