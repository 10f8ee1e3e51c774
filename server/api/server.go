// Package api serves the REST interface, the console, and the few addresses
// that hosts and probes use, on net/http.
//
// Every operation is one row: name, path, the least role that may use it, and
// a handler from input type to output type. huma makes the OpenAPI document
// from these rows and checks requests by it before a handler runs, so that the
// document, the checks and the generated clients cannot differ. Handlers only
// translate between HTTP and small interfaces, which package server connects.
//
// Requests come from strangers. What guards the server is in a fixed order in
// package front and here: request id, isolation of panics, the client's address, headers,
// bounds of size and time, then per operation who it is, whether they may, and
// only then the reading of parameters and body. Errors become answers in one
// function, [front.Front.Problem].
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/holdfast-security/holdfast/server/api/exceptions"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/hunt"
	"github.com/holdfast-security/holdfast/server/api/incidents"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/server/api/rules"
)

// Server answers HTTP requests. It is made by [New] and safe for concurrent
// use.
type Server struct {
	Config
	log     *slog.Logger
	mux     *http.ServeMux
	router  *route.Router
	front   *front.Front
	started time.Time
}

// register registers every operation.
func (s *Server) register(version string) {
	s.router = route.New(s.mux, version, newRegistry(), route.Hooks{
		Authorise: s.authorise, NoteRead: s.noteRead, Problem: s.problem, Note: s.note, Now: s.now,
	})
	s.registerSession()
	s.registerAccounts()
	s.registerEnrolment()
	s.registerHosts()
	s.registerAlerts()
	s.registerSimulations()
	s.registerPolicies()
	s.registerServer()
	rules.Register(s.router, rules.Config{Book: s.Rules, Docs: s.State})
	hunt.Register(s.router, hunt.Config{Engine: s.Hunts, BrokeOff: func(ctx context.Context, err error) {
		s.log.ErrorContext(ctx, "export of a hunt broke off", "error", err)
	}})
	exceptions.Register(s.router, exceptions.Config{State: s.State, Keeper: s.Excepted})
	incidents.Register(s.router, incidents.Config{State: s.State, Changes: s.Changes})
}
