package hunting

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/hunt"
	"github.com/holdfast-security/holdfast/hunt/field"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment"
)

// catalogue is the part of the database that a store needs, in memory.
type catalogue struct{ list []store.Segment }

func (c *catalogue) SegmentList(context.Context, store.SegmentFilter) ([]store.Segment, error) {
	return c.list, nil
}

// fleetOf names the hosts of the telemetry.
type fleetOf map[event.HostID]string

func (f fleetOf) Hosts(_ context.Context, _ store.HostFilter, p store.Page) (store.List[fleet.Host], error) {
	var all []fleet.Host
	for id, name := range f {
		all = append(all, fleet.Host{ID: id, Name: name})
	}
	slices.SortFunc(all, func(a, b fleet.Host) int { return strings.Compare(a.Name, b.Name) })
	if p.After == "" {
		return store.List[fleet.Host]{Items: all[:1], Next: "rest"}, nil
	}
	return store.List[fleet.Host]{Items: all[1:]}, nil
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fixture is an engine over some telemetry, most of it in segments.
type fixture struct {
	*Engine
	store  *segment.Store
	events []event.Event // in the order of arrival
	hosts  fleetOf
}

func newFixture(t testing.TB, frames int, more ...event.Event) *fixture {
	t.Helper()
	blobs, err := segment.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &catalogue{}
	s, err := segment.Open(t.Context(), blobs, c, segment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), blobs.Close()); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{store: s, hosts: make(fleetOf)}
	g := telemetrytest.New(telemetrytest.Options{Hosts: 5, Seed: 11, Gap: 20 * time.Second})
	add := func(host event.HostID, frame []event.Event) {
		f.hosts[host] = "web-" + string(host[len(host)-2:])
		if err := s.Append(t.Context(), host, slices.Clone(frame)); err != nil {
			t.Fatal(err)
		}
		for i := range frame {
			frame[i].Host = host
		}
		f.events = append(f.events, frame...)
	}
	for i := range frames {
		add(g.Frame(300))
		if i%4 == 2 {
			segments, err := s.Commit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.list = append(c.list, segments...)
			s.Committed()
		}
	}
	if len(more) > 0 {
		add("hostile0host", more)
	}
	f.Engine = New(Config{Events: s, Hosts: f.hosts, Now: func() time.Time { return now }})
	return f
}

// plain answers a query over the list of events, without a store.
func (f *fixture) plain(t *testing.T, r api.HuntRequest) api.HuntAnswer {
	t.Helper()
	q, problems := hunt.Compile(r.Query, hunt.Options{Now: now, Limit: r.Limit, HostName: func(id event.HostID) string { return f.hosts[id] }})
	if len(problems) > 0 {
		t.Fatalf("%s: %v", r.Query, problems[0])
	}
	run := q.Start(nil, nil)
	var events []event.Event
	var numbers []int64
	for i, e := range f.events {
		if r.Since.IsZero() || !e.Time.Before(r.Since) && e.Time.Before(r.Until) {
			events, numbers = append(events, e), append(numbers, int64(i))
		}
	}
	keep := make([]bool, len(events))
	if err := run.Choose(t.Context(), events, keep); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if !keep[i] {
			continue
		}
		if err := run.Take(t.Context(), events[i:i+1], numbers[i:i+1]); err != nil && !errors.Is(err, hunt.ErrEnough) {
			t.Fatal(err)
		}
	}
	result, err := run.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return answered(q, result)
}

