package remote

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/store"
)

const (
	pollGap      = 500 * time.Millisecond
	maxScenarios = 64 // of one order
)

// States in which an order will not change any more.
var finished = []string{"done", "failed", "refused", "unsupported", "expired"}

// Simulate has a host of the server play scenarios, waits until it has, and
// prints what came of each. No names mean all that the server knows.
func (e *Env) Simulate(ctx context.Context, host string, names []string) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	order, err := e.simulate(ctx, c, host, names)
	if err != nil {
		return explain(err)
	}
	if err := e.show(order, func(style render.Style) string { return simulationText(order, style) }); err != nil {
		return err
	}
	passed := 0
	for _, p := range order.Parts {
		if p.State == "done" {
			passed++
		}
	}
	if order.State != "done" || passed == 0 {
		return usage.ErrPartial
	}
	return nil
}

func (e *Env) simulate(ctx context.Context, c *client.Client, host string, names []string) (store.Order, error) {
	h, err := findHost(ctx, c, host)
	if err != nil {
		return store.Order{}, err
	}
	if len(names) == 0 {
		all, err := c.ListScenarios(ctx)
		if err != nil {
			return store.Order{}, err
		}
		for _, s := range all.Items {
			names = append(names, s.Name)
		}
	}
	if len(names) > maxScenarios {
		return store.Order{}, usage.Errorf("at most %d scenarios at a time, not %d", maxScenarios, len(names))
	}
	order, err := c.Simulate(ctx, string(h.ID), api.SimulationRequest{Scenarios: names})
	for err == nil && !slices.Contains(finished, order.State) {
		select {
		case <-ctx.Done():
			return order, ctx.Err()
		case <-time.After(pollGap):
		}
		order, err = c.GetSimulation(ctx, order.ID)
	}
	return order, err
}

// simulationText is pure.
func simulationText(o store.Order, style render.Style) string {
	rows := [][]string{}
	for _, p := range o.Parts {
		rows = append(rows, []string{p.Subject, p.State, p.Alert, p.Detail})
	}
	text := render.Table([]string{"SCENARIO", "RESULT", "ALERT", "REASON"}, rows, style)
	if o.Detail != "" {
		text += "\n" + render.Text(o.Detail, style) + "\n"
	}
	return text + fmt.Sprintf("\nThe order is %s.\n", o.State)
}
