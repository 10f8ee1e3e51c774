// Package stock fills a store with alerts as they pile up in a large
// installation, for measurements of lists and counts. They go the way that the
// server stores alerts, many to a transaction.
package stock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
)

// Days is how far back the alerts go.
const Days = 90

const (
	hosts = 1000
	types = 90
	batch = 5000 // alerts saved in one transaction
)

// Maker makes alerts as they pile up in a large installation: of all types
// and hosts, seven of ten open.
type Maker struct {
	Now   time.Time // of the newest
	Hosts []event.HostID

	random *rand.Rand
	events []event.Event // evidence to choose from
	saved  uint64
}

// New returns a maker. It makes the same every time, but for the times.
func New(now time.Time) *Maker {
	generator := telemetrytest.New(telemetrytest.Options{Hosts: hosts})
	m := &Maker{random: rand.New(rand.NewPCG(1, 2)), Now: now, Hosts: generator.Hosts()}
	for range 20 {
		_, events := generator.Frame(200)
		m.events = append(m.events, events...)
	}
	return m
}

// Store is what alerts are stored in.
type Store interface {
	store.Hosts
	store.Alerts
}

// Fill stores the hosts and n alerts, and calls told now and then with how many
// there are.
func (m *Maker) Fill(ctx context.Context, state Store, n int, told func(done int)) error {
	for i, host := range m.Hosts {
		h := fleet.Host{ID: host, Name: fmt.Sprintf("server-%04d.example", i), State: fleet.Active, PublicKey: "U" + string(host), Enrolled: m.Now, Version: 1}
		if err := state.AddHost(ctx, h); err != nil {
			return err
		}
	}
	for done := 0; done < n; told(done) {
		some := min(batch, n-done)
		if err := m.save(ctx, state, some); err != nil {
			return err
		}
		done += some
	}
	return nil
}

// save stores n alerts and closes some of them.
func (m *Maker) save(ctx context.Context, state store.Alerts, n int) error {
	alerts := make([]finding.Alert, n)
	byStatus := make(map[finding.Status][]string)
	fates := []finding.Status{ // changing one costs nearly as much as storing it
		finding.Open, finding.Open, finding.Open, finding.Open, finding.Open, finding.Open, finding.Open,
		finding.Resolved, finding.Dismissed, finding.Acknowledged,
	}
	for i := range alerts {
		alerts[i] = m.alert()
		fate := fates[m.random.IntN(len(fates))]
		byStatus[fate] = append(byStatus[fate], alerts[i].ID)
	}
	m.saved++
	if _, err := state.SaveAlerts(ctx, alerts, m.Now, store.Position{Partition: "0", Sequence: m.saved}); err != nil {
		return err
	}
	delete(byStatus, finding.Open)
	for status, ids := range byStatus {
		if _, err := state.ChangeAlerts(ctx, ids, store.AlertChange{Status: &status, By: "bench", Time: m.Now}); err != nil {
			return err
		}
	}
	return nil
}

func (m *Maker) alert() finding.Alert {
	kind, r := m.random.IntN(types), m.random
	at := m.Now.Add(-time.Duration(float64(Days*24*time.Hour) * r.Float64()))
	evidence := m.events[r.IntN(len(m.events))]
	return finding.Alert{
		ID: fmt.Sprintf("%016x", r.Uint64()), Type: finding.AlertType(fmt.Sprint("VM_Type", kind)), Title: fmt.Sprint("Something of type ", kind, " was seen"),
		Severity: finding.Severity(kind % 4), Host: m.Hosts[r.IntN(len(m.Hosts))], Time: at, Raised: at, LastTime: at, Count: 1 + uint32(r.ExpFloat64()*10),
		Story:   fmt.Sprintf("The program /usr/bin/tool%d of user u%d, process %d, connected to 192.0.2.%d", r.IntN(500), r.IntN(99), r.IntN(1<<22), r.IntN(256)),
		Meaning: "Programs of this kind are seldom started on servers.", Steps: []string{"Look at the process.", "End it."},
		Tactics: []finding.Tactic{"execution", "persistence"}, Methods: []finding.Technique{"T1059.004"},
		Rule:     finding.Rule{ID: fmt.Sprint("rule-", kind*3), Title: "A rule"},
		Matches:  []finding.Match{{Field: "Image", Value: "/usr/bin/tool", Condition: `ends with "/tool"`, Selection: "selection"}},
		Process:  evidence.Process,
		Evidence: []event.Event{evidence},
	}
}
