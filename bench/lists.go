//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
)

// What the alerts that lists are measured over are spread over.
const (
	stockHosts = 1000
	stockDays  = 90
	stockTypes = 90
	stockBatch = 5000 // alerts saved in one transaction
)

// lists measures the API's lists and counts over many alerts. They are stored
// while the server is down, by the code that it stores alerts with.
func (b *bench) lists(ctx context.Context) (rows []row, err error) {
	if b.server == "" {
		return nil, nil
	}
	server, err := b.newServed()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.remove()) }()
	if err := errors.Join(server.start(ctx), server.stop()); err != nil { // it makes keys and the first account
		return nil, err
	}
	now := time.Now()
	if err := b.fillStock(ctx, server, now); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := server.start(ctx); err != nil {
		return nil, err
	}
	if _, err := server.client.ListAlerts(ctx, client.ListAlertsQuery{}); err != nil {
		return nil, err
	}
	first := time.Since(began)
	resident, _, err := memory(server.pid())
	if err != nil {
		return nil, err
	}
	if rows, err = b.askLists(ctx, server.client, now); err != nil {
		return rows, err
	}
	return append(rows,
		row{Name: b.ofStock("first list after the server's start"), Value: first.Seconds(), Unit: "s", Note: "start and log-on included"},
		row{Name: b.ofStock("server's resident set"), Value: resident, Unit: "MB"},
	), nil
}

func (b *bench) ofStock(what string) string { return fmt.Sprintf("%d alerts: %s", b.stock, what) }

