package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

const testRules = `
title: A test tool ran
id: 3f1f0c1e-0000-4000-8000-000000000001
logsource: {product: linux, category: process_creation}
detection:
  tool: {Image|endswith: /tool}
  condition: tool
level: high
---
title: Failed logon
id: 3f1f0c1e-0000-4000-8000-000000000002
name: failed
logsource: {product: linux, category: authentication}
detection:
  failed: {Status: failure}
  condition: failed
---
title: Many failed logons
id: 3f1f0c1e-0000-4000-8000-000000000003
correlation:
  type: event_count
  rules: [failed]
  group-by: [SourceIp]
  timespan: 5m
  condition: {gte: 4}
level: medium
`

func compile(t testing.TB, text string) *detect.Ruleset {
	t.Helper()
	rules, err := sigma.Parse("test.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, errs := detect.Compile(rules)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

// fakeStream is a stream that survives crashes.
type fakeStream struct {
	mu       sync.Mutex // guards what follows
	messages []Message
	last     uint64
	grown    chan struct{} // closed when a message comes
	fails    int           // reads that fail
}

func newStream() *fakeStream { return &fakeStream{grown: make(chan struct{})} }

func (s *fakeStream) publish(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	m.Sequence = s.last
	s.messages = append(s.messages, m)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *fakeStream) Read(ctx context.Context, _ string, from uint64, fn func(Message) error) error {
	s.mu.Lock()
	if s.fails > 0 {
		s.fails--
		s.mu.Unlock()
		return errors.New("the stream is away")
	}
	s.mu.Unlock()
	for {
		s.mu.Lock()
		grown := s.grown
		i := slices.IndexFunc(s.messages, func(m Message) bool { return m.Sequence >= from })
		if i < 0 {
			s.mu.Unlock()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-grown:
			}
			continue
		}
		m := s.messages[i]
		s.mu.Unlock()
		m.Frame = slices.Clone(m.Frame)
		if err := fn(m); err != nil {
			return err
		}
		clear(m.Frame) // it is valid for as long as fn runs
		from = m.Sequence + 1
	}
}

func (s *fakeStream) Purge(_ context.Context, _ string, through uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m Message) bool { return m.Sequence <= through })
	return nil
}

func (s *fakeStream) held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// errCrash is what every operation returns once the process counts as dead.
var errCrash = errors.New("killed")

// fault lets the n-th operation on the stores be the last of a process. The
// zero value never does.
type fault struct {
	mu     sync.Mutex // guards what follows
	at     int        // operation that crashes, from 1
	after  bool       // … when it has taken effect
	refuse int        // operations from at on that merely fail, instead of a crash
	count  int
	dead   bool
	kill   context.CancelFunc
}

// step carries out an operation, or not. One that is remote may have been done
// although it failed.
func (f *fault) step(remote bool, do func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.dead {
		return errCrash
	}
	due := f.at > 0 && f.count >= f.at
	if due && f.refuse > 0 {
		if f.refuse--; f.refuse == 0 {
			f.at = 0
		}
		if f.after && remote {
			do()
		}
		return errors.New("no space left on device")
	}
	if !due || f.kill == nil {
		do()
		return nil
	}
	f.dead = true
	f.kill()
	if f.after {
		do()
	}
	return errCrash
}

// begun reports whether there has been trouble.
func (f *fault) begun() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count >= f.at
}

// disk is what survives a crash: the database and the segments' blobs.
type disk struct {
	mu       sync.Mutex // guards what follows
	alerts   map[string]finding.Alert
	covered  map[string]string
	saved    map[string]int // how often an alert was new
	detected uint64
	stored   uint64
	intakes  map[event.HostID]fleet.Intake
	blobs    map[string][]event.Event
	segments map[string]store.Segment
}

func newDisk() *disk {
	return &disk{
		alerts: make(map[string]finding.Alert), covered: make(map[string]string), saved: make(map[string]int), intakes: make(map[event.HostID]fleet.Intake),
		blobs: make(map[string][]event.Event), segments: make(map[string]store.Segment),
	}
}

// events returns the serial numbers of the stored events of a host, sorted.
func (d *disk) events(host event.HostID) []uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var serials []uint64
	for id := range d.segments {
		for _, ev := range d.blobs[id] {
			if ev.Host == host {
				serials = append(serials, ev.Serial)
			}
		}
	}
	slices.Sort(serials)
	return serials
}

func (d *disk) intake(host event.HostID) fleet.Intake {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.intakes[host]
}

func (d *disk) at() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stored
}

