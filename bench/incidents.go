//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/holdfast-security/holdfast/bench/alertset"
	"github.com/holdfast-security/holdfast/bench/table"
)

// incidents measures the correlation of alerts: what it finds in recorded
// attacks beside simpler groupings, and what it costs.
func (b *bench) incidents(ctx context.Context) ([]row, error) {
	rows, err := b.signals()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(b.data, "alert-correlation")
	if _, err := os.Stat(folder); err != nil {
		b.progress("no recorded alerts: %v", err)
		return rows, nil
	}
	scenarios, err := alertset.Load(folder)
	if err != nil {
		return rows, err
	}
	verdicts := alertset.Compare(scenarios, func(scenario, how string, v alertset.Verdict) { b.progress("%s, %s: %s", scenario, how, v) })
	return append(rows, verdictRows(verdicts)...), ctx.Err()
}

// verdictFigure is one figure of a verdict and how scenarios add up.
type verdictFigure struct {
	name, unit string
	bar        *bar
	of         func(alertset.Verdict) float64
	worst      func(...float64) float64
	ours       bool // the simpler groupings have no notion of it
}

var verdictFigures = []verdictFigure{
	{"purity of the attack's incident", "% of alerts", atLeast(95), func(v alertset.Verdict) float64 { return 100 * v.Purity }, least, false},
	{"completeness of the attack's incident", "% of alerts", atLeast(95), func(v alertset.Verdict) float64 { return 100 * v.Completeness }, least, false},
	{"purity, repeats counted once", "% of kinds", nil, func(v alertset.Verdict) float64 { return 100 * v.KindPurity }, least, false},
	{"completeness, repeats counted once", "% of kinds", nil, func(v alertset.Verdict) float64 { return 100 * v.KindComplete }, least, false},
	{"attack steps in the attack's incident", "% of steps", nil, func(v alertset.Verdict) float64 { return 100 * v.Steps }, least, false},
	{"incidents of the attack, medium and above", "incidents", atMost(1), func(v alertset.Verdict) float64 { return float64(v.Incidents) }, most, false},
	{"other incidents, medium and above", "a day", atMost(0.2), func(v alertset.Verdict) float64 { return v.Benign }, most, false},
	{"other incidents that were high", "a day", nil, func(v alertset.Verdict) float64 { return v.BenignHigh }, most, true},
	{"steps begun when it was first medium", "steps", nil, func(v alertset.Verdict) float64 { return float64(v.MediumStep) }, most, true},
	{"steps begun when it was first high; 0 for never", "steps", nil, func(v alertset.Verdict) float64 { return float64(v.HighStep) }, most, true},
	{"scenarios whose attack was high before its fourth step", "%", atLeast(100), func(v alertset.Verdict) float64 {
		if v.HighStep >= 1 && v.HighStep < 4 {
			return 100
		}
		return 0
	}, least, true},
}

func least(values ...float64) float64 { return slices.Min(values) }
func most(values ...float64) float64  { return slices.Max(values) }

// verdictRows shows the mean over the scenarios, in the note the worst of them.
func verdictRows(verdicts map[string][]alertset.Verdict) []row {
	var rows []row
	for _, how := range []string{alertset.Learned, alertset.Unlearned} {
		for _, f := range verdictFigures {
			mean, worst := f.sum(verdicts[how])
			r := row{
				Name: "incidents, " + how + ": " + f.name, Value: mean, Unit: f.unit, Bar: f.bar,
				Note: fmt.Sprintf("mean of %d scenarios, worst %s", len(verdicts[how]), table.Figure(worst)),
			}
			if how == alertset.Unlearned || f.ours {
				rows = append(rows, r)
				continue
			}
			for _, peer := range alertset.Baselines {
				value, _ := f.sum(verdicts[peer])
				rows = append(rows, r.Beside(peer, value))
			}
		}
	}
	return rows
}

func (f verdictFigure) sum(verdicts []alertset.Verdict) (mean, worst float64) {
	var values []float64
	for _, v := range verdicts {
		values = append(values, f.of(v))
		mean += f.of(v) / float64(len(verdicts))
	}
	return mean, f.worst(values...)
}

// signals shows what signals cost.
func (b *bench) signals() ([]row, error) {
	c, err := alertset.Measure()
	return []row{
		{Name: "incidents: signals joined", Value: c.PerSecond, Unit: "signals/s", Note: "by CPU time, making them included"},
		{Name: "incidents: 1,000,000 signals a day", Value: 100 * c.DayShare, Unit: "% of a core", Bar: atMost(5)},
		{Name: "incidents: memory", Value: c.Bytes, Unit: "bytes/signal", Note: fmt.Sprintf("%d distinct signals, all else included", c.Distinct)},
		{Name: "incidents: held up by a snapshot", Value: c.Held.Seconds() * 1000, Unit: "ms of CPU", Note: fmt.Sprintf("%.0f ms more while signals are joined on", c.Written.Seconds()*1000)},
		{Name: "incidents: one told", Value: c.Telling.Seconds() * 1000, Unit: "ms", Bar: atMost(50)},
	}, err
}
