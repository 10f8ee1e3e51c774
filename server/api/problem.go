package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/front"
)

// problem returns an error as operations answer with it.
func (s *Server) problem(ctx context.Context, err error) error {
	p, headers := s.front.Problem(ctx, err)
	if headers != nil {
		return huma.ErrorWithHeaders(p, headers)
	}
	return p
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

// newContext returns huma's view of a request, and notes where an operation
// that sets cookies can find the answer.
func newContext(op *huma.Operation, r *http.Request, w http.ResponseWriter) huma.Context {
	q := front.Of(r.Context())
	q.W, q.R = w, r
	return humago.NewContext(op, r, w)
}
