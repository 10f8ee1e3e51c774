package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/holdfast-security/holdfast/account"
	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/version"
	"github.com/holdfast-security/holdfast/server/api"
	"github.com/holdfast-security/holdfast/server/enroll"
	"github.com/holdfast-security/holdfast/server/hunting"
	"github.com/holdfast-security/holdfast/server/metrics"
	"github.com/holdfast-security/holdfast/server/stream"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
	"github.com/holdfast-security/holdfast/web"
	"github.com/holdfast-security/holdfast/wire"
)

// startHTTPS opens the address for people and programs.
func (s *Server) startHTTPS(context.Context) error {
	listen := cmp.Or(s.cfg.Listen, DefaultListen)
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("open %s for console and API: %w; stop what uses it, or set listen to another one", listen, err)
	}
	s.https = listener
	handler, err := s.newAPI()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler: handler, TLSConfig: s.keys.TLS(),
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // strangers' handshakes
	}
	api.Harden(server)
	s.serve("console and API", server, func() error { return server.ServeTLS(listener, "", "") })
	return nil
}

// startControl opens the socket for commands on this machine. Without it the
// server works all the same.
func (s *Server) startControl(context.Context) error {
	path := s.cfg.path(controlName)
	listener, err := listenControl(path)
	if err != nil {
		s.log.Warn("commands such as backup cannot reach this server while it runs", "error", err)
		return nil
	}
	server := &http.Server{Handler: &control{backup: s.Backup, reset: s.resetPassword}, ReadHeaderTimeout: controlTimeout}
	s.serve("the control socket", server, func() error { return server.Serve(listener) })
	return nil
}

// serve runs an HTTP server until it is stopped: no new requests then, and
// those under way are finished as long as there is time.
func (s *Server) serve(name string, server *http.Server, run func() error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("an HTTP server ended", "what", name, "error", err)
		}
	}()
	s.running.Add(name, func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		<-done
		return err
	})
}

// newAPI connects the API with the rest.
func (s *Server) newAPI() (http.Handler, error) {
	state := &watchedState{s.state, s}
	enroller, err := s.newEnroller(state)
	if err != nil {
		return nil, err
	}
	downloads, err := s.downloads()
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Log: s.log, Version: version.Get().Version, State: state, Events: s.evidence, People: s.accounts, Enroller: enroller,
		Fleet: s, Simulator: simulator{s.simulator}, Rules: s.rules, Policies: policies{s}, Excepted: s.excepted,
		Hunts: hunting.New(hunting.Config{Events: s.evidence, Hosts: s.state}), Changes: s.hub, Backup: s.Backup, Ready: s.Ready,
		Metrics: metrics.Handler(s.measure), SettingsChanged: s.settingsChanged, Console: console(), NoConsole: web.NotBuilt, Downloads: downloads,
		PublicURL: s.URL(), Pin: s.certificatePin, TLS: true,
		Statuses: []api.ErrorStatus{
			{Err: enroll.ErrRequest, Status: http.StatusBadRequest},
			{Err: enroll.ErrVersion, Status: http.StatusConflict},
			{Err: enroll.ErrProof, Status: http.StatusForbidden},
			{Err: enroll.ErrToken, Status: http.StatusForbidden},
			{Err: enroll.ErrRevoked, Status: http.StatusForbidden},
			{Err: enroll.ErrTooMany, Status: http.StatusTooManyRequests},
		},
	})
}

// settingsChanged puts changed settings in force.
func (s *Server) settingsChanged(now apitypes.Settings) {
	s.settings.set(now)
	s.upkeep.soon()
}

// console returns the built console, nil where it was left out.
func console() fs.FS {
	if !web.Built() {
		return nil
	}
	return web.Files()
}

// downloads returns the directory of the programs that hosts install.
func (s *Server) downloads() (fs.FS, error) {
	dir := s.cfg.DownloadDir
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the agents to offer: %w", err)
		}
		dir = filepath.Dir(self)
	}
	return os.DirFS(dir), nil
}

