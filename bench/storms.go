//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-security/holdfast/bench/served"
)

// storms measures program starts at several rates, with nobody listening,
// with auditd, and with the agent, in turns: what else the machine does hits
// all of them alike.
func (b *bench) storms(ctx context.Context) (rows []row, err error) {
	program, err := b.build(ctx, "storm")
	if err != nil {
		return nil, err
	}
	var server *served.Server
	if b.agent != "" && b.server != "" {
		if server, err = served.New(b.server, b.dir); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, server.Remove()) }()
		if err := server.Start(ctx); err != nil {
			return nil, err
		}
	}
	for _, rate := range b.rates {
		s := stormer{program: program, rate: rate, length: b.length / time.Duration(b.rounds)}
		listeners := []listener{nil, &auditd{format: "ENRICHED"}, &auditd{format: "RAW"}}
		if b.agent != "" {
			listeners = append(listeners, &ours{program: b.agent}, &ours{program: b.agent, events: true})
		}
		if server != nil {
			listeners = append(listeners, &enrolled{ours: ours{program: b.agent}, server: server})
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
// nobody, auditd as Debian sets it up, auditd without its enrichment, where the
// agent takes part the agent as it is by default and writing every event, and
// where there is a server the agent as its host.
func stormRows(rate float64, listeners []listener, m []measurement) []row {
	name := func(what string) string { return fmt.Sprintf("exec storm %.0f/s: %s", rate, what) }
	alone := m[0]
	rows := []row{{
		Name: name("achieved rate, nobody listens"), Value: alone.rate(), Unit: "starts/s",
		Note: fmt.Sprintf("%.0f s, %d starts", alone.seconds, alone.started),
	}}
	if len(m) == 3 {
		return append(rows, peerRows(name, listeners, m)...)
	}
	rows = append(rows, agentRows(name, rate, listeners, m)...)
	if e, ok := listeners[len(listeners)-1].(*enrolled); ok {
		rows = append(rows, enrolledRows(name, rate, e, listeners[1].name(), m)...)
	}
	return rows
}

// peerRows show the peers alone.
func peerRows(name func(string) string, listeners []listener, m []measurement) []row {
	var rows []row
	for i, l := range listeners[1:] {
		of := m[i+1]
		rows = append(rows,
			row{Name: name("CPU of " + l.name()), Value: of.percent(of.cpu), Unit: "% of a core"},
			row{Name: name("starts lost by " + l.name()), Value: float64(of.missing), Unit: "starts"},
			row{Name: name("slow-down under " + l.name()), Value: of.slowdown(m[0]), Unit: "%"},
		)
	}
	return rows
}

// barRate is the storm at which the agent may use no more than auditd.
const barRate = 1000

// agentRows show the agent beside its peers.
func agentRows(name func(string) string, rate float64, listeners []listener, m []measurement) []row {
	alone, debian, raw, agent, writing := m[0], m[1], m[2], m[3], m[4]
	peer, rawPeer := listeners[1].name(), listeners[2].name()
	cpu := row{Name: name("CPU, whole agent"), Value: agent.percent(agent.cpu), Unit: "% of a core"}
	cpu = cpu.Beside(peer, debian.percent(debian.cpu))
	if rate == barRate {
		cpu.Bar = atMost(*cpu.PeerValue)
	}
	return []row{
		row{
			Name: name("starts lost"), Value: float64(writing.missing), Unit: "starts", Bar: atMost(0),
			Note: fmt.Sprintf("of %d, counted one by one", writing.started),
		}.Beside(peer, float64(debian.missing)),
		row{
			Name: name("records lost in the kernel"), Value: float64(agent.kernelLost + writing.kernelLost),
			Unit: "records", Bar: atMost(0),
		}.Beside(peer, float64(debian.kernelLost)),
		{Name: name("events dropped by the agent's ledger"), Value: float64(agent.missing), Unit: "events", Bar: atMost(0)},
		cpu,
		row{Name: name("CPU, whole agent"), Value: cpu.Value, Unit: "% of a core"}.Beside(rawPeer, raw.percent(raw.cpu)),
		row{
			Name: name("CPU, writing every event"), Value: writing.percent(writing.cpu), Unit: "% of a core",
		}.Beside(peer, debian.percent(debian.cpu)),
		row{
			Name: name("CPU of kauditd"), Value: agent.percent(agent.kauditd), Unit: "% of a core",
		}.Beside(peer, debian.percent(debian.kauditd)),
		row{
			Name: name("slow-down of the storm"), Value: agent.slowdown(alone), Unit: "%",
			Note: fmt.Sprintf("%.0f us per start alone", alone.execTime()),
		}.Beside(peer, debian.slowdown(alone)),
		row{Name: name("largest resident set"), Value: agent.peakMB, Unit: "MB"}.Beside(peer, debian.peakMB),
	}
}

// enrolledRows show the agent as the host of a server, beside the first peer.
func enrolledRows(name func(string) string, rate float64, e *enrolled, peer string, m []measurement) []row {
	debian, own := m[1], m[len(m)-1]
	cpu := row{
		Name: name("CPU, enrolled agent"), Value: own.percent(own.cpu), Unit: "% of a core", Note: "sensors, spool, TLS",
	}.Beside(peer, debian.percent(debian.cpu))
	rss := row{Name: name("largest resident set, enrolled agent"), Value: own.peakMB, Unit: "MB"}
	if rate == barRate {
		cpu.Bar, rss.Bar = atMost(*cpu.PeerValue), atMost(60)
	}
	return []row{
		{
			Name: name("starts that the server lacks"), Value: float64(own.missing), Unit: "starts", Bar: atMost(0),
			Note: fmt.Sprintf("of %d, counted one by one in the server's telemetry", own.started),
		},
		{
			Name: name("events lost by the ledger of agent and server"), Value: float64(e.lost), Unit: "events", Bar: atMost(0),
			Note: "dropped for any reason, or not accounted for",
		},
		cpu, rss,
		{Name: name("CPU of the server, same machine"), Value: own.percent(own.server), Unit: "% of a core", Note: "stream, detection, storing"},
		row{Name: name("slow-down, enrolled agent"), Value: own.slowdown(m[0]), Unit: "%"}.Beside(peer, debian.slowdown(m[0])),
	}
}
