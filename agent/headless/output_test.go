package headless

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/aggregate"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// line is what the tests look at in a line of output.
type line struct {
	Command string
	Count   uint32
	Span    time.Duration // from time to end_time
}

func newTestOutput(t *testing.T, w *bytes.Buffer, window time.Duration) *output {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o := &output{w: w, log: log, events: true, lowest: finding.Informational}
	if window > 0 {
		o.repeats = aggregate.New(aggregate.Options{Window: window})
	}
	if err := o.useRules(nil); err != nil {
		t.Fatal(err)
	}
	return o
}

// launches are n starts of the same program, a second apart.
func launches(command string, n int) []*event.Event {
	var events []*event.Event
	for i := range n {
		events = append(events, &event.Event{
			Time: time.Now().Add(time.Duration(i) * time.Second), Class: event.ClassProcessActivity,
			Activity: event.ProcessLaunch, Status: event.StatusSuccess,
			Process: &event.Process{PID: uint32(i + 1), CommandLine: command, Executable: &event.File{Path: "/bin/true"}},
		})
	}
	return events
}

func read(t *testing.T, out *bytes.Buffer) []line {
	t.Helper()
	var lines []line
	decoder := json.NewDecoder(out)
	for decoder.More() {
		var e event.Event
		if err := decoder.Decode(&e); err != nil {
			t.Fatal(err)
		}
		l := line{Command: e.Process.CommandLine, Count: e.Count}
		if e.Count > 0 {
			l.Span = e.Last.Sub(e.Time)
		}
		lines = append(lines, l)
	}
	return lines
}

func TestRepeatsAreAggregated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		o := newTestOutput(t, &out, 10*time.Second)
		o.handle(launches("a", 5))
		o.handle(launches("b", 1))
		if diff := cmp.Diff([]line{{Command: "a"}, {Command: "b"}}, read(t, &out)); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		o.attend(ctx)
		if diff := cmp.Diff([]line{{Command: "a", Count: 4, Span: 3 * time.Second}}, read(t, &out)); diff != "" {
			t.Errorf("after the window (-want +got):\n%s", diff)
		}
		o.handle(launches("a", 3))
		read(t, &out)
		o.close()
		if diff := cmp.Diff([]line{{Command: "a", Count: 2, Span: time.Second}}, read(t, &out)); diff != "" {
			t.Errorf("at the end (-want +got):\n%s", diff)
		}
		if o.passed() != 3 || o.folded() != 6 {
			t.Errorf("%d written, %d aggregated of 9", o.passed(), o.folded())
		}
	})
}

func TestEveryEventIsWrittenWithoutWindow(t *testing.T) {
	var out bytes.Buffer
	o := newTestOutput(t, &out, 0)
	o.handle(launches("a", 5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.attend(ctx)
	o.close()
	if lines := read(t, &out); len(lines) != 5 || o.passed() != 5 || o.folded() != 0 {
		t.Errorf("%d lines, %d written, %d aggregated", len(lines), o.passed(), o.folded())
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFailingOutputIsCounted(t *testing.T) {
	o := newTestOutput(t, nil, 0)
	o.w = full{}
	o.handle(launches("a", 3))
	if o.unwritten != 3 {
		t.Errorf("%d lines lost, counted %d", 3, o.unwritten)
	}
}

func TestWindow(t *testing.T) {
	for seconds, want := range map[int]time.Duration{0: 10 * time.Second, -1: 0, 30: 30 * time.Second} {
		if got := (&Config{EventsWindowSeconds: seconds}).window(); got != want {
			t.Errorf("%d: got %v", seconds, got)
		}
	}
}