// fillStock stores the alerts in the database of a server that does not run.
func (b *bench) fillStock(ctx context.Context, server *served, now time.Time) (err error) {
	state, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(server.data(), "state.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	maker := newStockMaker(now)
	for i, host := range maker.hosts {
		h := fleet.Host{ID: host, Name: fmt.Sprintf("server-%04d.example", i), State: fleet.Active, PublicKey: "U" + string(host), Enrolled: now, Version: 1}
		if err := state.AddHost(ctx, h); err != nil {
			return err
		}
	}
	began, said := time.Now(), time.Now()
	for done := 0; done < b.stock; {
		n := min(stockBatch, b.stock-done)
		if err := maker.save(ctx, state, n); err != nil {
			return err
		}
		if done += n; time.Since(said) > 10*time.Second || done == b.stock {
			said = time.Now()
			b.progress("%d of %d alerts stored in %s", done, b.stock, time.Since(began).Round(time.Second))
		}
	}
	return nil
}

// stockMaker makes alerts as they pile up in a large installation: of all types
// and hosts, seven of ten open.
type stockMaker struct {
	random *rand.Rand
	now    time.Time
	hosts  []event.HostID
	events []event.Event // evidence to choose from
	saved  uint64
}

func newStockMaker(now time.Time) *stockMaker {
	generator := telemetrytest.New(telemetrytest.Options{Hosts: stockHosts})
	m := &stockMaker{random: rand.New(rand.NewPCG(1, 2)), now: now, hosts: generator.Hosts()}
	for range 20 {
		_, events := generator.Frame(200)
		m.events = append(m.events, events...)
	}
	return m
}

// save stores n alerts and closes some of them.
func (m *stockMaker) save(ctx context.Context, state store.Alerts, n int) error {
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
	if _, err := state.SaveAlerts(ctx, alerts, m.now, store.Position{Partition: "0", Sequence: m.saved}); err != nil {
		return err
	}
	delete(byStatus, finding.Open)
	for status, ids := range byStatus {
		if _, err := state.ChangeAlerts(ctx, ids, store.AlertChange{Status: &status, By: "bench", Time: m.now}); err != nil {
			return err
		}
	}
	return nil
}

func (m *stockMaker) alert() finding.Alert {
	kind, r := m.random.IntN(stockTypes), m.random
	at := m.now.Add(-time.Duration(float64(stockDays*24*time.Hour) * r.Float64()))
	evidence := m.events[r.IntN(len(m.events))]
	return finding.Alert{
		ID: fmt.Sprintf("%016x", r.Uint64()), Type: finding.AlertType(fmt.Sprint("VM_Type", kind)), Title: fmt.Sprint("Something of type ", kind, " was seen"),
		Severity: finding.Severity(kind % 4), Host: m.hosts[r.IntN(len(m.hosts))], Time: at, Raised: at, LastTime: at, Count: 1 + uint32(r.ExpFloat64()*10),
		Story:   fmt.Sprintf("The program /usr/bin/tool%d of user u%d, process %d, connected to 192.0.2.%d", r.IntN(500), r.IntN(99), r.IntN(1<<22), r.IntN(256)),
		Meaning: "Programs of this kind are seldom started on servers.", Steps: []string{"Look at the process.", "End it."},
		Tactics: []finding.Tactic{"execution", "persistence"}, Methods: []finding.Technique{"T1059.004"},
		Rule:     finding.Rule{ID: fmt.Sprint("rule-", kind*3), Title: "A rule"},
		Matches:  []finding.Match{{Field: "Image", Value: "/usr/bin/tool", Condition: `ends with "/tool"`, Selection: "selection"}},
		Process:  evidence.Process,
		Evidence: []event.Event{evidence},
	}
}

// listFilters are what people look for. Text is apart, because it is answered
// in another way.
func listFilters(now time.Time, hosts []event.HostID) []client.ListAlertsQuery {
	return []client.ListAlertsQuery{
		{},
		{Status: []finding.Status{finding.Open, finding.Acknowledged}},
		{Status: []finding.Status{finding.Open}, Severity: []finding.Severity{finding.High}},
		{Host: []string{string(hosts[42])}},
		{Host: []string{string(hosts[42])}, Type: []string{"VM_Type7"}},
		{Since: now.Add(-24 * time.Hour)},
		{Status: []finding.Status{finding.Open}, Since: now.Add(-30 * 24 * time.Hour)},
		{Tactic: []finding.Tactic{"execution"}, Assignee: []string{"-"}},
	}
}

func textFilters() []client.ListAlertsQuery {
	return []client.ListAlertsQuery{
		{Text: "process 123456"}, {Text: "connected"}, {Text: "SERVER-0042"}, {Text: "tool42"}, {Text: "no such text"},
	}
}

// askRepeats is how often each question is asked.
const askRepeats = 20

// askLists asks for lists, in every order, with their next page, and for counts
// by day.
func (b *bench) askLists(ctx context.Context, c *client.Client, now time.Time) ([]row, error) {
	hosts := newStockMaker(now).hosts
	orders := []store.AlertOrder{store.NewestFirst, store.OldestFirst, store.SevereFirst, store.MildFirst, store.MostFirst, store.FewestFirst}
	var rows []row
	for _, group := range []struct {
		name    string
		filters []client.ListAlertsQuery
	}{{"", listFilters(now, hosts)}, {" by text", textFilters()}} {
		var lists, counts asked
		for range askRepeats {
			for _, f := range group.filters {
				for _, f.Order = range orders {
					if err := lists.twoPages(ctx, c, f); err != nil {
						return rows, err
					}
				}
				if err := counts.count(ctx, c, f, now); err != nil {
					return rows, err
				}
			}
		}
		rows = append(rows, b.askedRows("list"+group.name, lists)...)
		rows = append(rows, b.askedRows("counts"+group.name, counts)...)
	}
	return rows, nil
}

func (b *bench) askedRows(what string, a asked) []row {
	note := fmt.Sprintf("%d requests over HTTPS; slowest %.0f ms, %s", len(a.millis), a.worst, a.slowest)
	return []row{
		{Name: b.ofStock(what + ", median"), Value: quantile(a.millis, 0.5), Unit: "ms"},
		{Name: b.ofStock(what + ", p95"), Value: quantile(a.millis, 0.95), Unit: "ms", Bar: atMost(100), Note: note},
	}
}

// asked are requests with the time that each took.
type asked struct {
	millis  []float64
	worst   float64
	slowest string
}

// ask sends one request.
func (a *asked) ask(what string, request func() error) error {
	began := time.Now()
	if err := request(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	took := float64(time.Since(began).Microseconds()) / 1000
	a.millis = append(a.millis, took)
	if took > a.worst {
		a.worst, a.slowest = took, what
	}
	return nil
}

func (a *asked) twoPages(ctx context.Context, c *client.Client, q client.ListAlertsQuery) error {
	var page store.List[finding.Summary]
	for range 2 {
		err := a.ask(describe(q), func() (err error) {
			page, err = c.ListAlerts(ctx, q)
			return err
		})
		if q.After = page.Next; err != nil || q.After == "" {
			return err
		}
	}
	return nil
}

func (a *asked) count(ctx context.Context, c *client.Client, f client.ListAlertsQuery, now time.Time) error {
	q := client.CountAlertsQuery{
		Since: f.Since, Status: f.Status, Severity: f.Severity, Type: f.Type, Host: f.Host, Tactic: f.Tactic, Assignee: f.Assignee, Text: f.Text, Bucket: "24h",
	}
	if q.Since.IsZero() {
		q.Since = now.Add(-stockDays * 24 * time.Hour)
	}
	return a.ask(describe(f), func() error {
		_, err := c.CountAlerts(ctx, q)
		return err
	})
}

// describe names the parts of a filter that are set.
func describe(q client.ListAlertsQuery) string {
	var parts []string
	for name, set := range map[string]bool{
		"status": len(q.Status) > 0, "severity": len(q.Severity) > 0, "host": len(q.Host) > 0, "type": len(q.Type) > 0,
		"time": !q.Since.IsZero(), "tactic": len(q.Tactic) > 0, "assignee": len(q.Assignee) > 0,
	} {
		if set {
			parts = append(parts, name)
		}
	}
	if q.Text != "" {
		parts = append(parts, fmt.Sprintf("text %q", q.Text))
	}
	if len(parts) == 0 {
		return "of all"
	}
	slices.Sort(parts)
	return "by " + strings.Join(parts, ", ")
}
