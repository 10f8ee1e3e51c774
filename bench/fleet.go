//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/holdfast-security/holdfast/bench/served"
	"github.com/holdfast-security/holdfast/bench/usage"
)

// crowd is a run of bench/agents.
type crowd struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
}

// crowdAnswer is a line of bench/agents.
type crowdAnswer struct {
	Hosts      int     `json:"hosts"`
	Connected  int     `json:"connected"`
	Seconds    float64 `json:"seconds"`
	Connects   uint64  `json:"connects"`
	Heartbeats uint64  `json:"heartbeats"`
	Error      string  `json:"error"`
}

func (b *bench) newCrowd(ctx context.Context, token string) (*crowd, error) {
	program, err := b.build(ctx, "agents")
	if err != nil {
		return nil, err
	}
	c := &crowd{cmd: exec.CommandContext(ctx, program)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.answers = bufio.NewScanner(out)
	_, err = fmt.Fprintln(c.in, token)
	return c, err
}

// tell gives a command and waits for its answer.
func (c *crowd) tell(format string, args ...any) (crowdAnswer, error) {
	var a crowdAnswer
	command := fmt.Sprintf(format, args...)
	if _, err := fmt.Fprintln(c.in, command); err != nil {
		return a, err
	}
	if !c.answers.Scan() {
		return a, fmt.Errorf("simulated agents: no answer to %q: %w", command, errors.Join(c.answers.Err(), io.EOF))
	}
	if err := json.Unmarshal(c.answers.Bytes(), &a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, fmt.Errorf("simulated agents: %s: %s", command, a.Error)
	}
	return a, nil
}

func (c *crowd) end() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }

// fleet measures a server with many agents, which a second process plays on
// the same machine: their share of the time is in every figure by the clock.
func (b *bench) fleet(ctx context.Context) (rows []row, err error) {
	if b.server == "" {
		return nil, nil
	}
	server, err := served.New(b.server, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	token, err := server.Token(ctx)
	if err != nil {
		return nil, err
	}
	agents, err := b.newCrowd(ctx, token)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, agents.end()) }()
	for _, measure := range []func(context.Context, *served.Server, *crowd) ([]row, error){b.enrolMany, b.connectMany, b.holdMany} {
		more, err := measure(ctx, server, agents)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func (b *bench) enrolMany(_ context.Context, _ *served.Server, agents *crowd) ([]row, error) {
	b.progress("%d hosts enrol", b.crowd)
	a, err := agents.tell("enrol %d", b.crowd)
	if err != nil {
		return nil, err
	}
	return []row{{
		Name: "fleet: hosts enrolled", Value: float64(a.Hosts) / a.Seconds, Unit: "hosts/s",
		Note: fmt.Sprintf("%d hosts, 16 at a time; a TLS connection, a credential and three transactions each", a.Hosts),
	}}, nil
}

// connectMany lets some connect at once, and then the rest.
func (b *bench) connectMany(ctx context.Context, server *served.Server, agents *crowd) ([]row, error) {
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	before, err := usage.CPU(server.PID())
	if err != nil {
		return nil, err
	}
	b.progress("%d agents connect at once", b.burst)
	a, err := agents.tell("connect %d", b.burst)
	if err != nil {
		return nil, err
	}
	after, err := usage.CPU(server.PID())
	if err != nil {
		return nil, err
	}
	return []row{
		{
			Name: fmt.Sprintf("fleet: %d agents connect at once", a.Connected), Value: a.Seconds, Unit: "s",
			Note: fmt.Sprintf("until each has its policy, by TLS 1.3; %d connections made, agents on the same machine", a.Connects),
		},
		{Name: "fleet: server's CPU for an agent that connects", Value: (after - before).Seconds() * 1000 / float64(b.burst), Unit: "ms"},
	}, nil
}

// watchFleet is how long all are watched with their heartbeats.
const watchFleet = time.Minute

// holdMany measures the server while all are connected and send heartbeats.
func (b *bench) holdMany(ctx context.Context, server *served.Server, agents *crowd) ([]row, error) {
	empty, _, err := usage.Memory(server.PID()) // with the burst connected
	if err != nil {
		return nil, err
	}
	b.progress("%d agents join", b.crowd-b.burst)
	joined, err := agents.tell("join %d", b.crowd-b.burst)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	first, err := agents.tell("status")
	if err != nil {
		return nil, err
	}
	before, err := usage.CPU(server.PID())
	if err != nil {
		return nil, err
	}
	b.progress("%d agents send heartbeats for %s", first.Connected, watchFleet)
	if err := pause(ctx, watchFleet); err != nil {
		return nil, err
	}
	after, err := usage.CPU(server.PID())
	if err != nil {
		return nil, err
	}
	last, err := agents.tell("status")
	if err != nil {
		return nil, err
	}
	full, peak, err := usage.Memory(server.PID())
	if err != nil {
		return nil, err
	}
	beats := last.Heartbeats - first.Heartbeats
	rows := []row{
		{
			Name: fmt.Sprintf("fleet: server's resident set with %d agents", last.Connected), Value: full, Unit: "MB",
			Note: fmt.Sprintf("%.0f MB at the most, %.0f MB with %d agents", peak, empty, b.burst),
		},
		{
			Name: fmt.Sprintf("fleet: server's CPU with %d agents", last.Connected), Value: 100 * (after - before).Seconds() / watchFleet.Seconds(),
			Unit: "% of a core", Note: fmt.Sprintf("%d heartbeats in %s, one in 15 s each, stored", beats, watchFleet),
		},
		{Name: "fleet: connections lost", Value: float64(last.Connects) - float64(last.Connected), Unit: "connections", Bar: atMost(0)},
	}
	if joining := b.crowd - b.burst; joining > 0 {
		rows = append(rows, row{
			Name: "fleet: server's memory for one more agent", Value: (full - empty) * 1000 / float64(joining), Unit: "kB",
			Note: fmt.Sprintf("%d joined in %.0f s, 16 at a time", joining, joined.Seconds),
		})
	}
	return rows, nil
}