// certificatePin returns the SHA-256 of the public key of the certificate that
// browsers are shown.
func (s *Server) certificatePin() [32]byte {
	certificate, err := s.keys.TLS().GetCertificate(browserHello)
	if err != nil || certificate.Leaf == nil {
		return [32]byte{}
	}
	return sha256.Sum256(certificate.Leaf.RawSubjectPublicKeyInfo)
}

// browserHello is what a browser asks for.
var browserHello = &tls.ClientHelloInfo{}

// watchedState is the database as the API and enrolment see it: what they
// change of hosts takes effect at once.
type watchedState struct {
	*sqlstore.Store
	server *Server
}

// AddHost is [store.Hosts.AddHost].
func (w *watchedState) AddHost(ctx context.Context, h fleet.Host) error {
	if err := w.Store.AddHost(ctx, h); err != nil {
		return err
	}
	w.server.registry.Set(h)
	w.server.hub.Host(h.ID)
	return nil
}

// ChangeHost is [store.Hosts.ChangeHost].
func (w *watchedState) ChangeHost(ctx context.Context, id event.HostID, v int64, change func(*fleet.Host) error) (fleet.Host, error) {
	h, err := w.Store.ChangeHost(ctx, id, v, change)
	if err != nil {
		return h, err
	}
	w.server.registry.Set(h)
	w.server.hub.Host(h.ID)
	if h.State == fleet.Active {
		w.server.speaker.Refresh(ctx, h)
	}
	return h, nil
}

// enroller is enrolment and revocation as the API sees them.
type enroller struct {
	*enroll.Service
	server *Server
	state  *watchedState
}

var _ api.Enroller = (*enroller)(nil)

func (s *Server) newEnroller(state *watchedState) (*enroller, error) {
	service, err := enroll.New(enroll.Config{
		Hosts: state, Tokens: state, Audit: state, Issuer: s.stream, Servers: s.serverURLs(), Streams: s.StreamURLs(),
		CA: string(s.keys.CAPEM()), Pin: s.keys.Pin(), SigningKey: s.keys.Signing().PublicKey(), Revoked: s.registry.Revoked,
	})
	return &enroller{service, s, state}, err
}

// Enroll implements [api.Enroller].
func (e *enroller) Enroll(ctx context.Context, from netip.Addr, q wire.EnrollRequest) (wire.EnrollReply, error) {
	return e.Service.Enroll(ctx, from.String(), q)
}

// NewToken implements [api.Enroller].
func (e *enroller) NewToken(ctx context.Context, t fleet.EnrolToken) (fleet.EnrolToken, string, error) {
	token, text, err := e.Token(ctx, t.By, t.Note, t.Labels, t.Expires.Sub(t.Created), t.MaxUses)
	if errors.Is(err, enroll.ErrRequest) {
		err = fmt.Errorf("%w: %w", account.ErrInvalid, err)
	}
	return token, text, err
}

// Revoke implements [api.Enroller]: the host is refused from now on, and its
// connection ends.
func (e *enroller) Revoke(ctx context.Context, host event.HostID) error {
	h, err := e.state.ChangeHost(ctx, host, store.AnyVersion, func(h *fleet.Host) error {
		h.State = fleet.Revoked
		return nil
	})
	if err != nil {
		return err
	}
	err = e.server.stream.Revoke(ctx, host, h.PublicKey)
	if errors.Is(err, stream.ErrNotRevocable) {
		e.server.log.Warn("a revoked host stays connected to the outside stream; what it sends is refused", "host", host)
		return nil
	}
	return err
}

// Allow implements [api.Enroller]: it takes a revocation back.
func (e *enroller) Allow(ctx context.Context, host event.HostID) error {
	h, err := e.state.ChangeHost(ctx, host, store.AnyVersion, func(h *fleet.Host) error {
		h.State = fleet.Active
		return nil
	})
	if err != nil {
		return err
	}
	return e.server.stream.Allow(ctx, h.PublicKey)
}
