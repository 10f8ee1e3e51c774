package render_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
)

// fleetTexts returns what the renderers of server data make of ordinary and
// hostile values.
func fleetTexts(style render.Style) map[string]string {
	evil := hostile().Title
	hosts := []fleet.Host{
		{ID: "h1a2b3c4d5e6f7a8b9c0", Name: "web-1", State: fleet.Active, Enrolled: noon.Add(-time.Hour), LastSeen: noon, Labels: map[string]string{"role": "web", "env": "prod"}, Heartbeat: &fleet.Heartbeat{
			OS: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.18.0-amd64", Arch: "amd64", Agent: "v0.2.0", Addresses: []string{"192.0.2.7", "2001:db8::7"},
			Features: []fleet.Feature{{Name: "audit", State: "running", Detail: "owns the audit records, 88 rules"}},
		}},
		{ID: "h2", Name: evil, State: fleet.Active, LastSeen: noon.Add(-time.Hour), Heartbeat: &fleet.Heartbeat{
			OS: evil, Features: []fleet.Feature{{Name: evil, State: evil, Detail: evil, Warnings: []fleet.Warning{{Code: evil, Text: evil}}}},
		}},
		{ID: "h3", Name: "new-1", State: fleet.Active},
	}
	balance := fleet.Balance{Name: "web-1", Produced: 1_000_000, Combined: 20, Waiting: 7, Stored: 999_903, Dropped: map[fleet.Reason]uint64{fleet.SpoolFull: 65, fleet.Crashed: 3}, Unaccounted: 2}
	ahead := fleet.Balance{Name: evil, Produced: 5, Stored: 8, Unaccounted: -3}
	c := finding.Case{Alert: reverseShell(), HostName: "web-1", Triage: finding.Triage{Status: finding.Acknowledged, Assignee: "alice", By: "bob", Changed: noon}}
	comments := []finding.Comment{{Time: noon, By: "bob", Event: "assigned to alice"}, {Time: noon, By: evil, Text: evil}}
	all := map[string]string{
		"hosts":    render.Hosts(hosts, noon, style),
		"balances": render.Balances([]fleet.Balance{balance, ahead}, balance, style),
		"case":     render.Case(c, comments, style),
		"alerts": render.Alerts([]finding.Summary{
			{ID: "a09b969c9529f581c631ff43bb73a393", Title: c.Title, Severity: finding.High, HostName: "web-1", Count: 3, LastTime: noon, Triage: c.Triage},
			{ID: "b", Title: evil, HostName: evil, Triage: finding.Triage{Status: finding.Open, Assignee: evil}},
		}, style),
	}
	for i, h := range hosts {
		all["host "+strconv.Itoa(i)] = render.Host(h, &balance, noon, style)
	}
	return all
}

func TestServerDataLooksAsReviewed(t *testing.T) {
	for name, text := range fleetTexts(render.Style{Width: 120}) {
		golden(t, "fleet-"+strings.ReplaceAll(name, " ", "-")+"-120", text)
	}
}
