package api

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/account"
)

// request is what the server knows of a request besides what is in it. It is
// made by the first handler and filled on the way down by the request's own
// goroutine.
type request struct {
	id       string
	from     netip.Addr // the client's address; invalid when unknown
	identity account.Identity
	known    bool // identity is that of the sender
	w        http.ResponseWriter
	r        *http.Request
}

type requestKey struct{}

// of returns what is known of the request behind ctx.
func of(ctx context.Context) *request {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q
	}
	return &request{}
}

// newContext returns huma's view of a request, and notes where an operation
// that sets cookies can find the answer.
func newContext(op *huma.Operation, r *http.Request, w http.ResponseWriter) huma.Context {
	q := of(r.Context())
	q.w, q.r = w, r
	return humago.NewContext(op, r, w)
}
