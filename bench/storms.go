//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// storms measures program starts at several rates, with nobody listening,
// with auditd, and with the agent, in turns: what else the machine does hits
// all of them alike.
func (b *bench) storms(ctx context.Context) ([]row, error) {
	program, err := b.buildStorm(ctx)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, rate := range b.rates {
		s := stormer{program: program, rate: rate, length: b.length / time.Duration(b.rounds)}
		listeners := []listener{nil, &auditd{format: "ENRICHED"}, &auditd{format: "RAW"}}
		if b.agent != "" {
			listeners = append(listeners, &ours{program: b.agent})
		}
		results := make([]measurement, len(listeners))
		for round := range b.rounds {
			for i, l := range listeners {
				b.progress("storm %.0f/s, round %d of %d: %s", rate, round+1, b.rounds, nameOf(l))
				if err := s.round(ctx, l, &results[i]); err != nil {
					return rows, err
				}
			}
		}
		rows = append(rows, stormRows(rate, listeners, results)...)
	}
	return rows, nil
}

func nameOf(l listener) string {
	if l == nil {
		return "nobody listens"
	}
	return l.name()
}

// stormRows turns the measurements of one rate into rows. The listeners are
// nobody, auditd as Debian sets it up, auditd without its enrichment, and the
// agent where it takes part.
func stormRows(rate float64, listeners []listener, m []measurement) []row {
	name := func(what string) string { return fmt.Sprintf("exec storm %.0f/s: %s", rate, what) }
	alone, debian, raw := m[0], m[1], m[2]
	peer, rawPeer := listeners[1].name(), listeners[2].name()
	rows := []row{{
		Name: name("achieved rate, nobody listens"), Value: alone.rate(), Unit: "starts/s",
		Note: fmt.Sprintf("%.0f s, %d starts", alone.seconds, alone.started),
	}}
	slower := func(of measurement) float64 { return 100 * (of.execTime()/alone.execTime() - 1) }
	if len(m) < 4 {
		for i, l := range listeners[1:] {
			of := m[i+1]
			rows = append(rows,
				row{Name: name("CPU of " + l.name()), Value: of.percent(of.cpu), Unit: "% of a core"},
				row{Name: name("starts lost by " + l.name()), Value: float64(of.missing), Unit: "starts"},
				row{Name: name("slow-down under " + l.name()), Value: slower(of), Unit: "%"},
			)
		}
		return rows
	}
	agent := m[3]
	cpu := row{Name: name("CPU, whole agent"), Value: agent.percent(agent.cpu), Unit: "% of a core"}
	if rate <= 1000 {
		cpu = cpu.below(peer, debian.percent(debian.cpu))
	} else {
		cpu = cpu.beside(peer, debian.percent(debian.cpu))
	}
	return append(rows,
		row{Name: name("starts lost"), Value: float64(agent.missing), Unit: "starts", Bar: atMost(0)}.
			beside(peer, float64(debian.missing)),
		row{Name: name("records lost in the kernel"), Value: float64(agent.kernelLost), Unit: "records", Bar: atMost(0)}.
			beside(peer, float64(debian.kernelLost)),
		cpu,
		row{Name: name("CPU, whole agent"), Value: agent.percent(agent.cpu), Unit: "% of a core"}.
			beside(rawPeer, raw.percent(raw.cpu)),
		row{Name: name("CPU of kauditd"), Value: agent.percent(agent.kauditd), Unit: "% of a core"}.
			beside(peer, debian.percent(debian.kauditd)),
		row{
			Name: name("slow-down of the storm"), Value: slower(agent), Unit: "%",
			Note: fmt.Sprintf("%.0f us per start alone", alone.execTime()),
		}.beside(peer, slower(debian)),
		row{Name: name("largest resident set"), Value: agent.peakMB, Unit: "MB"}.beside(peer, debian.peakMB),
	)
}
