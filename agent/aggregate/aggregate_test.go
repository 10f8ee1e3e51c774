package aggregate_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/aggregate"
	"github.com/holdfast-security/holdfast/event"
)

func at(seconds float64) time.Time {
	return time.Unix(1700000000, 0).Add(time.Duration(seconds * float64(time.Second))).UTC()
}

func launch(seconds float64, pid uint32, command string) event.Event {
	return event.Event{
		Time: at(seconds), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
		Process: &event.Process{
			PID: pid, Executable: &event.File{Path: "/bin/sh"}, CommandLine: command, Arguments: []string{command},
		},
	}
}

// show writes an event as "command pid xCount first-last".
func show(events []event.Event) (out []string) {
	for _, ev := range events {
		s := fmt.Sprintf("%s %d", ev.Process.CommandLine, ev.Process.PID)
		if ev.Count > 0 {
			s += fmt.Sprintf(" x%d %v-%v", ev.Count, ev.Time.Sub(at(0)), ev.Last.Sub(at(0)))
		}
		out = append(out, s)
	}
	return out
}

func TestAggregator(t *testing.T) {
	a := aggregate.New(aggregate.Options{MaxEvents: 2})
	step := func(name string, got []event.Event, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, show(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	step("the first passes", a.Add(nil, launch(0, 1, "a")), "a 1")
	step("repeats are held", a.Add(nil, launch(1, 2, "a")))
	step("repeats are held", a.Add(nil, launch(3, 3, "a")))
	step("others pass", a.Add(nil, launch(4, 4, "b")), "b 4")
	step("nothing ended", a.Advance(nil, at(9.9)))
	step("a late event changes nothing", a.Advance(nil, at(2)))
	step("the window ends", a.Advance(nil, at(10)), "a 2 x2 1s-3s")
	step("a new one begins", a.Add(nil, launch(11, 5, "a")), "a 5")
	step("a quiet window leaves nothing", a.Advance(nil, at(15)))
	step("room is made by ending the oldest", a.Add(a.Add(a.Add(nil, launch(15, 6, "a")), launch(16, 7, "c")), launch(17, 8, "d")),
		"c 7", "a 6 x1 15s-15s", "d 8")
	step("no repeats left", a.Flush(nil))
	if got, want := a.Stats(), (aggregate.Stats{Received: 8, Passed: 5, Folded: 3, Summaries: 2}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestAggregatorCountsAddUp(t *testing.T) {
	a := aggregate.New(aggregate.Options{MaxEvents: 8})
	var got []event.Event
	for i := range 10000 {
		got = a.Add(got, launch(float64(i)/7, uint32(i), fmt.Sprint(i%(1+i%13))))
		var sum uint64
		if i%1000 == 0 {
			for k := range got {
				sum += uint64(got[k].Repeats())
			}
			s := a.Stats()
			if s.Received != sum+s.Held || s.Received != s.Passed+s.Folded || s.Passed+s.Summaries != uint64(len(got)) {
				t.Fatalf("after %d events: %d delivered with repeats, %+v", i+1, sum, s)
			}
		}
	}
}

func TestAggregatorOutlivesAClockSetBack(t *testing.T) {
	a := aggregate.New(aggregate.Options{})
	got := a.Add(a.Add(nil, launch(5000, 1, "a")), launch(5001, 2, "a"))
	got = a.Add(got, launch(0, 3, "a"))
	got = a.Add(got, launch(1, 4, "a"))
	got = a.Advance(got, at(10))
	want := []string{"a 1", "a 2 x1 1h23m21s-1h23m21s", "a 3", "a 4 x1 1s-1s"}
	if diff := cmp.Diff(want, show(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAggregatorFoldsConnectionsToOneService(t *testing.T) {
	connection := func(direction, local, remote string) event.Event {
		return event.Event{Time: at(0), Class: event.ClassNetworkActivity, Network: &event.Network{
			Protocol: "tcp", Direction: direction, Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
		}}
	}
	first := connection("outbound", "192.0.2.1:40000", "192.0.2.9:443")
	for name, c := range map[string]struct {
		second event.Event
		passed int
	}{
		"another port of ours":       {connection("outbound", "192.0.2.1:40001", "192.0.2.9:443"), 1},
		"another service":            {connection("outbound", "192.0.2.1:40000", "192.0.2.9:80"), 2},
		"another host":               {connection("outbound", "192.0.2.1:40000", "192.0.2.8:443"), 2},
		"the other way":              {connection("inbound", "192.0.2.1:40000", "192.0.2.9:443"), 2},
		"another direction of ports": {connection("", "192.0.2.1:40001", "192.0.2.9:443"), 2},
	} {
		a := aggregate.New(aggregate.Options{})
		if got := a.Add(a.Add(nil, first), c.second); len(got) != c.passed {
			t.Errorf("%s: %d events passed, want %d", name, len(got), c.passed)
		}
	}
}

func TestAggregatorPassesLogons(t *testing.T) {
	a := aggregate.New(aggregate.Options{})
	ev := event.Event{Time: at(0), Class: event.ClassAuthentication, Activity: event.AuthLogon}
	if got := a.Add(a.Add(nil, ev), ev); len(got) != 2 {
		t.Errorf("%d of 2 logons passed", len(got))
	}
}

func BenchmarkAggregator(b *testing.B) {
	a := aggregate.New(aggregate.Options{})
	events := make([]event.Event, 100)
	for i := range events {
		events[i] = launch(0, 1, fmt.Sprint("command ", i))
	}
	var out []event.Event
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		out = a.Add(out[:0], events[i%len(events)])
		i++
	}
}
