package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// benchAlerts is how many alerts the lists and counts are measured over, on
// benchHosts hosts in benchDays days.
const (
	benchAlerts = 1_000_000
	benchHosts  = 5_000
	benchDays   = 90
)

// fill stores alerts by the store's own statements, many to a transaction and
// without syncing.
func fill(tb testing.TB, s *Store, n int) {
	tb.Helper()
	if _, err := s.write.ExecContext(tb.Context(), "PRAGMA synchronous = OFF"); err != nil {
		tb.Fatal(err)
	}
	const batch = 5000
	random := rand.New(rand.NewPCG(1, 2))
	for first := 1; first <= n; first += batch {
		err := s.change(tb.Context(), func(ctx context.Context, tx bun.Tx) error {
			change, last, err := turn(ctx, tx, batch)
			if err != nil {
				return err
			}
			rows := make([]*caseRow, 0, batch)
			for i := range int64(batch) {
				rows = append(rows, benchRow(random, last-batch+1+i, change))
			}
			for i := 0; i < batch; i += docsPerStatement {
				if err := s.insertCases(ctx, tx, rows[i:i+docsPerStatement]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if _, err := s.write.ExecContext(tb.Context(), "PRAGMA synchronous = FULL"); err != nil {
		tb.Fatal(err)
	}
}

func benchRow(random *rand.Rand, seq, change int64) *caseRow {
	statuses := []finding.Status{finding.Open, finding.Resolved, finding.Resolved, finding.Dismissed, finding.Acknowledged, finding.Dismissed}
	kind, host := random.IntN(90), random.IntN(benchHosts)
	at := testTime.Add(-time.Duration(float64(benchDays*24*time.Hour) * random.Float64()))
	return &caseRow{
		alertRow: alertRow{
			Seq: seq, ID: fmt.Sprintf("%016x", random.Uint64()), AlertType: fmt.Sprint("VM_Type", kind), Severity: finding.Severity(kind % 4),
			Status: string(statuses[random.IntN(len(statuses))]), Host: fmt.Sprintf("host-%04d", host), Rule: fmt.Sprint("rule-", kind*3),
			Tactics: "execution\npersistence", Assignee: []string{"", "", "anna", "bert"}[random.IntN(4)],
			Count: 1 + uint32(random.ExpFloat64()*10), LastTime: at.UnixNano(), Changed: change,
		},
		Title: fmt.Sprint("Something of type ", kind, " was seen"), HostName: fmt.Sprintf("server-%04d.example", host),
		Story:     fmt.Sprintf("The program /usr/bin/tool%d of user u%d, process %d, connected to 192.0.2.%d", random.IntN(500), random.IntN(99), random.IntN(1<<22), random.IntN(256)),
		FirstTime: at.UnixNano(), Received: at.UnixNano(), Version: 1, Doc: `{"uid":"x"}`,
	}
}

// BenchmarkMillionAlerts measures lists and counts over a million alerts. The
// bar is 100 ms each.
func BenchmarkMillionAlerts(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state.db")
	s := openTest(b, path)
	begin := time.Now()
	fill(b, s, benchAlerts)
	b.Logf("stored %d alerts in %v", benchAlerts, time.Since(begin).Round(time.Second))
	s.Close()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s = openTest(b, path)
	defer s.Close()
	begin = time.Now()
	if _, err := s.Alerts(b.Context(), store.AlertFilter{}, "", store.Page{}); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Logf("first list after start: %v, then %d MB in memory", time.Since(begin), (after.HeapAlloc-before.HeapAlloc)>>20)

	orders := []store.AlertOrder{store.NewestFirst, store.OldestFirst, store.SevereFirst, store.MildFirst, store.MostFirst, store.FewestFirst}
	for name, f := range benchFilters() {
		for _, o := range orders {
			b.Run("list/"+name+"/"+string(o), func(b *testing.B) { benchList(b, s, f, o) })
		}
		b.Run("count/"+name, func(b *testing.B) { benchCount(b, s, f) })
	}
	b.Run("save", func(b *testing.B) { benchSave(b, s) })
}

func benchFilters() map[string]store.AlertFilter {
	return map[string]store.AlertFilter{
		"all":         {},
		"open":        {Status: []finding.Status{finding.Open, finding.Acknowledged}},
		"open+severe": {Status: []finding.Status{finding.Open}, Severity: []finding.Severity{finding.High}},
		"host":        {Host: []event.HostID{"host-0042"}},
		"host+type":   {Host: []event.HostID{"host-0042"}, Type: []finding.AlertType{"VM_Type7"}},
		"day":         {Since: testTime.Add(-24 * time.Hour)},
		"open+month":  {Status: []finding.Status{finding.Open}, Since: testTime.Add(-30 * 24 * time.Hour)},
		"tactic":      {Tactic: []finding.Tactic{"execution"}, Assignee: []string{"anna"}},
		"text=rare":   {Text: "process 123456"},
		"text=common": {Text: "connected"},
		"text=host":   {Text: "SERVER-0042"},
	}
}

func benchList(b *testing.B, s *Store, f store.AlertFilter, o store.AlertOrder) {
	for b.Loop() {
		l, err := s.Alerts(b.Context(), f, o, store.Page{})
		if err == nil && l.Next != "" {
			_, err = s.Alerts(b.Context(), f, o, store.Page{After: l.Next})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/two-pages")
}

func benchCount(b *testing.B, s *Store, f store.AlertFilter) {
	if f.Since.IsZero() {
		f.Since = testTime.Add(-benchDays * 24 * time.Hour)
	}
	for b.Loop() {
		if _, err := s.CountAlerts(b.Context(), f, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/count")
}

// benchSave saves one alert at a time, synced, into a large database.
func benchSave(b *testing.B, s *Store) {
	n := 0
	for b.Loop() {
		n++
		if _, err := s.SaveAlerts(b.Context(), []finding.Alert{testAlert(fmt.Sprint("new", n))}, testTime, store.Position{Partition: "0", Sequence: uint64(n)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHeartbeats saves the heartbeats of 10,000 hosts in one call. The
// bar is one second.
func BenchmarkHeartbeats(b *testing.B) {
	const n = 10_000
	s := openTest(b, filepath.Join(b.TempDir(), "state.db"))
	defer s.Close()
	beats := make(map[event.HostID]fleet.Heartbeat)
	for i := range n {
		id := event.HostID(fmt.Sprintf("host-%05d", i))
		if err := s.change(b.Context(), func(ctx context.Context, tx bun.Tx) error {
			row, err := newHostRow(fleet.Host{ID: id, Name: string(id), State: fleet.Active, PublicKey: string(id), Version: 1})
			if err == nil {
				_, err = tx.NewInsert().Model(&row).Exec(ctx)
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
		beat := fleet.Heartbeat{Hostname: string(id), OS: "Debian GNU/Linux 12 (bookworm)", Addresses: []string{"192.0.2.1"}}
		for f := range 8 {
			beat.Features = append(beat.Features, fleet.Feature{
				Name: fmt.Sprint("feature", f), State: "running", Since: testTime,
				Counters: []fleet.Counter{{Name: "events", Value: 123456}, {Name: "lost", Dropped: true}, {Name: "restarts"}},
			})
		}
		beats[id] = beat
	}
	for b.Loop() {
		if err := s.SaveHeartbeats(b.Context(), testTime, beats); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/10000-hosts")
}

// BenchmarkSynchronous compares what a commit costs when it is synced
// (synchronous=FULL, which the store uses) and when the last ones may be lost
// with the power (NORMAL).
func BenchmarkSynchronous(b *testing.B) {
	for _, mode := range []string{"FULL", "NORMAL"} {
		b.Run(mode, func(b *testing.B) {
			s := openTest(b, filepath.Join(b.TempDir(), "state.db"))
			defer s.Close()
			if _, err := s.write.ExecContext(b.Context(), "PRAGMA synchronous = "+mode); err != nil && err != sql.ErrNoRows {
				b.Fatal(err)
			}
			benchSave(b, s)
		})
	}
}
