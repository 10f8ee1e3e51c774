package alertset

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
	"github.com/holdfast-security/holdfast/internal/cputime"
)

// Signals of a fleet that has much to say, as near to each other as a million
// a day are.
const (
	daySignals = 1_000_000
	someOfThem = 50_000
	dayHosts   = 500
)

// Cost is what joining signals takes.
type Cost struct {
	PerSecond float64 // signals, by CPU time
	DayShare  float64 // of a core, for a million a day
	Bytes     float64 // of memory, by distinct signal
	Distinct  uint64
	Telling   time.Duration // of one incident
	Held      time.Duration // by CPU time, until the engine goes on while a snapshot is written
	Written   time.Duration // by CPU time, the rest of it
}

// Measure joins signals of a made-up fleet.
func Measure() (Cost, error) {
	e := incident.New(incident.Limits{})
	before := heap()
	began := cputime.Used()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range someOfThem {
		e.Add(daySignal(random, i))
		if i%1000 == 0 {
			e.Changed()
		}
	}
	spent := (cputime.Used() - began).Seconds()
	ids := e.Incidents()
	asked := time.Now()
	for _, id := range ids[:min(len(ids), 1000)] {
		e.Incident(id)
	}
	telling := time.Since(asked) / time.Duration(max(1, min(len(ids), 1000)))
	began = cputime.Used()
	state := e.Freeze()
	held := cputime.Used() - began
	if err := incident.WriteFrozen(state, io.Discard); err != nil {
		return Cost{}, err
	}
	written := cputime.Used() - began - held
	distinct := e.Counters().Signals - e.Counters().Repeats
	cost := Cost{
		PerSecond: someOfThem / spent, DayShare: spent * daySignals / someOfThem / 86400, Distinct: distinct,
		Telling: telling, Held: held, Written: written, Bytes: float64(heap()-before) / float64(distinct),
	}
	runtime.KeepAlive(e)
	return cost, nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// daySignal returns the i-th signal of a day: a tenth of the rules make most
// of the noise, on hosts that have processes, accounts and peers of their own.
func daySignal(random *rand.Rand, i int) incident.Signal {
	host, rule := random.IntN(dayHosts), random.IntN(30)
	if random.IntN(10) == 0 {
		rule = random.IntN(300)
	}
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 24 * time.Hour / daySignals)
	tactics := []finding.Tactic{"execution", "persistence", "discovery", "credential-access", "exfiltration"}
	shell := fmt.Sprintf("%d-%d", host, random.IntN(50))
	return incident.Signal{
		ID: fmt.Sprint(i), Rule: fmt.Sprint("rule ", rule), Title: "Something was done", Text: "Something was done by a program on this host.",
		Severity: finding.Severity(rule % 4), Tactics: []finding.Tactic{tactics[rule%len(tactics)]}, Time: at,
		Host: event.HostID(fmt.Sprint("host-", host)), HostName: fmt.Sprint("host-", host),
		Entities: []incident.Entity{
			{Kind: finding.EntityAccount, Value: fmt.Sprint("user-", host%100)},
			{Kind: finding.EntityAddress, Value: fmt.Sprintf("198.51.%d.%d", random.IntN(4), host%250)},
		},
		Lineage: []incident.Process{
			{UID: shell + "-child", Path: "/usr/bin/tool"}, {UID: shell, Path: "/usr/bin/bash"}, {UID: fmt.Sprint(host, "-1"), Path: "/usr/lib/systemd/systemd"},
		},
	}
}
