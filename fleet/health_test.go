package fleet_test

import (
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/fleet"
)

func TestHealth(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	beat := func(states ...string) *fleet.Heartbeat {
		b := &fleet.Heartbeat{}
		for _, s := range states {
			b.Features = append(b.Features, fleet.Feature{State: s})
		}
		return b
	}
	for want, h := range map[fleet.Health]fleet.Host{
		fleet.HealthRevoked:  {State: fleet.Revoked, LastSeen: now, Heartbeat: beat("failed")},
		fleet.HealthNew:      {State: fleet.Active},
		fleet.HealthSilent:   {State: fleet.Active, LastSeen: now.Add(-fleet.Silence - time.Second), Heartbeat: beat("running")},
		fleet.HealthDegraded: {State: fleet.Active, LastSeen: now, Heartbeat: beat("running", "failed")},
		fleet.HealthOK:       {State: fleet.Active, LastSeen: now.Add(-fleet.Silence), Heartbeat: beat("running", "off", "unsupported")},
	} {
		if got := h.Health(now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
