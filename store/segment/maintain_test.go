package segment_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment"
)

// fill appends frames and commits after each.
func fill(t testing.TB, s *segment.Store, c *catalogue, g *telemetrytest.Generator, frames, events int) {
	t.Helper()
	for range frames {
		host, frame := g.Frame(events)
		if err := s.Append(t.Context(), host, frame); err != nil {
			t.Fatal(err)
		}
		commit(t, s, c)
	}
}

func commit(t testing.TB, s *segment.Store, c *catalogue) {
	t.Helper()
	segments, err := s.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.add(segments)
	s.Committed()
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// everything reads all events page by page.
func everything(t testing.TB, s *segment.Store) []event.Event {
	t.Helper()
	var all []event.Event
	for f := (store.EventFilter{Limit: 400}); ; {
		list, err := s.Events(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list.Items...)
		if f.After = list.Next; f.After == "" {
			return all
		}
	}
}

func TestCompactKeepsEveryEvent(t *testing.T) {
	dir, c := t.TempDir(), &catalogue{}
	s := open(t, dir, c, segment.Options{MergeRows: 600})
	fill(t, s, c, telemetrytest.New(telemetrytest.Options{Hosts: 3, Gap: time.Millisecond}), 20, 50)
	before := everything(t, s)
	n, err := s.Compact(t.Context(), c, before[0].Time.Add(time.Second))
	if err != nil || n == 0 {
		t.Fatalf("compacted %d segments, %v", n, err)
	}
	if len(c.list) >= 10 || len(files(t, dir)) != len(c.list) {
		t.Errorf("%d segments in %d files are left of 20", len(c.list), len(files(t, dir)))
	}
	if after := everything(t, s); !reflect.DeepEqual(before, after) {
		t.Errorf("%d events before, %d after, or others", len(before), len(after))
	}
	for _, seg := range c.list {
		if seg.Rows > 600 {
			t.Errorf("a segment of %d rows", seg.Rows)
		}
	}
	if n, err := s.Compact(t.Context(), c, before[0].Time.Add(time.Second)); err != nil || n != 0 {
		t.Errorf("a second time compacted %d segments, %v", n, err)
	}
}

func TestQueriesSeeEachEventOnceWhileSegmentsChange(t *testing.T) {
	c := &catalogue{}
	s := open(t, t.TempDir(), c, segment.Options{MaxRows: 70})
	g := telemetrytest.New(telemetrytest.Options{Hosts: 2, Gap: time.Millisecond})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			least := 0
			for {
				seen := 0
				err := s.Scan(t.Context(), segment.ScanFilter{}, func(events []event.Event) error {
					seen += len(events)
					return nil
				})
				if err != nil || seen < least || seen%30 != 0 {
					t.Errorf("a scan saw %d events after one saw %d: %v", seen, least, err)
					return
				}
				least = seen
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 6 { // every second makes four segments, enough for a merge
		fill(t, s, c, g, 2, 30)
		if _, err := s.Compact(t.Context(), c, time.Now().AddDate(10, 0, 0)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if n := len(everything(t, s)); n != 360 {
		t.Errorf("%d events, want 360", n)
	}
}

func TestDropRemovesWholeDays(t *testing.T) {
	dir, c := t.TempDir(), &catalogue{}
	s := open(t, dir, c, segment.Options{})
	first := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		if err := s.Append(t.Context(), "h1", []event.Event{{Time: first.AddDate(0, 0, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, s, c)
	n, err := s.Drop(t.Context(), c, first.AddDate(0, 0, 2), 100)
	if err != nil || n != 2 {
		t.Errorf("dropped %d, %v; want 2", n, err)
	}
	if events := everything(t, s); len(events) != 3 || len(files(t, dir)) != 3 {
		t.Errorf("%d events in %d files, want 3", len(events), len(files(t, dir)))
	}
}

func TestOrphansAreRemovedOnceOld(t *testing.T) {
	dir, c := t.TempDir(), &catalogue{}
	s := open(t, dir, c, segment.Options{})
	fill(t, s, c, telemetrytest.New(telemetrytest.Options{Hosts: 1}), 1, 10)
	day := filepath.Dir(files(t, dir)[0])
	old, young, foreign := filepath.Join(day, "old.parquet"), filepath.Join(day, "young.parquet.unfinished"), filepath.Join(dir, "README")
	for _, name := range []string{old, young, foreign} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{old, foreign, files(t, dir)[0]} {
		if err := os.Chtimes(name, long, long); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir, c, segment.Options{})
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the orphan is still there: %v", err)
	}
	for _, name := range []string{young, foreign} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s is gone: %v", filepath.Base(name), err)
		}
	}
	if n := len(everything(t, again)); n != 10 {
		t.Errorf("%d events, want 10", n)
	}
}

func TestDamagedSegmentsAreNamedAndTheRestIsRead(t *testing.T) {
	dir, c := t.TempDir(), &catalogue{}
	s := open(t, dir, c, segment.Options{})
	fill(t, s, c, telemetrytest.New(telemetrytest.Options{Hosts: 1, Gap: time.Millisecond}), 6, 10)
	list := files(t, dir)
	if err := os.Truncate(list[1], 700); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(list[2]); err != nil {
		t.Fatal(err)
	}
	got, err := s.Events(t.Context(), store.EventFilter{})
	var damaged *segment.DamagedError
	if !errors.As(err, &damaged) || !errors.Is(err, store.ErrPartial) || len(damaged.Segments) != 2 {
		t.Fatalf("error %v, want two damaged segments", err)
	}
	for i, d := range damaged.Segments {
		if filepath.Base(d.Name) != filepath.Base(list[1+i]) || !strings.Contains(err.Error(), d.Name) {
			t.Errorf("damaged segment %q, want %q, in %q", d.Name, list[1+i], err)
		}
	}
	if len(got.Items) != 40 {
		t.Errorf("%d events, want 40", len(got.Items))
	}
	if n, err := s.Compact(t.Context(), c, time.Now().AddDate(10, 0, 0)); n != 4 || !errors.Is(err, store.ErrPartial) {
		t.Errorf("compacted %d, %v; want the four that are whole and an error", n, err)
	}
	if len(c.list) != 3 {
		t.Errorf("%d segments in the catalogue, want the merged one and the two damaged", len(c.list))
	}
}

func TestAFullDiskLosesNothing(t *testing.T) {
	dir, c := t.TempDir(), &catalogue{}
	s := open(t, dir, c, segment.Options{MaxRows: 10})
	g := telemetrytest.New(telemetrytest.Options{Hosts: 1, Gap: time.Millisecond})
	host, frame := g.Frame(10)
	if err := s.Append(t.Context(), host, frame); err != nil {
		t.Fatal(err)
	}
	// A file where the day's folder should be refuses as a full disk does.
	day := filepath.Join(dir, frame[0].Time.Format(time.DateOnly))
	if err := os.WriteFile(day, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, more := g.Frame(10)
	if err := s.Append(t.Context(), host, more); err == nil {
		t.Fatal("appended to a full batch that cannot be written")
	}
	if _, err := s.Commit(t.Context()); err == nil {
		t.Fatal("committed without a file")
	}
	if n := len(everything(t, s)); n != 10 {
		t.Errorf("%d events while the disk is full, want 10", n)
	}
	if err := os.Remove(day); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), host, more); err != nil {
		t.Fatal(err)
	}
	commit(t, s, c)
	if n := len(everything(t, s)); n != 20 {
		t.Errorf("%d events, want 20", n)
	}
}

func TestProcessesOfAHost(t *testing.T) {
	c := &catalogue{}
	s := open(t, t.TempDir(), c, segment.Options{})
	at := func(n int) time.Time { return time.Date(2026, 11, 20, 0, 0, n, 0, time.UTC) }
	process := func(pid uint32, line string, n int) *event.Process {
		return &event.Process{UID: event.ProcessUID{PID: pid, Start: uint64(pid)}, PID: pid, CommandLine: line, Executed: at(n)}
	}
	did := func(n int, a event.Activity, p *event.Process) event.Event {
		return event.Event{Time: at(n), Class: event.ClassProcessActivity, Activity: a, Process: p}
	}
	ended := did(5, event.ProcessTerminate, process(2, "b", 2))
	ended.Exit = &event.Exit{Code: 3}
	events := []event.Event{
		did(1, event.ProcessLaunch, process(1, "a", 1)), did(2, event.ProcessLaunch, process(2, "b", 2)),
		did(4, event.ProcessLaunch, process(1, "a2", 4)), ended, did(6, event.ProcessLaunch, process(3, "c", 6)),
	}
	if err := s.Append(t.Context(), "h1", events[:3]); err != nil {
		t.Fatal(err)
	}
	commit(t, s, c)
	if err := s.Append(t.Context(), "h1", events[3:]); err != nil {
		t.Fatal(err)
	}
	got, err := s.Processes(t.Context(), "h1", at(2))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range got {
		lines = append(lines, p.Process.CommandLine)
	}
	if !reflect.DeepEqual(lines, []string{"c", "a2", "b"}) {
		t.Fatalf("processes %q, want the running ones first, newest first, in their latest image", lines)
	}
	if b := got[2]; b.Running || b.Exit == nil || b.Exit.Code != 3 || !b.First.Equal(at(2)) || !b.Last.Equal(at(5)) {
		t.Errorf("the one that ended is %+v", b)
	}
}

func TestScanStopsWithTheError(t *testing.T) {
	c := &catalogue{}
	s := open(t, t.TempDir(), c, segment.Options{})
	fill(t, s, c, telemetrytest.New(telemetrytest.Options{Hosts: 2}), 4, 10)
	want := errors.New("enough")
	calls := 0
	err := s.Scan(t.Context(), segment.ScanFilter{}, func([]event.Event) error {
		calls++
		return want
	})
	if err != want || calls > 2 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}
