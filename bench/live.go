//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/bench/served"
	"github.com/holdfast-security/holdfast/bench/usage"
)

// idleAgent watches the agent while this program does nothing: alone, and as
// the host of a server.
func (b *bench) idleAgent(ctx context.Context) (rows []row, err error) {
	if b.agent == "" {
		return nil, nil
	}
	rows, err = b.watchIdle(ctx, &ours{program: b.agent}, "idle agent")
	if err != nil || b.server == "" {
		return rows, err
	}
	server, err := served.New(b.server, b.dir)
	if err != nil {
		return rows, err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	if err := server.Start(ctx); err != nil {
		return rows, err
	}
	more, err := b.watchIdle(ctx, &enrolled{ours: ours{program: b.agent}, server: server}, "idle agent, enrolled")
	return append(rows, more...), err
}

// watchIdle starts a listener, watches it for a while and stops it.
func (b *bench) watchIdle(ctx context.Context, l listener, name string) (rows []row, err error) {
	b.progress("%s", name)
	defer func() { err = errors.Join(err, l.stop(context.WithoutCancel(ctx))) }()
	if err := l.start(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	before, err := usage.CPU(l.pid())
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, b.idle); err != nil {
		return nil, err
	}
	after, err := usage.CPU(l.pid())
	if err != nil {
		return nil, err
	}
	resident, _, err := usage.Memory(l.pid())
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("over %s", b.idle)
	return []row{
		{Name: name + ": CPU", Value: 100 * (after - before).Seconds() / b.idle.Seconds(), Unit: "% of a core", Bar: atMost(0.5), Note: note},
		{Name: name + ": resident set", Value: resident, Unit: "MB", Bar: atMost(60)},
	}, nil
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// simulated is one element of what `holdfast simulate -o json` prints.
type simulated struct {
	Scenario       string  `json:"scenario"`
	Result         string  `json:"result"`
	Reason         string  `json:"reason"`
	SecondsToAlert float64 `json:"secondsToAlert"`
}

// alerts runs every simulation scenario several times and measures the time
// from the act to its alert.
func (b *bench) alerts(ctx context.Context) ([]row, error) {
	if b.agent == "" {
		return nil, nil
	}
	var seconds []float64
	failed := 0
	for i := range b.repeats {
		b.progress("simulate --all, %d of %d", i+1, b.repeats)
		var results []simulated
		out, err := exec.CommandContext(ctx, b.command, "simulate", "--all", "-o", "json").Output()
		if jsonErr := json.Unmarshal(out, &results); jsonErr != nil {
			return nil, errors.Join(err, fmt.Errorf("simulate printed %.200q: %w", out, jsonErr))
		}
		for _, r := range results {
			switch r.Result {
			case "pass":
				seconds = append(seconds, r.SecondsToAlert)
			case "fail":
				failed++
				b.progress("%s: %s", r.Scenario, r.Reason)
			}
		}
	}
	if len(seconds) == 0 {
		return nil, errors.New("no scenario raised its alert")
	}
	note := fmt.Sprintf("%d alerts", len(seconds))
	return []row{
		{Name: "act to alert, median", Value: quantile(seconds, 0.5), Unit: "s", Note: note},
		{Name: "act to alert, p99", Value: quantile(seconds, 0.99), Unit: "s", Bar: atMost(1), Note: note},
		{Name: "scenarios without their alert", Value: float64(failed), Unit: "runs", Bar: atMost(0)},
	}, nil
}

// quantile returns the value below which the share q of values lies, by the
// nearest rank; values must not be empty.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(q*float64(len(sorted)) + 0.5)
	return sorted[min(max(rank, 1), len(sorted))-1]
}
