package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/finding"
)

// Outcome is how a scenario ended.
type Outcome string

// Outcomes.
const (
	Pass Outcome = "pass" // the alert came
	Fail Outcome = "fail" // it did not, or something went wrong
	Skip Outcome = "skip" // the host lacks what the scenario needs
)

// Result is what became of a scenario. Its JSON form is API.
type Result struct {
	Scenario  string            `json:"scenario"`
	AlertType finding.AlertType `json:"alertType"`
	Outcome   Outcome           `json:"result"`
	Reason    string            `json:"reason"` // why not pass; "" for pass
	// SecondsToAlert is the time from the event that completed the match to
	// the arrival of the alert; zero unless the outcome is pass.
	SecondsToAlert float64 `json:"secondsToAlert"`
}

// Defaults of [Runner].
const (
	DefaultWait  = 10 * time.Second // for the alert once the scenario was played
	DefaultLimit = 60 * time.Second // for playing a scenario
)

// Runner runs scenarios and waits for their alerts.
type Runner struct {
	// Alerts is where the alerts of the running engine arrive. The runner
	// reads it all the time while it runs, so a sender is not held up. When
	// it is closed no further alert is expected.
	Alerts <-chan finding.Alert
	Wait   time.Duration // for an alert; zero means DefaultWait
	Limit  time.Duration // for playing one scenario; zero means DefaultLimit
	// Started and Done, where set, are called before and after each scenario,
	// for progress.
	Started func(Scenario)
	Done    func(Result)
}

// Run runs the scenarios one after the other and returns a result for each.
// When ctx ends, the scenario at hand is cleaned up and fails, and the rest is
// skipped.
func (r *Runner) Run(ctx context.Context, scenarios []Scenario) []Result {
	results := make([]Result, 0, len(scenarios))
	for _, s := range scenarios {
		if r.Started != nil {
			r.Started(s)
		}
		result := r.one(ctx, s)
		if r.Done != nil {
			r.Done(result)
		}
		results = append(results, result)
	}
	return results
}

// one runs a scenario to its result.
func (r *Runner) one(ctx context.Context, s Scenario) Result {
	result := Result{Scenario: s.Name, AlertType: s.AlertType}
	switch reason := refusal(ctx, s); {
	case reason != "":
		result.Outcome, result.Reason = Skip, reason
	default:
		latency, err := r.play(ctx, s)
		switch {
		case err == nil:
			result.Outcome, result.SecondsToAlert = Pass, latency.Seconds()
		case errors.Is(err, ErrSkip):
			result.Outcome, result.Reason = Skip, err.Error()
		default:
			result.Outcome, result.Reason = Fail, err.Error()
		}
	}
	return result
}

// refusal returns why a scenario cannot be played, or "".
func refusal(ctx context.Context, s Scenario) string {
	if ctx.Err() != nil {
		return "interrupted"
	}
	var reasons []string
	for _, need := range s.Needs {
		if reason := unmet(need); reason != "" {
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, ", ")
}

// play plays a scenario on a stage, waits for its alert and cleans up.
func (r *Runner) play(ctx context.Context, s Scenario) (latency time.Duration, err error) {
	stage, err := newStage()
	if err != nil {
		return 0, err
	}
	defer func() {
		if failed := stage.clean(); failed != nil {
			// A skip must not hide that something was left behind.
			err = errors.Join(failed, unskipped(err))
		}
	}()
	started := time.Now()
	played := make(chan error, 1)
	go func() {
		limited, cancel := context.WithTimeout(ctx, orDefault(r.Limit, DefaultLimit))
		defer cancel()
		played <- guarded(func() error { return s.Run(limited, stage) })
	}()
	return r.await(ctx, played, func(a *finding.Alert) bool {
		return a.Type == s.AlertType && caused(a, stage.Token, started)
	})
}

// unskipped returns err without its being a skip.
func unskipped(err error) error {
	if errors.Is(err, ErrSkip) {
		return errors.New(err.Error())
	}
	return err
}

// await waits until the scenario was played, whatever else happens, and then
// until an alert that it caused has come.
func (r *Runner) await(ctx context.Context, played <-chan error, ours func(*finding.Alert) bool) (time.Duration, error) {
	latency, seen := time.Duration(0), false
	alerts, done := r.Alerts, ctx.Done()
	var patience <-chan time.Time
	for !seen || played != nil {
		select {
		case err := <-played:
			if err != nil {
				return 0, err
			}
			played, patience = nil, time.After(orDefault(r.Wait, DefaultWait))
		case alert, open := <-alerts:
			if !open {
				alerts = nil
			} else if !seen && ours(&alert) {
				latency, seen = max(0, time.Since(alert.Time)), true
			}
		case <-patience:
			return 0, fmt.Errorf("no alert within %v", orDefault(r.Wait, DefaultWait))
		case <-done:
			// The scenario ends by itself: it has the same context.
			done = nil
		}
		if played == nil && !seen && ctx.Err() != nil {
			return 0, errors.New("interrupted")
		}
	}
	return latency, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// clockGrain is how much earlier than the start an alert's time may lie:
// audit stamps are in whole milliseconds and taken from the coarse clock.
const clockGrain = 20 * time.Millisecond

// caused reports whether an alert comes from a scenario: it shows the token
// somewhere, or its process is this one or descends from it and did not act
// before the scenario started.
func caused(alert *finding.Alert, token string, started time.Time) bool {
	if text, err := json.Marshal(alert); err == nil && strings.Contains(string(text), token) {
		return true
	}
	if alert.Time.Before(started.Add(-clockGrain)) {
		return false
	}
	for _, p := range alert.Process.Lineage() {
		if int(p.PID) == os.Getpid() {
			return true
		}
	}
	return false
}
