package ingest

import (
	"runtime/debug"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// Bounds of what detection remembers of one host. An agent that was taken over
// can fill them, at the cost of what is remembered of its own host only.
const (
	hostGroups = 256 // entities that each correlation tells apart
	hostValues = 256 // distinct values of each
	hostAlerts = 512 // alerts that may repeat
)

// forgetAfter is after what silence a host's memory is let go. Rules look
// minutes back, repeats of an alert are joined within minutes, too.
const forgetAfter = 24 * time.Hour

// memory is what detection remembers of a host.
type memory struct {
	*alert.Memory
	used time.Time // by the stream's clock
}

// detect runs the events of a frame through the rules. Rules that panic on an
// event must not end the server, for it would be the first that is read after a
// restart: the rest of the frame goes undetected, loudly, and what was
// remembered of the host is forgotten.
func (p *Pipeline) detect(f *frame) {
	m := p.memories[f.host]
	if m == nil {
		limits := detect.Limits{Groups: hostGroups, Values: hostValues}
		m = &memory{Memory: p.detector.NewMemory(limits, hostAlerts)}
		p.memories[f.host] = m
	}
	m.used = f.taken
	events := make([]*event.Event, len(f.events))
	for i := range f.events {
		events[i] = &f.events[i]
	}
	defer func() {
		if trouble := recover(); trouble != nil {
			p.stats.panics.Add(1)
			p.cfg.Log.Error("detection failed on a frame; its events are stored", "host", f.host, "stream_sequence", f.sequence,
				"panic", trouble, "stack", string(debug.Stack()))
			p.detector = p.newDetector()
			delete(p.memories, f.host)
		}
	}()
	p.detector.Use(m.Memory)
	p.detector.Handle(events)
	if p.cfg.Trial != nil && !p.quiet {
		p.cfg.Trial.Handle(f.host, events)
	}
}

// newDetector returns a detector for the rules that were in force when
// detection was prepared: the memories of hosts belong to them.
func (p *Pipeline) newDetector() *alert.Detector {
	d := alert.NewDetector(p.inForce, detect.Limits{}, nil, p.report)
	d.UseIndicators(p.cfg.Indicators)
	return d
}

// forget lets go of hosts that have been silent.
func (p *Pipeline) forget(now time.Time) {
	for host, m := range p.memories {
		if now.Sub(m.used) > forgetAfter {
			delete(p.memories, host)
		}
	}
}

// report takes an alert from detection.
func (p *Pipeline) report(a finding.Alert, repeat bool) {
	if p.quiet {
		return
	}
	if repeat {
		p.stats.repeats.Add(1)
	} else {
		p.stats.alerts.Add(1)
	}
	p.batch.add(a)
}

// maxBatch is how many alerts are saved in one step at most, give or take a
// frame's.
const maxBatch = 500

// batch are alerts that wait to be saved, each once, in the order in which
// they were raised. The zero value is empty.
type batch struct {
	alerts []finding.Alert
	places map[string]int
	since  time.Time // when the first came
}

func (b *batch) add(a finding.Alert) {
	if i, ok := b.places[a.ID]; ok {
		b.alerts[i] = a
		return
	}
	if b.places == nil {
		b.places = make(map[string]int)
		b.since = time.Now()
	}
	b.places[a.ID] = len(b.alerts)
	b.alerts = append(b.alerts, a)
}

// due reports whether the batch is to be saved now.
func (b *batch) due(delay time.Duration) bool {
	return len(b.alerts) >= maxBatch || len(b.alerts) > 0 && time.Since(b.since) >= delay
}
