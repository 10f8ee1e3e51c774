// Package control is the local socket on which a running agent tells its
// condition to commands on the same host.
//
// The protocol is as small as it can be: connect to the socket and read one
// JSON document until end of file. Nothing is ever read from the client, so
// there is nothing to attack; the socket's directory (0700) says who may look.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// SocketName is the name of the socket within the agent's run directory.
const SocketName = "control.sock"

const (
	answerTimeout = 5 * time.Second
	maxAnswer     = 4 << 20 // bytes a client reads
	maxClients    = 8       // answered at a time; more wait in the listen queue
)

// ErrNoAgent is returned when no agent listens.
var ErrNoAgent = errors.New("no agent is running on this host")

// Server answers on a socket until closed.
type Server struct {
	listener net.Listener
	report   func() any
	done     sync.WaitGroup
}

// Listen serves report, called anew for each client from any goroutine, on a
// socket in dir, which is made with mode 0700. A socket left behind by a dead
// agent is replaced; one on which somebody answers is an error.
func Listen(dir string, report func() any) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the control directory: %w", err)
	}
	path := filepath.Join(dir, SocketName)
	if err := removeStale(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("protect control socket: %w", err)
	}
	s := &Server{listener: listener, report: report}
	s.done.Add(1)
	go s.serve()
	return s, nil
}

func removeStale(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another agent answers on %s: stop it first, or give this one a directory of its own", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale control socket: %w", err)
	}
	return nil
}

func (s *Server) serve() {
	defer s.done.Done()
	slots := make(chan struct{}, maxClients)
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		slots <- struct{}{}
		s.done.Add(1)
		go func() {
			defer s.done.Done()
			defer func() { <-slots }()
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(answerTimeout))
			// A client that went away is its own affair.
			_ = json.NewEncoder(conn).Encode(s.report())
		}()
	}
}

// Close stops answering and removes the socket. It waits for answers under
// way, at most for the answer timeout.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.done.Wait()
	return err
}

// Ask reads the report of the agent that uses dir into v. It returns an error
// wrapping [ErrNoAgent] when none listens there.
func Ask(ctx context.Context, dir string, v any) error {
	var dialer net.Dialer
	path := filepath.Join(dir, SocketName)
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("ask the agent on %s: %w; run this as root", path, err)
	case err != nil:
		return fmt.Errorf("%w (%s: %w)", ErrNoAgent, path, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if err := json.NewDecoder(io.LimitReader(conn, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("read the agent's answer from %s: %w", path, err)
	}
	return nil
}