// TestAnswersAreThoseOfLookingAtEveryEvent compares the store's pruning, of
// segments, rows and columns, with evaluating everything on whole events.
func TestAnswersAreThoseOfLookingAtEveryEvent(t *testing.T) {
	f := newFixture(t, 14)
	some := f.events[len(f.events)/2]
	from, to := some.Time.Add(-2*time.Hour), some.Time.Add(time.Hour)
	queries := []string{
		`events`, `events | take 3`, `process`, `file`, `network`, `authentication`,
		`events | search "root" | take 60`,
		`events | search "10." | summarize count() by class`,
		`process | where command_line contains "a" and user.name == "root" | summarize count(), dcount(host), make_set(parent.executable, 4) by executable | sort by count_, executable asc`,
		`events | where host.name == "` + f.hosts[some.Host] + `" | summarize n = count() by class, activity`,
		`events | where host.name == "nobody"`,
		`events | where host == "` + string(some.Host) + `" and time > ago(300d) | project time, host.name, class | take 20`,
		`events | where class in ("file_activity", "network_activity") | summarize min(time), max(time), sum(repeats) by host`,
		`events | where class == "file_activity" and class == "network_activity" | count`,
		`process | where ancestor.executable has "sshd" or grandparent.executable contains "cron" | top 30 by time asc`,
		`network | where remote.address in_cidr "0.0.0.0/0" and remote.port < 1000 | summarize count() by remote.address, remote.port, network.direction`,
		`process | where effective_user == "x" or not (process.login_user.name != "root") | count`,
		`authentication | summarize count() by user.name, status, logon.method, remote.address`,
		`events | extend day = bin(time, 1d) | summarize count(), avg(repeats) by day, process.session.entry`,
		`process | where arguments contains "-" | distinct executable_name, arguments | take 50`,
		`events | where time between (datetime(` + from.Format(time.RFC3339Nano) + `) .. datetime(` + to.Format(time.RFC3339Nano) + `)) | summarize count() by bin(time, 10m)`,
		`events | where user.name startswith "r" or user.uid > 100 | summarize count() by user.name, user.uid`,
	}
	if some.Process != nil {
		queries = append(queries, `events | where process.uid == "`+some.Process.UID.String()+`" | project time, process.uid`)
	}
	for _, query := range queries {
		query = strings.Replace(query, "effective_user ==", "process.effective_user.name ==", 1)
		for _, r := range []api.HuntRequest{{Query: query, Limit: 200}, {Query: query, Limit: 40, Since: from, Until: to, Histogram: true}} {
			got, err := f.Hunt(t.Context(), "alice", r)
			if err != nil {
				t.Errorf("%s: %v", query, err)
				continue
			}
			want := f.plain(t, r)
			if diff := cmp.Diff(want.Rows, got.Rows); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
			if got.More != want.More || !got.Complete || got.Events != want.Events || len(got.Refs) != len(want.Refs) || len(got.Columns) != len(want.Columns) {
				t.Errorf("%s: %+v, want %+v", query, got, want)
			}
			if total := sum(got.Histogram); r.Histogram && total != got.Matched {
				t.Errorf("%s: the histogram counts %d, %d matched", query, total, got.Matched)
			}
		}
	}
}

// TestEveryFieldIsWhole asks for each field alone, so that nothing but its own
// columns is read.
func TestEveryFieldIsWhole(t *testing.T) {
	filler := &telemetrytest.Filler{}
	filled := make([]event.Event, 20)
	for i := range filled {
		filler.Fill(&filled[i], 3)
		filled[i].Class = event.Classes()[i%len(event.Classes())]
		filled[i].Time = now.Add(time.Duration(-i) * time.Minute)
	}
	f := newFixture(t, 1, filled...)
	if _, err := f.store.Commit(t.Context()); err != nil { // without a catalogue these are still seen
		t.Fatal(err)
	}
	for _, fl := range field.All() {
		r := api.HuntRequest{Query: "events | project time, host, x = " + fl.Name, Limit: 10_000}
		got, err := f.Hunt(t.Context(), "alice", r)
		if err != nil {
			t.Errorf("%s: %v", fl.Name, err)
			continue
		}
		if diff := cmp.Diff(f.plain(t, r).Rows, got.Rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fl.Name, diff)
		}
		for _, class := range event.Classes() { // fields have values only where the table says so
			if len(fl.Classes) == 0 || slices.Contains(fl.Classes, class) || fl.Get == nil {
				continue
			}
			for _, e := range f.events[:len(f.events)-len(filled)] {
				if e.Class == class && !fl.Get(&e).IsAbsent() {
					t.Errorf("%s is not said to be one of %v", fl.Name, class)
					break
				}
			}
		}
	}
}

func sum(h []api.HuntBucket) int64 {
	n := int64(0)
	for _, b := range h {
		n += b.Count
	}
	return n
}

func TestMistakesAreTheAskers(t *testing.T) {
	f := newFixture(t, 1)
	_, err := f.Hunt(t.Context(), "alice", api.HuntRequest{Query: "proces | count"})
	if !errors.Is(err, account.ErrInvalid) || !strings.Contains(err.Error(), "did you mean process?") {
		t.Errorf("got %v", err)
	}
	checked := f.Check("events |\n where usr.name == \"x\"")
	if len(checked.Problems) != 1 || checked.Problems[0].Line != 2 || checked.Problems[0].Column != 8 || checked.Problems[0].Length != 8 {
		t.Errorf("got %+v", checked)
	}
	if checked := f.Check("process | count"); len(checked.Problems) != 0 || len(checked.Columns) != 1 {
		t.Errorf("got %+v", checked)
	}
}

// TestEventOpensARow finds the event behind each row.
func TestEventOpensARow(t *testing.T) {
	f := newFixture(t, 8)
	answer, err := f.Hunt(t.Context(), "alice", api.HuntRequest{Query: "process | project command_line, time", Limit: 30})
	if err != nil || len(answer.Refs) != 30 {
		t.Fatalf("%d refs, %v", len(answer.Refs), err)
	}
	for i, ref := range answer.Refs {
		e, err := f.Event(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if e.Host != ref.Host || e.Process.CommandLine != answer.Rows[i][0] {
			t.Errorf("row %d is %v, its event %+v", i, answer.Rows[i], e)
		}
	}
	for _, ref := range []api.HuntRef{{}, {ID: "zz", Host: answer.Refs[0].Host, Time: answer.Refs[0].Time}, {ID: "?", Host: "x", Time: now}} {
		if _, err := f.Event(t.Context(), ref); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v: %v", ref, err)
		}
	}
}

