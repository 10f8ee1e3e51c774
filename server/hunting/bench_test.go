package hunting

import (
	"context"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/cputime"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment"
)

// nameless is a fleet without hosts.
type nameless struct{}

func (nameless) Hosts(context.Context, store.HostFilter, store.Page) (store.List[fleet.Host], error) {
	return store.List[fleet.Host]{}, nil
}

// filled returns an engine over so many frames of 320 events of 100 hosts.
func filled(b *testing.B, frames int) (*Engine, int) {
	b.Helper()
	blobs, err := segment.OpenDirectory(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	c := &catalogue{}
	s, err := segment.Open(b.Context(), blobs, c, segment.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = s.Close(), blobs.Close() })
	g := telemetrytest.New(telemetrytest.Options{Hosts: 100, Seed: 1, Gap: 20 * time.Millisecond})
	events := 0
	for i := range frames {
		host, frame := g.Frame(320)
		if err := s.Append(b.Context(), event.HostID(host), frame); err != nil {
			b.Fatal(err)
		}
		if events += len(frame); i%400 == 399 {
			segments, err := s.Commit(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			c.list = append(c.list, segments...)
			s.Committed()
		}
	}
	return New(Config{Events: s, Hosts: nameless{}, Work: time.Hour}), events
}

// BenchmarkHunt asks typical questions of half a million events.
func BenchmarkHunt(b *testing.B) {
	e, events := filled(b, 1600)
	for _, c := range []struct{ name, query string }{
		{"newest", `events | take 100`},
		{"rare", `process | where command_line contains "no such words" | take 100`},
		{"field", `process | where executable endswith "/no such program" | take 100`},
		{"program", `process | where executable_name == "no such program" | take 100`},
		{"count", `process | summarize count(), dcount(host) by executable | top 20 by count_`},
		{"pattern", `process | where command_line matches regex "curl .*http" | summarize count() by host`},
		{"parents", `process | where parent.executable_name == "sshd" and executable_name in ("bash", "sh") | summarize count() by user.name`},
		{"hours", `events | summarize count() by class, bin(time, 1h)`},
	} {
		b.Run(c.name, func(b *testing.B) {
			start := cputime.Used()
			n := 0
			for b.Loop() {
				answer, err := e.Hunt(b.Context(), "alice", api.HuntRequest{Query: c.query, Limit: 100})
				if err != nil || !answer.Complete {
					b.Fatal(err, answer.Stopped)
				}
				n += events
			}
			b.ReportMetric(float64(n)/(cputime.Used()-start).Seconds(), "events/cpu-s")
		})
	}
}
