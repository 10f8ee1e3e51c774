package sqlstore

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// BenchmarkIncidents lists and counts among ten thousand incidents.
func BenchmarkIncidents(b *testing.B) {
	s := openTest(b, filepath.Join(b.TempDir(), "state.db"))
	defer s.Close()
	const all, part = 10_000, 500
	for n := range all / part {
		step := store.CorrelationStep{Number: int64(n + 1), Journal: []byte("x"), Time: testTime}
		for i := range part {
			id := n*part + i
			step.Incidents = append(step.Incidents, finding.Incident{
				ID: fmt.Sprintf("incident-%d", id), Title: fmt.Sprint("Web shell led to credential access on host-", id), Severity: finding.Severity(id % 4), Score: float64(id % 97),
				Time: testTime, LastTime: testTime.Add(time.Duration(id) * time.Minute), Hosts: []event.HostID{event.HostID(fmt.Sprint("h", id%500))},
				Tactics: []finding.Tactic{"initial-access", "credential-access"}, Story: make([]finding.StoryLine, 8),
			})
		}
		if _, err := s.SaveCorrelation(b.Context(), step); err != nil {
			b.Fatal(err)
		}
	}
	filters := map[string]store.IncidentFilter{
		"all": {}, "host": {Host: []event.HostID{"h7"}}, "rare text": {Text: "host-9999"}, "no text": {Text: "nowhere"},
		"high and open": {Severity: []finding.Severity{finding.High}, Status: []finding.Status{finding.Open}}, "tactic": {Tactic: []finding.Tactic{"credential-access"}},
	}
	for name, f := range filters {
		for _, o := range store.IncidentOrders() {
			b.Run(name+" "+string(o), func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Incidents(b.Context(), f, o, store.Page{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run("count "+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.CountIncidents(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
