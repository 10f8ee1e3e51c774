//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/bench/served"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
)

// enrolled is the agent as a host of a server: sensors, spool, transport. Each
// start is a new host.
type enrolled struct {
	ours
	server *served.Server // runs already
	host   event.HostID
	lost   int // by the ledgers of the hosts so far
}

func (e *enrolled) name() string { return "holdfast enrolled" }

func (e *enrolled) serverPID() int { return e.server.PID() }

const enrolledConfig = `state_dir: %[1]s
run_dir: %[1]s
`

// start enrols and returns when the agent is connected.
func (e *enrolled) start(ctx context.Context) error {
	if err := e.makeDir(); err != nil {
		return err
	}
	token, err := e.server.Token(ctx)
	if err != nil {
		return err
	}
	enrol := exec.CommandContext(ctx, e.program, "enroll", "--state-dir", e.dir, "-")
	enrol.Stdin = strings.NewReader(token + "\n")
	if out, err := enrol.CombinedOutput(); err != nil {
		return fmt.Errorf("enrol: %w: %s", err, bytes.TrimSpace(out))
	}
	id, err := identity.Load(e.dir)
	if err != nil {
		return err
	}
	e.host = id.Host
	if err := e.run(ctx, fmt.Sprintf(enrolledConfig, e.dir)); err != nil {
		return err
	}
	return within(ctx, time.Minute, func() (bool, error) {
		r, err := e.report(ctx)
		return r.Server.Connection.State == "connected", err
	})
}

// missing counts the run's different starts among what the server stored, and
// adds what the ledger lacks.
func (e *enrolled) missing(ctx context.Context, run string, started int) (int, error) {
	found := 0
	err := within(ctx, 30*time.Second, func() (bool, error) {
		var err error
		found, err = e.stored(ctx, run)
		return found >= started, err
	})
	if err != nil && !errors.Is(err, errLate) {
		return 0, err
	}
	lost, err := e.balance(ctx)
	e.lost += lost
	return started - found, err
}

// stored returns how many different starts of the run the server has.
func (e *enrolled) stored(ctx context.Context, run string) (int, error) {
	number := regexp.MustCompile(regexp.QuoteMeta(run) + ` ([0-9]+)$`)
	query := client.ListHostEventsQuery{Class: []event.Class{event.ClassProcessActivity}, Text: run, Limit: 1000}
	found := make(map[string]struct{})
	for {
		page, err := e.server.Client.ListHostEvents(ctx, string(e.host), query)
		if err != nil {
			return 0, err
		}
		for _, ev := range page.Items {
			if m := number.FindStringSubmatch(ev.Process.CommandLine); m != nil && ev.Activity == event.ProcessLaunch {
				found[m[1]] = struct{}{}
			}
		}
		if query.After = page.Next; page.Next == "" {
			return len(found), nil
		}
	}
}

// balance returns how many events the ledger of the host says were dropped, or
// cannot account for. It waits for a heartbeat that knows of all until now.
func (e *enrolled) balance(ctx context.Context) (int, error) {
	now, err := e.report(ctx)
	if err != nil {
		return 0, err
	}
	var b fleet.Balance
	err = within(ctx, time.Minute, func() (bool, error) {
		ledger, err := e.server.Client.GetLedger(ctx)
		for _, h := range ledger.Hosts {
			if h.Host == e.host {
				b = h
			}
		}
		return b.Produced >= now.Server.Ledger.Produced && b.Unaccounted == 0, err
	})
	if err != nil && !errors.Is(err, errLate) {
		return 0, err
	}
	lost := int(max(b.Unaccounted, -b.Unaccounted))
	for _, n := range b.Dropped {
		lost += int(n)
	}
	return lost, nil
}

var errLate = errors.New("it takes too long")

// within asks now and then until something holds; the error is errLate when it
// still does not after the given time.
func within(ctx context.Context, patience time.Duration, holds func() (bool, error)) error {
	for end := time.Now().Add(patience); ; {
		ok, err := holds()
		switch {
		case err != nil || ok:
			return err
		case time.Now().After(end):
			return fmt.Errorf("%w: not within %s", errLate, patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
