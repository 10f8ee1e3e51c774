package chaos_test

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/spool"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	fleettest "github.com/holdfast-security/holdfast/test/fleet"
)

// TestRealAgentSurvivesKills kills the agent, with its sensors on the real
// kernel, while the host starts programs by the hundred: what the kernel said is
// stored, or the ledger says where it went.
func TestRealAgentSurvivesKills(t *testing.T) {
	hosttest.Root(t)
	kills := 3
	if hosttest.Full() {
		kills = 10
	}
	programs := fleettest.Build(t)
	server := fleettest.NewServer(t, fleettest.ServerOptions{})
	held, err := hosttest.HoldAudit()
	if err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(held)
	t.Cleanup(release)
	agent := server.Enrol("")
	agent.Start()
	agent.AwaitConnected()
	storm := fleettest.Launch(t, exec.Command(programs.Storm, "-run", "chaos", "-rate", "200", "-for", "10m"))
	for range kills {
		time.Sleep(time.Duration(300+rand.IntN(700)) * time.Millisecond)
		agent.Kill()
		agent.Start()
	}
	agent.AwaitConnected()
	time.Sleep(time.Second)
	storm.Kill()
	agent.Stop()
	release()

	local := ledgerOf(t, agent)
	fleettest.Await(t, "the last heartbeat is noted", func() bool {
		b, err := server.Balance(agent.Host)
		return err == nil && b.Produced == local.Produced
	})
	server.Stop() // which stores what it holds
	server.Start()
	checkStored(t, server, agent, local)
}

// ledgerOf reads the ledger of an agent that was stopped.
func ledgerOf(t *testing.T, a *fleettest.Agent) fleet.Ledger {
	t.Helper()
	s, err := spool.Open(filepath.Join(a.StateDir, "spool"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Ledger()
}

// checkStored compares the agent's ledger with the server's side and with what
// is stored.
func checkStored(t *testing.T, server *fleettest.Server, agent *fleettest.Agent, local fleet.Ledger) {
	t.Helper()
	var b fleet.Balance
	fleettest.Await(t, "what the server took is stored", func() bool {
		var err error
		b, err = server.Balance(agent.Host)
		return err == nil && b.Stored >= local.Acknowledged
	})
	t.Logf("balance %+v", b)
	if b.Unaccounted != 0 {
		t.Errorf("%d events are unaccounted for", b.Unaccounted)
	}
	if b.Stored+b.Waiting != local.Sequenced || b.Waiting > local.Spooled {
		t.Errorf("%d are stored and %d wait; the agent gave %d numbers, and %d are in its spool", b.Stored, b.Waiting, local.Sequenced, local.Spooled)
	}
	for why, n := range b.Dropped {
		if local.Dropped[why] != n {
			t.Errorf("%d events were dropped as %s, %d of them by the agent", n, why, local.Dropped[why])
		}
	}
	events, err := server.Events(t.Context(), client.ListEventsQuery{Host: string(agent.Host)})
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(events)) != b.Stored {
		t.Errorf("the ledger says that %d events are stored, and %d are", b.Stored, len(events))
	}
	starts := make(map[string]bool)
	for i := range events {
		if p := events[i].Process; p != nil && len(p.Arguments) == 3 && p.Arguments[1] == "chaos" {
			if _, err := strconv.Atoi(p.Arguments[2]); err == nil {
				starts[p.Arguments[2]] = true
			}
		}
	}
	if len(starts) == 0 {
		t.Error("no start of the storm is stored")
	}
	t.Logf("%d starts of the storm are stored", len(starts))
}
