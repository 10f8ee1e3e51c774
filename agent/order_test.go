package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

var base = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(offset time.Duration, source event.Source, serial uint64) event.Event {
	return event.Event{Time: base.Add(offset), Source: source, Serial: serial}
}

func TestSequencerOrdersAcrossSensors(t *testing.T) {
	var s sequencer
	var got []uint64
	collect := func(e *event.Event) { got = append(got, e.Serial) }

	// The audit batch arrives first, although the perf fork happened before it
	// within the same millisecond.
	s.add([]queued{
		{event: at(10*time.Millisecond, event.SourceAudit, 2), arrived: base.Add(20 * time.Millisecond)},
		{event: at(40*time.Millisecond, event.SourceAudit, 4), arrived: base.Add(45 * time.Millisecond)},
	})
	if wait := s.release(base.Add(30*time.Millisecond), false, collect); wait == 0 || len(got) != 0 {
		t.Fatalf("released %v before older events could arrive, wait %v", got, wait)
	}
	s.add([]queued{
		{event: at(10*time.Millisecond+700*time.Microsecond, event.SourcePerf, 1), arrived: base.Add(31 * time.Millisecond)},
		{event: at(12*time.Millisecond, event.SourcePerf, 3), arrived: base.Add(31 * time.Millisecond)},
	})
	s.release(base.Add(10*time.Millisecond+holdBack+2*time.Millisecond), false, collect)
	s.release(base.Add(50*time.Millisecond+holdBack), false, collect)
	if want := []uint64{1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
	if wait := s.release(base.Add(time.Second), false, collect); wait != 0 {
		t.Errorf("an empty sequencer wants to wait %v", wait)
	}
}

func TestSequencerDoesNotWaitForAClockStep(t *testing.T) {
	var s sequencer
	n := 0
	s.add([]queued{{event: at(time.Hour, event.SourceAudit, 1), arrived: base}})
	s.release(base.Add(longestHold-time.Millisecond), false, func(*event.Event) { n++ })
	if n != 0 {
		t.Fatal("an event ahead of the clock was released at once")
	}
	s.release(base.Add(longestHold), false, func(*event.Event) { n++ })
	if n != 1 {
		t.Error("an event an hour ahead of the clock is held back for ever")
	}
}

func TestSequencerReleasesAllOnStop(t *testing.T) {
	var s sequencer
	n := 0
	s.add([]queued{{event: at(0, event.SourcePerf, 1), arrived: base}, {event: at(1, event.SourcePerf, 2), arrived: base}})
	s.release(base, true, func(*event.Event) { n++ })
	if n != 2 {
		t.Errorf("%d of 2 events released on stop", n)
	}
}

func TestQueueCountsWhatDoesNotFit(t *testing.T) {
	q := newQueue(3, 1<<20)
	if dropped := q.put(make([]event.Event, 5), base); dropped != 2 {
		t.Errorf("dropped %d of 5 with room for 3, want 2", dropped)
	}
	if n := len(q.take(nil, base)); n != 3 {
		t.Errorf("took %d, want 3", n)
	}
	huge := event.Event{Message: string(make([]byte, 1<<20))}
	if dropped := q.put([]event.Event{huge, {}}, base); dropped != 1 {
		t.Errorf("dropped %d, want only the event that exceeds the byte bound", dropped)
	}
}

func TestQueueWakesTheConsumerOnce(t *testing.T) {
	woken := func(q *queue) bool {
		select {
		case <-q.ready:
			return true
		default:
			return false
		}
	}
	q := newQueue(1<<16, 1<<30)
	put := func(n int, after time.Duration) { q.put(make([]event.Event, n), base.Add(after)) }
	if put(1, 0); !woken(q) {
		t.Fatal("a consumer at rest was not woken")
	}
	q.take(nil, base)
	if put(1, signalEvery-1); woken(q) {
		t.Error("woken although it would have come by itself")
	}
	if put(signalFull, signalEvery-1); !woken(q) {
		t.Error("not woken although much waits")
	}
	if put(1, signalEvery); !woken(q) {
		t.Error("not woken by the batch after the pause")
	}
	q.take(nil, base.Add(signalEvery))
	q.take(nil, base.Add(signalEvery))
	if put(1, signalEvery); !woken(q) {
		t.Error("not woken although it found nothing and rests")
	}
}

func TestFolderPassesTheHighestCount(t *testing.T) {
	logon := func(source event.Source, offset time.Duration) *event.Event {
		return &event.Event{
			Time: base.Add(offset), Source: source, Class: event.ClassAuthentication, Activity: event.AuthLogon,
			Status: event.StatusFailure, User: &event.User{Name: "root"}, Logon: &event.Logon{Service: "sshd"},
		}
	}
	unknown := func(source event.Source, user string) *event.Event {
		e := logon(source, 0)
		e.User, e.Logon.Invalid = &event.User{Name: user}, true
		return e
	}
	for name, test := range map[string]struct {
		events []*event.Event
		want   int
	}{
		"only one knows the name":   {[]*event.Event{unknown("audit", ""), unknown("syslog", "oracle")}, 1},
		"one sensor repeats":        {[]*event.Event{logon("audit", 0), logon("audit", 1), logon("audit", 2)}, 3},
		"two sensors see the same":  {[]*event.Event{logon("audit", 0), logon("syslog", 1), logon("audit", 2), logon("syslog", 3)}, 2},
		"the second sees more":      {[]*event.Event{logon("audit", 0), logon("syslog", 1), logon("syslog", 2), logon("syslog", 3)}, 3},
		"again after the window":    {[]*event.Event{logon("audit", 0), logon("syslog", foldWindow+time.Second)}, 2},
		"other classes always pass": {[]*event.Event{{Class: event.ClassProcessActivity}, {Class: event.ClassProcessActivity, Source: "perf"}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var f folder
			passed := 0
			for _, e := range test.events {
				if !f.duplicate(e) {
					passed++
				}
			}
			if passed != test.want {
				t.Errorf("%d events passed, want %d", passed, test.want)
			}
		})
	}
}
