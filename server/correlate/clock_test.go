package correlate

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// crossing joins an attack that moves from web to db, whose clock is ahead by
// so much, while it goes on. It returns the incident and the ids of the alerts in
// their true order. Clock is what the server knows of clocks.
func crossing(t *testing.T, ahead time.Duration, clock func(event.HostID) time.Duration, records ...event.Record) (finding.IncidentCase, []string) {
	t.Helper()
	s := newState(t)
	c := newCorrelator(s)
	c.cfg.Clock = clock
	from, to := netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:22")
	var ids []string
	for n, tactic := range []finding.Tactic{"initial-access", "execution", "lateral-movement", "collection", "exfiltration"} {
		at := noon.Add(time.Duration(n) * time.Minute)
		a := alertOf("web", 5, n, at)
		ends := &event.Network{Protocol: "tcp", Local: from, Remote: to}
		if n > 2 {
			a = alertOf("db", 6, n, at.Add(ahead))
			ends.Local, ends.Remote = to, from
		}
		if n == 2 || n == 3 {
			a.Evidence = []event.Event{{Class: event.ClassNetworkActivity, Activity: event.NetworkOpen, Time: a.Time, Network: ends}}
		}
		if n > 2 && len(records) > 0 {
			a.Evidence = append(a.Evidence, event.Event{Records: records})
		}
		a.Tactics = []finding.Tactic{tactic}
		c.cfg.Now = func() time.Time { return at.Add(2 * time.Second) }
		saveAlerts(t, s, at.Add(time.Second), a)
		steps(t, c, -1)
		ids = append(ids, a.ID)
	}
	all := allIncidents(t, s)
	if len(all) != 1 {
		t.Fatalf("there are %d incidents", len(all))
	}
	return all[0], ids
}

// TestClocksThatDiffer tells an attack in its order, and by its cause, whatever
// the clocks of its hosts say.
func TestClocksThatDiffer(t *testing.T) {
	record := event.Record{Type: clockRecord}
	for _, test := range []struct {
		name    string
		ahead   time.Duration // the clock of db
		known   time.Duration // what the server knows of it
		records []event.Record
		ordered bool
	}{
		{"right", 0, 0, nil, true},
		{"minutes behind", -7 * time.Minute, -7 * time.Minute, nil, true},
		{"months behind", -100 * 24 * time.Hour, -100 * 24 * time.Hour, nil, true},
		{"minutes ahead", 8 * time.Minute, 8 * time.Minute, nil, true},
		{"minutes ahead, and nobody knows", 8 * time.Minute, 0, nil, true},
		{"believed by nobody, so that the time is the server's", 0, 3 * time.Hour, []event.Record{record}, true},
		{"minutes behind, and nobody knows", -7 * time.Minute, 0, nil, false},
	} {
		inc, want := crossing(t, test.ahead, func(host event.HostID) time.Duration {
			if host == "db" {
				return test.known
			}
			return 0
		}, test.records...)
		var got []string
		for _, line := range inc.Story {
			got = append(got, line.Signals...)
		}
		if (cmp.Diff(want, got) == "") != test.ordered {
			t.Errorf("%s: the story is %v of %v", test.name, got, want)
		}
		if test.ordered && (len(inc.Tactics) != 5 || inc.LastTime.Sub(inc.Time) > 5*time.Minute) {
			t.Errorf("%s: the tactics are %v, from %v to %v", test.name, inc.Tactics, inc.Time, inc.LastTime)
		}
		crossed := slices.ContainsFunc(inc.Links, func(l finding.Link) bool { return l.Kinds[0] == finding.LinkConnection })
		if !crossed || strings.Contains(strings.Join(inc.Missing, " "), "no connection between them") {
			t.Errorf("%s: links are %+v, missing %q", test.name, inc.Links, inc.Missing)
		}
	}
}