// endless is a store whose scans never end by themselves.
type endless struct {
	begun chan struct{}
	batch []event.Event
}

func (s *endless) ScanEvents(ctx context.Context, scan store.EventScan) (store.Scanned, error) {
	sequences := make([]int64, len(s.batch))
	if err := scan.Take(context.WithoutCancel(ctx), s.batch, sequences); err != nil {
		return store.Scanned{}, err
	}
	s.begun <- struct{}{}
	<-ctx.Done()
	return store.Scanned{Parts: 7, Read: 3}, fmt.Errorf("read a segment: %w", ctx.Err())
}

func TestWorkIsBounded(t *testing.T) {
	s := &endless{make(chan struct{}, 10), []event.Event{{Class: event.ClassFileActivity, Time: now, Host: "h"}}}
	e := New(Config{Events: s, Hosts: fleetOf{"h": "web"}, Work: time.Millisecond, PerUser: 1, InAll: 2})
	answer, err := e.Hunt(t.Context(), "alice", api.HuntRequest{Query: "events | count"})
	if err != nil || answer.Complete || !strings.Contains(answer.Stopped, "3 of the 7 parts") || len(answer.Rows) != 1 {
		t.Errorf("got %+v, %v", answer, err)
	}

	e.Work = time.Hour
	<-s.begun
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for _, user := range []string{"alice", "bob"} {
		go func() {
			_, err := e.Hunt(ctx, user, api.HuntRequest{Query: "events | count"})
			ended <- err
		}()
		<-s.begun
	}
	for _, user := range []string{"alice", "carol"} {
		var throttled *account.ThrottledError
		if _, err := e.Hunt(t.Context(), user, api.HuntRequest{Query: "events"}); !errors.As(err, &throttled) {
			t.Errorf("%s: got %v", user, err)
		}
	}
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v when the client goes", err)
		}
	}
	if len(e.running) != 0 || e.all != 0 {
		t.Errorf("%d hunts are said to run", e.all)
	}
}

func TestExport(t *testing.T) {
	hostile := []event.Event{
		{Time: now, Class: event.ClassProcessActivity, Process: &event.Process{CommandLine: `=cmd|' /C calc'!A0`, PID: 7}},
		{Time: now.Add(1), Class: event.ClassProcessActivity, Process: &event.Process{CommandLine: "-x,\"y\"\nz \xff", PID: 8}},
	}
	f := newFixture(t, 2, hostile...)
	export := func(query, format string) string {
		t.Helper()
		write, err := f.Export(t.Context(), "alice", api.HuntExport{Query: query, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if stopped, err := write(t.Context(), &out); err != nil || stopped != "" {
			t.Fatalf("stopped %q, %v", stopped, err)
		}
		return out.String()
	}
	const query = `process | where host == "hostile0host" | project pid, command_line, note = iff(pid == 7, -1, 1) | sort by pid asc`
	rows, err := csv.NewReader(strings.NewReader(export(query, "csv"))).ReadAll()
	want := [][]string{{"pid", "command_line", "note"}, {"7", `'=cmd|' /C calc'!A0`, "-1"}, {"8", "'-x,\"y\"\nz \uFFFD", "1"}}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil {
		t.Errorf("csv (-want +got):\n%s %v", diff, err)
	}
	var got []map[string]any
	for line := range strings.Lines(export(query, "ndjson")) {
		row := make(map[string]any)
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, row)
	}
	if len(got) != 2 || got[0]["command_line"] != `=cmd|' /C calc'!A0` || got[1]["pid"] != 8.0 {
		t.Errorf("ndjson: %v", got)
	}
	if lines := strings.Count(export("events", "ndjson"), "\n"); lines != len(f.events) {
		t.Errorf("%d lines, want %d", lines, len(f.events))
	}
	if _, err := f.Export(t.Context(), "alice", api.HuntExport{Query: "events |", Format: "csv"}); !errors.Is(err, account.ErrInvalid) {
		t.Errorf("a bad query: %v", err)
	}
	broken := errors.New("client gone")
	write, err := f.Export(t.Context(), "alice", api.HuntExport{Query: "events", Format: "csv"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write(t.Context(), brokenWriter{broken}); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if len(f.running) != 0 {
		t.Errorf("hunts are said to run: %v", f.running)
	}
}

type brokenWriter struct{ error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.error }

func TestFieldsAreListed(t *testing.T) {
	all := newFixture(t, 1).Fields()
	if len(all.Items) != len(field.All()) || len(all.Sources) == 0 || len(all.Operators) == 0 || len(all.Functions) == 0 {
		t.Errorf("%d fields, %d sources, %d operators, %d functions", len(all.Items), len(all.Sources), len(all.Operators), len(all.Functions))
	}
	i := slices.IndexFunc(all.Items, func(f api.HuntField) bool { return f.Name == "remote.port" })
	if i < 0 || !slices.Equal(all.Items[i].Classes, []string{"network", "authentication"}) || all.Items[i].Type != "int" {
		t.Errorf("remote.port is %+v", all.Items[i])
	}
}
