package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/agent/feature"
)

// stopPatience is how long sensors get to undo what they changed on the host.
const stopPatience = 15 * time.Second

// session is an agent that runs within this process.
type session struct {
	agent   *agent.Agent
	control *control.Server // nil when another agent answers on the socket
}

// startSession starts the sensors and answers `holdfast health`. That socket
// is a convenience: a session goes on without it.
func startSession(ctx context.Context, cfg agent.Config) (*session, error) {
	agent.Frugal()
	a, err := agent.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := a.Start(ctx); err != nil {
		return nil, err
	}
	s := &session{agent: a}
	if server, err := control.Listen(runDir(), func() any { return a.Report() }); err == nil {
		s.control = server
	}
	return s, nil
}

// stop ends the sensors, also when ctx has ended already, and returns the
// final report.
func (s *session) stop(ctx context.Context) (agent.Report, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err := s.agent.Stop(ctx)
	if s.control != nil {
		err = errors.Join(err, s.control.Close())
	}
	return s.agent.Report(), err
}

// runDir is where the control socket lies: for an ordinary user in the
// directory of the login session.
func runDir() string {
	if isRoot() {
		return agent.DefaultRunDir
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "holdfast")
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "holdfast")
	}
	return "" // no place that belongs to this user: listening fails, and watch goes on without
}

// active returns the definitions of the features that work.
func active(r agent.Report) []feature.Definition {
	var list []feature.Definition
	for _, d := range definitions() {
		if slices.ContainsFunc(r.Features, func(s feature.Status) bool {
			return s.Name == d.Name && (s.State == feature.Running || s.State == feature.Degraded)
		}) {
			list = append(list, d)
		}
	}
	return list
}

// lost returns how many events or records are known not to have reached
// detection.
func lost(r agent.Report) uint64 {
	var n uint64
	for _, dropped := range r.Ledger.Dropped {
		n += dropped
	}
	return n
}
