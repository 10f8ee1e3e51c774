//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/bench/served"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/simulate"
)

// The scenario that is cheap: a copy of true(1) under the name of a miner. It
// is played so often that one in a hundred shows.
const (
	browserScenario = "miner"
	browserRuns     = 40
)

// actToBrowser measures the whole chain as a person sees it: an act on an
// enrolled host until its alert has come over the stream of changes and was
// fetched, as the console does.
func (b *bench) actToBrowser(ctx context.Context) (rows []row, err error) {
	if b.agent == "" || b.server == "" {
		return nil, nil
	}
	scenario, ok := simulate.Find(simulate.Scenarios(), browserScenario)
	if !ok {
		return nil, fmt.Errorf("there is no scenario %q", browserScenario)
	}
	server, err := served.New(b.server, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	e := &enrolled{ours: ours{program: b.agent}, server: server}
	defer func() { err = errors.Join(err, e.stop(context.WithoutCancel(ctx))) }()
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	seconds, failed, err := b.play(ctx, server.Client, scenario)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d times %q: sensors, spool, TLS, log on disk, detection, database, stream of changes, fetched", len(seconds), browserScenario)
	return []row{
		{Name: "act to browser, median", Value: quantile(seconds, 0.5), Unit: "s", Note: note},
		{Name: "act to browser, p99", Value: quantile(seconds, 0.99), Unit: "s", Bar: atMost(1)},
		{Name: "act to browser: acts without their alert", Value: float64(failed), Unit: "runs", Bar: atMost(0)},
	}, nil
}

// play plays the scenario again and again and returns the seconds to each
// alert.
func (b *bench) play(ctx context.Context, c *client.Client, s simulate.Scenario) (seconds []float64, failed int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, err := c.StreamChanges(ctx, "")
	if err != nil {
		return nil, 0, err
	}
	defer changes.Close()
	alerts, ended := make(chan finding.Alert), make(chan error, 1)
	go func() { ended <- fetchChanged(ctx, c, changes, alerts) }()
	runner := simulate.Runner{Alerts: alerts, Wait: 10 * time.Second}
	for range browserRuns {
		result := runner.Run(ctx, []simulate.Scenario{s})[0]
		if result.Outcome == simulate.Pass {
			seconds = append(seconds, result.SecondsToAlert)
		} else {
			failed++
			b.progress("%s: %s", s.Name, result.Reason)
		}
		if err := drain(ctx, alerts); err != nil {
			return nil, 0, err
		}
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	if len(seconds) == 0 {
		return nil, 0, errors.New("no act raised its alert")
	}
	return seconds, failed, nil
}

// drain takes alerts that nobody waits for any more, for a moment.
func drain(ctx context.Context, alerts <-chan finding.Alert) error {
	rest := time.After(300 * time.Millisecond)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-alerts:
		case <-rest:
			return nil
		}
	}
}

// fetchChanged fetches each alert that the stream of changes names, until that
// or ctx ends.
func fetchChanged(ctx context.Context, c *client.Client, changes *client.Changes, alerts chan<- finding.Alert) error {
	for {
		change, err := changes.Next()
		if err != nil {
			return err
		}
		if change.Name != api.AlertChanged {
			continue
		}
		told, err := change.Alert()
		if err != nil {
			return err
		}
		found, _, err := c.GetAlert(ctx, told.ID)
		if err != nil {
			return err
		}
		alert := found.Alert
		alert.Time = alert.LastTime // of the act at hand, where the alert had come before
		select {
		case alerts <- alert:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
