package front

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/changes"
	"github.com/holdfast-security/holdfast/server/api/jsonform"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// statuses are the HTTP statuses of the errors that this package knows.
var statuses = []Status{
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
	{changes.ErrClosed, http.StatusServiceUnavailable},
	{ErrNotReady, http.StatusServiceUnavailable},
	{changes.ErrTooMany, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
}

// Problem turns an error into the answer that the client gets, and the headers
// that go with it, which may be nil. It is the one place where errors meet
// HTTP. What no status is known for is the server's own trouble: it goes to
// the log, and the client learns only the request's id.
func (s *Front) Problem(ctx context.Context, err error) (*api.Problem, http.Header) {
	q := Of(ctx)
	p := &api.Problem{Status: s.StatusOf(err), ID: q.ID}
	p.Title = http.StatusText(p.Status)
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		p.Status, p.Title, p.Detail = statusClientGone, "Client Closed Request", "the client went away"
	case errors.Is(err, context.DeadlineExceeded):
		p.Detail = "the answer took too long: ask for less, or try again later"
	case p.Status == http.StatusInternalServerError:
		s.Log.ErrorContext(ctx, "request failed", "request", q.ID, "path", pathOf(q), "error", err)
		p.Detail = "the server could not do this; its log says why under the request's id"
	default:
		p.Detail = err.Error()
	}
	var throttled *account.ThrottledError
	if errors.As(err, &throttled) {
		wait := strconv.Itoa(int(max(throttled.After.Round(time.Second), time.Second).Seconds()))
		return p, http.Header{"Retry-After": {wait}}
	}
	return p, nil
}

// statusClientGone is what others, too, log for a client that left; nobody
// receives it.
const statusClientGone = 499

// StatusOf returns the HTTP status of an error.
func (s *Front) StatusOf(err error) int {
	for _, known := range slices.Concat(s.Statuses, statuses) {
		if errors.Is(err, known.Err) {
			return known.Status
		}
	}
	return http.StatusInternalServerError
}

func pathOf(q *Request) string {
	if q.R == nil {
		return ""
	}
	return q.R.URL.Path
}

// About is what an error about one thing says: that it is not there, or there
// already, where that is the reason, without what the layers below add.
func About(what, name string, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &aboutError{fmt.Sprintf("there is no %s %q", what, name), store.ErrNotFound}
	case errors.Is(err, store.ErrExists):
		return &aboutError{fmt.Sprintf("the %s %q is there already", what, name), store.ErrExists}
	}
	return err
}

// aboutError says of a thing that it is there or is not. It is one of the
// store's errors, and does not repeat its text.
type aboutError struct {
	text  string
	cause error
}

func (e *aboutError) Error() string { return e.text }

func (e *aboutError) Unwrap() error { return e.cause }

// Refuse answers a request with the problem of err.
func (s *Front) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	p, headers := s.Problem(r.Context(), err)
	for name, values := range headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if err := jsonform.Write(w, p); err != nil {
		s.Log.DebugContext(r.Context(), "problem not delivered", "error", err)
	}
}
