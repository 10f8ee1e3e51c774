package fleet_test

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/test/fleet"
)

func TestMain(m *testing.M) {
	code := m.Run()
	fleet.Remove()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// TestWhole walks the harness once: everything that others build on.
func TestWhole(t *testing.T) {
	s := fleet.NewServer(t, fleet.ServerOptions{})
	a := s.Enrol("only: [procfs]")
	a.Start()
	a.AwaitConnected()
	fleet.Await(t, "the ledger knows the host", func() bool {
		b, err := s.Balance(a.Host)
		return err == nil && !b.Time.IsZero()
	})
	s.Kill()
	fleet.Await(t, "the agent notices", func() bool {
		report, err := a.Status()
		return err == nil && report.Server.Connection.State != transport.Connected
	})
	s.Start()
	a.AwaitConnected()
	a.Kill()
	a.Start()
	a.AwaitConnected()
	fleet.Await(t, "events arrive", func() bool {
		page, err := s.Client().ListEvents(t.Context(), client.ListEventsQuery{Limit: 1, Host: string(a.Host)})
		return err == nil && len(page.Items) > 0
	})
	if text := a.StatusText(); !strings.Contains(text, string(a.Host)) {
		t.Errorf("status says %q", text)
	}
	if text := s.Metrics(); !strings.Contains(text, "holdfast_gateway_frames_total") {
		t.Error("no metric of the gateway")
	}
	if n := s.Refused("malformed"); n > 0 {
		t.Errorf("%d messages were malformed", n)
	}
	a.Stop()
	s.Stop()
	if s.Running() {
		t.Error("the server runs on")
	}
}
