//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/bench/served"
	"github.com/holdfast-security/holdfast/bench/stock"
	"github.com/holdfast-security/holdfast/bench/usage"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
)

// lists measures the API's lists and counts over many alerts. They are stored
// while the server is down, by the code that it stores alerts with.
func (b *bench) lists(ctx context.Context) (rows []row, err error) {
	if b.server == "" {
		return nil, nil
	}
	server, err := served.New(b.server, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	if err := errors.Join(server.Start(ctx), server.Stop()); err != nil { // it makes keys and the first account
		return nil, err
	}
	maker := stock.New(time.Now())
	if err := b.fillStock(ctx, server, maker); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	if _, err := server.Client.ListAlerts(ctx, client.ListAlertsQuery{}); err != nil {
		return nil, err
	}
	first := time.Since(began)
	resident, _, err := usage.Memory(server.PID())
	if err != nil {
		return nil, err
	}
	if rows, err = b.askLists(ctx, server.Client, maker); err != nil {
		return rows, err
	}
	return append(rows,
		row{Name: b.ofStock("first list after the server's start"), Value: first.Seconds(), Unit: "s", Note: "start and log-on included"},
		row{Name: b.ofStock("server's resident set"), Value: resident, Unit: "MB"},
	), nil
}

func (b *bench) ofStock(what string) string { return fmt.Sprintf("%d alerts: %s", b.stock, what) }

// fillStock stores the alerts in the database of a server that does not run.
func (b *bench) fillStock(ctx context.Context, server *served.Server, maker *stock.Maker) (err error) {
	state, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(server.Data(), "state.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	said := time.Now()
	return maker.Fill(ctx, state, b.stock, func(done int) {
		if time.Since(said) > 10*time.Second || done == b.stock {
			said = time.Now()
			b.progress("%d of %d alerts stored", done, b.stock)
		}
	})
}

// listFilters are what people look for. Text is apart, because it is answered
// in another way.
func listFilters(maker *stock.Maker) []client.ListAlertsQuery {
	now, host := maker.Now, []string{string(maker.Hosts[42])}
	return []client.ListAlertsQuery{
		{},
		{Status: []finding.Status{finding.Open, finding.Acknowledged}},
		{Status: []finding.Status{finding.Open}, Severity: []finding.Severity{finding.High}},
		{Host: host},
		{Host: host, Type: []string{"VM_Type7"}},
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
func (b *bench) askLists(ctx context.Context, c *client.Client, maker *stock.Maker) ([]row, error) {
	orders := []store.AlertOrder{store.NewestFirst, store.OldestFirst, store.SevereFirst, store.MildFirst, store.MostFirst, store.FewestFirst}
	var rows []row
	for _, group := range []struct {
		name    string
		filters []client.ListAlertsQuery
	}{{"", listFilters(maker)}, {" by text", textFilters()}} {
		var lists, counts asked
		for range askRepeats {
			for _, f := range group.filters {
				for _, f.Order = range orders {
					if err := lists.twoPages(ctx, c, f); err != nil {
						return rows, err
					}
				}
				if err := counts.count(ctx, c, f, maker.Now); err != nil {
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
		q.Since = now.Add(-stock.Days * 24 * time.Hour)
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