// counts returns the alerts with their counts.
func (d *disk) counts() map[string]uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := make(map[string]uint32)
	for id, a := range d.alerts {
		counts[a.Title+" "+id] = a.Count
	}
	return counts
}

// fakeState is a process's connection to the database.
type fakeState struct {
	*disk
	*fault
}

func (s *fakeState) lock(do func()) error {
	return s.step(true, func() {
		s.disk.mu.Lock()
		defer s.disk.mu.Unlock()
		do()
	})
}

func (s *fakeState) SaveCoveredAlerts(_ context.Context, alerts []finding.Alert, covered map[string]string, _ time.Time, done store.Position) (added []string, err error) {
	err = s.lock(func() {
		for _, a := range alerts {
			if _, known := s.alerts[a.ID]; !known {
				s.saved[a.ID]++
				added = append(added, a.ID)
			}
			s.alerts[a.ID] = a
			s.covered[a.ID] = covered[a.ID]
		}
		s.detected = done.Sequence
	})
	return added, err
}

func (s *fakeState) CommitSegments(_ context.Context, segments []store.Segment, intakes map[event.HostID]fleet.Intake, done store.Position) error {
	return s.lock(func() {
		for _, seg := range segments {
			if _, known := s.segments[seg.ID]; known {
				panic("a segment was committed twice")
			}
			s.segments[seg.ID] = seg
		}
		maps.Copy(s.intakes, intakes)
		s.stored = done.Sequence
	})
}

func (s *fakeState) DetectionPosition(context.Context, string) (at uint64, err error) {
	err = s.lock(func() { at = s.detected })
	return at, err
}

func (s *fakeState) StorePosition(context.Context, string) (at uint64, err error) {
	err = s.lock(func() { at = s.stored })
	return at, err
}

func (s *fakeState) Intakes(context.Context) (in map[event.HostID]fleet.Intake, err error) {
	err = s.lock(func() { in = maps.Clone(s.intakes) })
	return in, err
}

// fakeTelemetry holds the events of a process until they are committed.
type fakeTelemetry struct {
	*disk
	*fault
	name  string // of the process
	rows  []event.Event
	since time.Time
	n     int
}

func (t *fakeTelemetry) Append(_ context.Context, _ event.HostID, events []event.Event) error {
	return t.step(false, func() {
		if len(t.rows) == 0 {
			t.since = time.Now()
		}
		t.rows = append(t.rows, events...)
	})
}

func (t *fakeTelemetry) Uncommitted() (rows, bytes int64, since time.Time) {
	return int64(len(t.rows)), 100 * int64(len(t.rows)), t.since
}

func (t *fakeTelemetry) Commit(context.Context) (segments []store.Segment, err error) {
	err = t.step(false, func() {
		if len(t.rows) == 0 {
			return
		}
		t.n++
		seg := store.Segment{ID: fmt.Sprint(t.name, "-", t.n), Rows: int64(len(t.rows))}
		t.disk.mu.Lock()
		defer t.disk.mu.Unlock()
		t.blobs[seg.ID] = slices.Clone(t.rows)
		segments = []store.Segment{seg}
	})
	return segments, err
}

func (t *fakeTelemetry) Committed() { t.rows = nil }

// sender makes the frames of a host.
type sender struct {
	t       testing.TB
	host    event.HostID
	epoch   wire.Epoch
	frames  uint64
	events  uint64
	encoder *wire.Encoder
}

func newSender(t testing.TB, host event.HostID) *sender {
	return &sender{t: t, host: host, epoch: wire.Epoch{1, host[len(host)-1]}, encoder: wire.NewEncoder()}
}

// message returns the next frame with the given events, numbered by their
// serial numbers.
func (s *sender) message(events ...*event.Event) Message {
	s.t.Helper()
	for i, ev := range events {
		ev.Serial = s.events + uint64(i) + 1
	}
	s.frames++
	data, err := s.encoder.AppendFrame(nil, wire.Header{Epoch: s.epoch, Sequence: s.frames, First: s.events + 1, Made: time.Now()}, events)
	if err != nil {
		s.t.Fatal(err)
	}
	s.events += uint64(len(events))
	return Message{Host: s.host, Time: time.Now(), Frame: data}
}

func launch(path string) *event.Event {
	return &event.Event{
		Time: time.Now(), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
		Process: &event.Process{PID: 7, Executable: &event.File{Path: path}, CommandLine: path, User: event.User{UID: 1000, Name: "eve"}},
	}
}

func failure(account string) *event.Event {
	return &event.Event{
		Time: time.Now(), Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusFailure,
		User: &event.User{Name: account}, Logon: &event.Logon{Service: "sshd", Address: address},
	}
}
