package telemetrytest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Options choose a fleet. Zero fields take the default.
type Options struct {
	Hosts int           // 10 by default
	Seed  uint64        // of everything that is random
	Start time.Time     // of the first events; 2026-11-23 00:00 UTC by default
	Gap   time.Duration // mean time between two events of one host; 200 ms by default
}

// Generator makes the events of a fleet. It belongs to one goroutine; the
// events are the caller's, and share process images as those of a sensor do.
type Generator struct {
	hosts []*host
	next  int
}

// New returns a Generator of the fleet that o describes.
func New(o Options) *Generator {
	if o.Hosts <= 0 {
		o.Hosts = 10
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	}
	if o.Gap <= 0 {
		o.Gap = 200 * time.Millisecond
	}
	g := &Generator{}
	for i := range o.Hosts {
		g.hosts = append(g.hosts, newHost(i, o))
	}
	return g
}

// Hosts returns the ids of the hosts, which are as enrolment gives them out.
func (g *Generator) Hosts() []event.HostID {
	ids := make([]event.HostID, len(g.hosts))
	for i, h := range g.hosts {
		ids[i] = h.id
	}
	return ids
}

// Frame returns the next n events of the next host, in the order of time. The
// hosts take turns.
func (g *Generator) Frame(n int) (event.HostID, []event.Event) {
	h := g.hosts[g.next]
	g.next = (g.next + 1) % len(g.hosts)
	return h.id, h.frame(n)
}

// host is one server with its clock and its processes.
type host struct {
	id     event.HostID
	name   string
	rng    *rand.Rand
	gap    time.Duration
	now    time.Time
	boot   time.Time
	bootID event.BootID
	pid    uint32
	serial uint64

	services services
	sessions []*event.Process // shells of people who are logged on
	running  []*event.Process // short-lived programs that have not ended
	out      []event.Event
}

func newHost(i int, o Options) *host {
	rng := rand.New(rand.NewPCG(o.Seed, uint64(i)))
	h := &host{
		id:   event.HostID(fmt.Sprintf("h%016x", rng.Uint64())),
		name: fmt.Sprintf("%s-%02d", pick(rng, roles), i),
		rng:  rng, gap: o.Gap, now: o.Start.Add(time.Duration(rng.IntN(1e9))),
		boot: o.Start.Add(-time.Duration(1+rng.IntN(2000)) * time.Hour),
		pid:  uint32(1000 + rng.IntN(30000)), serial: uint64(rng.IntN(5e6)),
	}
	for j := range h.bootID {
		h.bootID[j] = byte(rng.Uint32())
	}
	h.services = h.startServices()
	return h
}

// frame lets life go on until there are n events.
func (h *host) frame(n int) []event.Event {
	for len(h.out) < n {
		h.live()
	}
	events := make([]event.Event, n)
	copy(events, h.out)
	h.out = append(h.out[:0], h.out[n:]...)
	return events
}

// live lets one thing happen.
func (h *host) live() {
	switch n := h.rng.IntN(100); {
	case n < 30:
		h.job()
	case n < 55:
		h.healthCheck()
	case n < 70:
		h.command()
	case n < 81:
		h.connect()
	case n < 94:
		h.writeFile()
	case n < 97:
		h.logon()
	default:
		h.administer()
	}
	for len(h.running) > 0 && (len(h.running) > 6 || h.rng.IntN(3) == 0) {
		h.end(h.running[0])
		h.running = h.running[1:]
	}
}

// tick lets time pass: mostly little, now and then much.
func (h *host) tick() {
	h.now = h.now.Add(time.Duration(h.rng.ExpFloat64() * float64(h.gap)))
}

// emit adds an event of the present time. Audit stamps milliseconds, perf
// nanoseconds.
func (h *host) emit(e event.Event) {
	e.Time, e.Host = h.now, h.id
	if e.Source == event.SourceAudit {
		e.Time = h.now.Truncate(time.Millisecond)
		h.serial += uint64(1 + h.rng.IntN(3))
		e.Serial = h.serial
	}
	h.out = append(h.out, e)
}

// pick returns one of the choices.
func pick[T any](rng *rand.Rand, choices []T) T { return choices[rng.IntN(len(choices))] }
