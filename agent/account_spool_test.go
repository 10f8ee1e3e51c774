package agent

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/spool"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
)

// The ledger of a spool holds what sensors emitted, what the kernel lost and
// what was folded, and nothing is left over when the agent has stopped.
func TestTheSpoolKeepsTheAccount(t *testing.T) {
	s, err := spool.Open(filepath.Join(t.TempDir(), "spool"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logon := func(source event.Source) event.Event {
		return event.Event{
			Time: time.Now(), Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusSuccess, Source: source,
			User: &event.User{Name: "root"}, Logon: &event.Logon{Service: "sshd", Address: netip.MustParseAddr("192.0.2.1")},
		}
	}
	losing := entry("losing", func(ctx context.Context, host feature.Host) error {
		host.Health.Set(feature.Running, "")
		host.Health.CountDropped("kernel_lost", 10)
		host.Health.AddDropped("malformed", 3)
		host.Health.Count("records", 1000)
		host.Sink.Emit([]event.Event{logon(event.SourceAudit), logon(event.SourceSyslog)})
		<-ctx.Done()
		return nil
	})
	handler := func(events []*event.Event) {
		if _, err := s.Append(events); err != nil {
			t.Error(err)
		}
	}
	a := newAgent(t, Config{Handler: handler, Account: s}, losing, entry("many", emitting(40)))
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	l := s.Ledger()
	if l.Produced != 2+40+10+3 || l.Combined != 1 || l.Dropped[fleet.KernelLost] != 10 || l.Dropped[fleet.Unreadable] != 3 ||
		l.Queued != 0 || l.Sequenced != 41 || l.Sequenced != a.Report().Ledger.Delivered {
		t.Errorf("ledger %+v; report %+v", l, a.Report().Ledger)
	}
}
