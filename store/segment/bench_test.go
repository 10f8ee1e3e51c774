package segment_test

import (
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/cputime"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment"
)

// frames makes the telemetry of 100 hosts, outside of what is measured.
func frames(n int) (hosts []event.HostID, list [][]event.Event) {
	g := telemetrytest.New(telemetrytest.Options{Hosts: 100, Seed: 1})
	for range n {
		host, frame := g.Frame(320)
		hosts, list = append(hosts, host), append(list, frame)
	}
	return hosts, list
}

// BenchmarkWrite appends and commits batches of 128,000 events. CPU time is
// what counts on a machine that does other things too.
func BenchmarkWrite(b *testing.B) {
	hosts, list := frames(400)
	c := &catalogue{}
	s := open(b, b.TempDir(), c, segment.Options{})
	events, start := 0, cputime.Used()
	for b.Loop() {
		for i, frame := range list {
			if err := s.Append(b.Context(), hosts[i], frame); err != nil {
				b.Fatal(err)
			}
			events += len(frame)
		}
		commit(b, s, c)
	}
	cpu := cputime.Used() - start
	var bytes int64
	for _, seg := range c.list {
		bytes += seg.Bytes
	}
	b.ReportMetric(float64(events)/cpu.Seconds(), "events/cpu-s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(events), "cpu-µs/event")
	b.ReportMetric(float64(bytes)/float64(events), "B/event")
}

// filled returns a store of n segments that follow each other in time.
func filled(b *testing.B, n, framesEach int) (*segment.Store, int) {
	b.Helper()
	c := &catalogue{}
	s := open(b, b.TempDir(), c, segment.Options{})
	g := telemetrytest.New(telemetrytest.Options{Hosts: 100, Seed: 1, Gap: 20 * time.Millisecond})
	events := 0
	for range n {
		for range framesEach {
			host, frame := g.Frame(320)
			if err := s.Append(b.Context(), host, frame); err != nil {
				b.Fatal(err)
			}
			events += len(frame)
		}
		commit(b, s, c)
	}
	return s, events
}

// BenchmarkScan looks for what is not there, so that all events are looked at.
func BenchmarkScan(b *testing.B) {
	s, events := filled(b, 4, 400)
	for name, f := range map[string]store.EventFilter{
		"class":   {Classes: []event.Class{event.ClassMemoryActivity}},
		"process": {Process: event.ProcessUID{PID: 5, Start: 5}},
		"user":    {User: "mallory"},
		"text":    {Text: "no such text anywhere"},
		"time":    {Since: time.Now().AddDate(0, 0, -400), Until: time.Now().AddDate(1, 0, 0), Classes: []event.Class{event.ClassMemoryActivity}, Host: ""},
	} {
		b.Run(name, func(b *testing.B) {
			seen, start := 0, cputime.Used()
			for b.Loop() {
				if list, err := s.Events(b.Context(), f); err != nil || len(list.Items) > 0 {
					b.Fatalf("%d events, %v", len(list.Items), err)
				}
				seen += events
			}
			b.ReportMetric(float64(seen)/(cputime.Used()-start).Seconds(), "events/cpu-s")
		})
	}
	b.Run("whole", func(b *testing.B) {
		seen, start := 0, cputime.Used()
		for b.Loop() {
			err := s.Scan(b.Context(), segment.ScanFilter{}, func(batch []event.Event) error {
				seen += len(batch)
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(seen)/(cputime.Used()-start).Seconds(), "events/cpu-s")
	})
}

// BenchmarkNewest asks for the newest 100 of many segments.
func BenchmarkNewest(b *testing.B) {
	s, _ := filled(b, 30, 60)
	for b.Loop() {
		if list, err := s.Events(b.Context(), store.EventFilter{}); err != nil || len(list.Items) != 100 {
			b.Fatalf("%d events, %v", len(list.Items), err)
		}
	}
}
