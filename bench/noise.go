//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/holdfast-security/holdfast/bench/benign"
	"github.com/holdfast-security/holdfast/bench/table"
)

// noise counts the alerts over logs and work in which nothing happened.
func (b *bench) noise(ctx context.Context) ([]row, error) {
	var rows []row
	for _, log := range benign.Logs {
		path := filepath.Join(b.data, filepath.FromSlash(log.Path))
		if _, err := os.Stat(path); err != nil {
			b.progress("no benign log: %v", err)
			continue
		}
		t, err := log.Replay(ctx, b.command, path, b.dir)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", log.Name, err)
		}
		rows = append(rows, noiseRows(t)...)
	}
	if b.soak <= 0 {
		return rows, nil
	}
	t, err := benign.Soak(ctx, b.soak)
	if err != nil {
		return rows, fmt.Errorf("soak: %w", err)
	}
	return append(rows, noiseRows(t)...), nil
}

// noiseRows shows a tally, first of all that would wake somebody, then by type.
func noiseRows(t *benign.Tally) []row {
	note := t.Work
	if t.Attacks > 0 {
		note += fmt.Sprintf("; %d alerts of attacks that did happen are left out", t.Attacks)
	}
	rows := []row{{
		Name: "false alerts, " + t.Name + ": medium and above", Value: float64(t.Loud) / t.Days, Unit: "alerts/host-day", Bar: atMost(0.05),
		Note: fmt.Sprintf("%d in %s days: %s", t.Loud, table.Figure(t.Days), note),
	}}
	for _, kind := range slices.SortedFunc(maps.Keys(t.ByType), func(x, y string) int {
		return cmp.Or(cmp.Compare(t.ByType[y], t.ByType[x]), cmp.Compare(x, y))
	}) {
		rows = append(rows, row{
			Name: "false alerts, " + t.Name + ": " + kind, Value: float64(t.ByType[kind]) / t.Days, Unit: "alerts/host-day",
			Note: fmt.Sprintf("%s, %d alerts", t.Severity[kind], t.ByType[kind]),
		})
	}
	return rows
}
