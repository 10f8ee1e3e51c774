package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/respond"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/simulate"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// noEvents is the spool of an agent that sees nothing.
type noEvents struct{}

func (noEvents) Next(uint64) (uint64, []byte, bool) { return 0, nil, false }
func (noEvents) Ack(uint64) error                   { return nil }
func (noEvents) Wake() <-chan struct{}              { return nil }

// enrolAgent makes the identity of an agent at the server.
func enrolAgent(t *testing.T, b *browser, state string) identity.Identity {
	t.Helper()
	token := enrolToken(t, b)
	id, err := transport.Enroll(t.Context(), transport.Enrollment{Token: token, Hostname: "web-1", Agent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := identity.Create(state, id); err != nil {
		t.Fatal(err)
	}
	return id
}

// obey runs an agent's answers to orders until the test ends. The program that
// it starts for scenarios waits until the file go is there.
func obey(t *testing.T, id identity.Identity, state string) (release func()) {
	t.Helper()
	if err := os.Chmod(state, 0o700); err != nil {
		t.Fatal(err)
	}
	program, gate := filepath.Join(state, "holdfast"), filepath.Join(state, "go")
	script := fmt.Sprintf(`#!/bin/sh
while ! test -e %s; do sleep 0.1; done
echo "[{\"scenario\":\"$4\",\"alertType\":\"VM_Test\",\"result\":\"pass\",\"secondsToAlert\":0.1}]"
`, gate)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	responder, err := respond.New(respond.Options{StateDir: state, Program: program})
	if err != nil {
		t.Fatal(err)
	}
	serials, err := identity.OpenSerials(state)
	if err != nil {
		t.Fatal(err)
	}
	client, err := transport.New(transport.Options{
		Identity: id, Serials: serials, Spool: noEvents{}, Orders: responder, RetryFloor: 100 * time.Millisecond,
		Heartbeat: func() fleet.Heartbeat { return fleet.Heartbeat{Hostname: "web-1"} },
		Interval:  func() time.Duration { return time.Second },
		Policy:    func(policy.Policy, wire.Signed) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client.Run(ctx)
	}()
	t.Cleanup(func() {
		responder.Close()
		cancel()
		<-ended
	})
	eventually(t, "the agent is connected", func() bool { return client.Status().State == transport.Connected })
	return func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnswersSurviveARestartOfTheServer stops the server while a host plays a
// scenario, and lets that end before the server is back.
func TestAnswersSurviveARestartOfTheServer(t *testing.T) {
	data, state := t.TempDir(), t.TempDir()
	s, stop := start(t, data)
	b := newBrowser(t, s)
	b.logOn(FirstAdmin, s.FirstPassword())
	id := enrolAgent(t, b, state)
	release := obey(t, id, state)

	scenario := simulate.Scenarios()[0].Name
	var order store.Order
	if status := b.do("POST", fmt.Sprintf("/api/v1/hosts/%s/simulations", id.Host), map[string]any{"scenarios": []string{scenario}}, &order); status >= 300 {
		t.Fatalf("a simulation: status %d", status)
	}
	eventually(t, "the host plays it", func() bool { return partState(t, s, order.ID) == "running" })
	address := s.stream.Addr()
	stop()
	release()
	s, _ = startWith(t, data, func(c *Config) { c.StreamListen = address })
	eventually(t, "the answer arrives", func() bool { return partState(t, s, order.ID) == "done" })
	eventually(t, "the order is done", func() bool {
		o, err := s.state.Order(t.Context(), order.ID)
		return err == nil && o.State == "done"
	})
}

func partState(t *testing.T, s *Server, order string) string {
	t.Helper()
	o, err := s.state.Order(t.Context(), order)
	if err != nil || len(o.Parts) != 1 {
		t.Fatalf("order: %+v, %v", o, err)
	}
	return o.Parts[0].State
}
