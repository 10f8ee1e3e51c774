package front

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/holdfast-security/holdfast/account"
)

// Request is what the server knows of a request besides what is in it. It
// belongs to the request's own goroutine, which fills it on the way down.
type Request struct {
	ID       string
	From     netip.Addr // the client's address; invalid when unknown
	Identity account.Identity
	Known    bool // Identity is that of the sender
	W        http.ResponseWriter
	R        *http.Request
}

type requestKey struct{}

// Of returns what is known of the request behind ctx; never nil.
func Of(ctx context.Context) *Request {
	if q, ok := ctx.Value(requestKey{}).(*Request); ok {
		return q
	}
	return &Request{}
}
