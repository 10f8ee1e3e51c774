// Package front is what stands between the network and the operations of the
// API: it gives each request an id, keeps panics to their request, finds the
// client's address, tells browsers to be strict, bounds size and time,
// compresses, and turns errors into answers. It also serves what is no
// operation: the console, the installer and its programs, probes and metrics.
//
// Everything in a request is a stranger's. Nothing here trusts a header that a
// client can set, unless the configuration names the proxy that it came from.
package front

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// ErrNotReady says that the server cannot do its work at the moment.
var ErrNotReady = errors.New("not ready")

// MaxBody bounds the bytes of a request's body.
const MaxBody = 1 << 20

// leastRate is how many bytes of a body come in a second, at least.
const leastRate = 256 << 10

// Times that requests have.
const (
	Timeout         = 30 * time.Second // for everything that is not a stream
	bodyTimeout     = 10 * time.Second // for reading the body, and more by its size
	writeTimeout    = 10 * time.Second // for a client to take an answer, beyond Timeout
	downloadTimeout = 10 * time.Minute // for a program
)

// Config is what the front needs; nil and "" mean that there is none.
type Config struct {
	Log      *slog.Logger // must be set
	Document []byte       // OpenAPI, for /openapi.json
	Ready    func(ctx context.Context) error
	Metrics  http.Handler
	// MayRead returns nil for requests of readers. It must be set.
	MayRead func(*http.Request) error

	Console   fs.FS
	NoConsole string
	Downloads fs.FS
	PublicURL string
	Pin       func() [32]byte

	TrustedProxies []netip.Prefix
	TLS            bool
	Statuses       []Status         // of errors that this package does not know
	MaxBodies      map[string]int64 // by path, where that is more than [MaxBody]
}

// Status is the HTTP status of an error, and of all that wrap it.
type Status struct {
	Err    error
	Status int
}

// Front answers requests. It is made by [New] and safe for concurrent use.
type Front struct {
	Config
	mux      *http.ServeMux
	page     []byte // of the console
	measured checksums
	handler  http.Handler
}

// New puts a front before the operations that mux holds, and adds to mux what
// is none.
func New(c Config, mux *http.ServeMux) (*Front, error) {
	s := &Front{Config: c, mux: mux}
	if err := s.registerFiles(); err != nil {
		return nil, fmt.Errorf("serve the console: %w", err)
	}
	s.handler = s.identified(s.isolated(s.secured(s.bounded(compressed(s.mux)))))
	return s, nil
}

// ServeHTTP answers a request. It never panics but with
// [http.ErrAbortHandler], by which net/http breaks a connection off.
func (s *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }
