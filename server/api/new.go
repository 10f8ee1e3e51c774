package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/route"
)

// New returns a server that answers by what the configuration connects it to.
func New(c Config) (*Server, error) {
	if c.State == nil || c.Events == nil || c.People == nil || c.Enroller == nil || c.Fleet == nil ||
		c.Simulator == nil || c.Rules == nil || c.Policies == nil || c.Excepted == nil || c.Backup == nil {
		return nil, errors.New("api: the configuration is not complete")
	}
	if c.Changes == nil {
		c.Changes = NewHub()
	}
	s := &Server{Config: c, log: c.Log, mux: http.NewServeMux()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.started = s.now()
	s.register(c.Version)
	document, err := s.router.Document()
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	s.front, err = front.New(front.Config{
		Log: s.log, Document: document, Ready: c.Ready, Metrics: c.Metrics, MayRead: s.mayRead,
		Console: c.Console, NoConsole: c.NoConsole, Downloads: c.Downloads, PublicURL: c.PublicURL, Pin: c.Pin,
		TrustedProxies: c.TrustedProxies, TLS: c.TLS, Statuses: c.Statuses, MaxBodies: s.maxBodies(),
	}, s.mux)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Document returns the OpenAPI document of the API as indented JSON. It is
// the same for the same version and needs no running server.
func Document(version string) ([]byte, error) {
	s := &Server{mux: http.NewServeMux()}
	s.register(version)
	return s.router.Document()
}

// maxBodies returns the bounds of bodies by path, where operations take large
// ones.
func (s *Server) maxBodies() map[string]int64 {
	most := make(map[string]int64)
	for _, op := range s.router.Operations {
		if op.MaxBody > 0 {
			most[api.Prefix+op.Path] = op.MaxBody
		}
	}
	return most
}

// mayRead returns nil for requests of readers.
func (s *Server) mayRead(r *http.Request) error {
	q := front.Of(r.Context())
	q.R = r
	return s.admit(q, route.Operation{ID: "metrics", Role: account.Reader})
}

// ServeHTTP answers a request. It never panics but with
// [http.ErrAbortHandler], by which net/http breaks a connection off.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.front.ServeHTTP(w, r) }

// Harden sets the bounds of an HTTP server that the handlers cannot set:
// those of headers and of idle connections. It leaves the rest as it is; in
// particular there must be no WriteTimeout, since streams have their own.
func Harden(h *http.Server) {
	h.ReadHeaderTimeout = 10 * time.Second
	h.IdleTimeout = 2 * time.Minute
	h.MaxHeaderBytes = 32 << 10
}
