package telemetrytest_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
)

func TestTheSameSeedGivesTheSameEvents(t *testing.T) {
	a, b := telemetrytest.New(telemetrytest.Options{Hosts: 3, Seed: 7}), telemetrytest.New(telemetrytest.Options{Hosts: 3, Seed: 7})
	for range 6 {
		hostA, eventsA := a.Frame(200)
		hostB, eventsB := b.Frame(200)
		if hostA != hostB {
			t.Fatalf("hosts %s and %s", hostA, hostB)
		}
		if diff := cmp.Diff(eventsA, eventsB, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
			t.Fatalf("events differ:\n%s", diff)
		}
	}
}

func TestEventsAreThoseOfAServer(t *testing.T) {
	g := telemetrytest.New(telemetrytest.Options{Hosts: 2, Seed: 1})
	byName := make(map[string]int)
	for range 20 {
		host, events := g.Frame(500)
		for i, e := range events {
			byName[e.Name()]++
			if e.Host != host || e.Process == nil || len(e.Process.Lineage()) == 0 {
				t.Fatalf("event %d: host %q, process %+v", i, e.Host, e.Process)
			}
		}
	}
	total := 20 * 500
	for name, atLeast := range map[string]int{
		"process_activity/launch": total / 4, "process_activity/terminate": total / 5, "network_activity/open": total / 20,
		"file_activity/update": total / 100, "authentication/logon": total / 200,
	} {
		if byName[name] < atLeast {
			t.Errorf("%s: %d of %d events, want at least %d", name, byName[name], total, atLeast)
		}
	}
	if len(byName) < 10 {
		t.Errorf("only %d kinds of events: %v", len(byName), byName)
	}
}

func TestHostsAreNamedAsEnrolmentDoes(t *testing.T) {
	g := telemetrytest.New(telemetrytest.Options{Hosts: 50})
	seen := make(map[event.HostID]bool)
	for _, id := range g.Hosts() {
		if len(id) != 17 || id[0] != 'h' || seen[id] {
			t.Errorf("host id %q", id)
		}
		seen[id] = true
	}
}

func BenchmarkFrame(b *testing.B) {
	g := telemetrytest.New(telemetrytest.Options{Hosts: 100})
	events := 0
	for b.Loop() {
		_, frame := g.Frame(500)
		events += len(frame)
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
