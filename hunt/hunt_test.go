package hunt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// telemetry is some hosts' events.
func telemetry(frames int) []event.Event {
	g := telemetrytest.New(telemetrytest.Options{Hosts: 5, Seed: 7, Gap: 20 * time.Second})
	var events []event.Event
	for range frames {
		host, frame := g.Frame(300)
		for i := range frame {
			frame[i].Host = host
		}
		events = append(events, frame...)
	}
	return events
}

func hostName(id event.HostID) string { return "name-of-" + string(id) }

func compile(t testing.TB, query string, o Options) *Query {
	t.Helper()
	o.Now, o.HostName = now, hostName
	q, problems := Compile(query, o)
	for _, p := range problems {
		t.Fatalf("%s: %v", query, p)
	}
	return q
}

// feed hands events to a run: chosen ones, in batches of the given size.
func feed(ctx context.Context, run *Run, events []event.Event, sequences []int64, batch int) error {
	for len(events) > 0 {
		n := min(batch, len(events))
		keep := make([]bool, n)
		if err := run.Choose(ctx, events[:n], keep); err != nil {
			return err
		}
		var chosen []event.Event
		var numbers []int64
		for i, k := range keep {
			if k {
				chosen, numbers = append(chosen, events[i]), append(numbers, sequences[i])
			}
		}
		if err := run.Take(ctx, chosen, numbers); err != nil {
			return err
		}
		events, sequences = events[n:], sequences[n:]
	}
	return nil
}

func numbered(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(i)
	}
	return list
}

// run returns the result over events in their order.
func run(t testing.TB, q *Query, events []event.Event) Result {
	t.Helper()
	r := q.Start(nil, nil)
	if err := feed(t.Context(), r, events, numbered(len(events)), 1000); err != nil && !errors.Is(err, ErrEnough) {
		t.Fatal(err)
	}
	result, err := r.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// written returns the rows, a line each.
func written(r Result) []string {
	var lines []string
	for _, row := range r.Rows {
		var cells []string
		for _, v := range row.Values {
			cells = append(cells, v.String())
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return lines
}

func columnNames(q *Query) string {
	var names []string
	for _, c := range q.Columns() {
		names = append(names, c.Name+":"+c.Kind.String())
	}
	return strings.Join(names, " ")
}

// TestStages compares queries with what plain code finds.
func TestStages(t *testing.T) {
	events := telemetry(20)
	newest := slices.Clone(events)
	slices.SortStableFunc(newest, func(a, b event.Event) int { return a.Time.Compare(b.Time) })
	slices.Reverse(newest)
	launches := slices.DeleteFunc(slices.Clone(newest), func(e event.Event) bool {
		return e.Class != event.ClassProcessActivity || e.Activity != event.ProcessLaunch
	})
	counts := make(map[string]int)
	hosts := make(map[string]map[event.HostID]bool)
	for _, e := range launches {
		exe := e.Process.Path()
		if counts[exe]++; hosts[exe] == nil {
			hosts[exe] = make(map[event.HostID]bool)
		}
		hosts[exe][e.Host] = true
	}
	var lines, programs []string
	for exe := range counts {
		programs = append(programs, exe)
		lines = append(lines, fmt.Sprintf("%s|%d|%d", exe, counts[exe], len(hosts[exe])))
	}
	slices.Sort(lines)
	slices.Sort(programs)
	byCount := slices.Clone(programs)
	slices.SortStableFunc(byCount, func(a, b string) int { return counts[b] - counts[a] })
	var first []string
	for _, e := range launches[:10] {
		first = append(first, fmt.Sprintf("%s|%s|%s", e.Time.Format(time.RFC3339Nano), hostName(e.Host), e.Process.CommandLine))
	}
	var top []string
	for _, exe := range byCount[:3] {
		top = append(top, fmt.Sprintf("%s|%d", exe, counts[exe]))
	}
	const launched = `process | where activity == "launch" `
	for _, c := range []struct {
		query   string
		columns string
		want    []string
	}{
		{launched + `| project time, host.name, command_line | take 10`, "time:time host.name:text command_line:text", first},
		{launched + `| sort by time | project time, host.name, command_line | take 10`, "time:time host.name:text command_line:text", first},
		{launched + `| top 10 by time | project time, host.name, command_line`, "time:time host.name:text command_line:text", first},
		{launched + `| summarize count(), dcount(host) by executable`, "executable:text count_:int dcount_host:int", lines},
		{launched + `| summarize n = count(), h = dcount(host) by exe = executable | where n > 0 | sort by exe asc | project exe, n, h`, "exe:text n:int h:int", lines},
		{launched + `| distinct executable`, "executable:text", programs},
		{launched + `| summarize n = count() by executable | sort by n, executable asc | take 3`, "executable:text n:int", top},
		{launched + `| extend e = executable | summarize n = count() by e | top 3 by n, e asc`, "e:text n:int", top},
		{launched + `| summarize n = count() by executable | summarize sum(n), count()`, "sum_n:int count_:int", []string{fmt.Sprintf("%d|%d", len(launches), len(counts))}},
		{launched + `| count`, "count_:int", []string{fmt.Sprint(len(launches))}},
		{`process | where activity == "nothing" | count`, "count_:int", []string{"0"}},
		{`process | where activity == "nothing" | summarize count() by host`, "host:text count_:int", nil},
		{launched + `| summarize min(time), max(time)`, "min_time:time max_time:time", []string{launches[len(launches)-1].Time.Format(time.RFC3339Nano) + "|" + launches[0].Time.Format(time.RFC3339Nano)}},
		{launched + `| take 0`, "time:time host.name:text activity:text user.name:text executable:text command_line:text parent.executable:text", nil},
		{launched + `| project e = executable | where e endswith "/no such" | count`, "count_:int", []string{"0"}},
	} {
		q := compile(t, c.query, Options{})
		if got := columnNames(q); got != c.columns {
			t.Errorf("%s: columns %s, want %s", c.query, got, c.columns)
		}
		got := run(t, q, events)
		if lines := written(got); !slices.Equal(lines, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.query, strings.Join(lines, "\n     "), strings.Join(c.want, "\n     "))
		}
		if got.Stopped != "" || got.Scanned == 0 {
			t.Errorf("%s: stopped %q after %d events", c.query, got.Stopped, got.Scanned)
		}
	}
}

var typical = []string{
	`events | search "cron"`,
	`process | where command_line contains "a" and user.name != "root" | summarize count(), dcount(host), make_set(user.name, 3) by executable | sort by count_ desc | take 5`,
	`events | summarize n = count(), last = max(time), a = avg(repeats), s = sum(repeats) by class, bin(time, 1h)`,
	`process | where ancestor.executable has "sshd" or parent.executable_name == "cron" | extend who = strcat(user.name, "@", host.name) | project time, who, command_line | take 40`,
	`network | where remote.address in_cidr "10.0.0.0/8" or remote.port in (22, 443) | top 20 by remote.port asc, time`,
	`events | distinct host, class | sort by class asc, host`,
	`file | where file.path startswith "/etc" | sort by file.path asc | take 30`,
	`authentication | where status == "failure" | summarize countif(logon.unknown_user), count() by remote.address`,
	`events | extend h = bin(time, 1d) | where h > ago(300d) | summarize count() by h`,
	`events | take 25 | summarize count() by class`,
}

// TestOrderOfEventsDoesNotMatter hands in the same events in another order, in
// batches of other sizes, from several goroutines.
func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	events := telemetry(20)
	for _, text := range typical {
		q := compile(t, text, Options{Limit: 50})
		want := run(t, q, events)
		shuffled, numbers := make([]event.Event, len(events)), make([]int64, len(events))
		for i, at := range rand.Perm(len(events)) {
			shuffled[i], numbers[i] = events[at], int64(at)
		}
		r := q.Start(nil, nil)
		var workers sync.WaitGroup
		const parts = 4
		for i := range parts {
			from, to := i*len(events)/parts, (i+1)*len(events)/parts
			workers.Go(func() {
				if err := feed(t.Context(), r, shuffled[from:to], numbers[from:to], 10+90*i); err != nil {
					t.Error(err)
				}
			})
		}
		workers.Wait()
		got, err := r.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(written(got), written(want)) || got.More != want.More || len(want.Rows) == 0 {
			t.Errorf("%s:\n got %d rows %v\nwant %d rows %v", text, len(got.Rows), written(got), len(want.Rows), written(want))
		}
		if q.Events() {
			for i := range got.Rows {
				if got.Rows[i].Ref != want.Rows[i].Ref {
					t.Errorf("%s: row %d is event %v, want %v", text, i, got.Rows[i].Ref, want.Rows[i].Ref)
				}
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	for query, want := range map[string]string{
		`proces | count`: `there is no source "proces"; did you mean process?`,
		`events | project executable | where command_line == "x"`:           `there is no field or column "command_line" here; there are executable`,
		`events | summarize executable by host`:                             `summarize wants functions such as count() here`,
		`events | summarize cout() by host`:                                 `summarize has no function of that name; did you mean count?`,
		`events | summarize sum(executable)`:                                `sum is not for values of the type text`,
		`events | summarize make_set(host, 5000)`:                           `a set can be bounded to 1 to 1000 values`,
		`events | summarize count(host)`:                                    `count takes other arguments`,
		`events | project host, host`:                                       `two columns are named host`,
		`events | summarize count(), count() by host`:                       `two columns are named count_`,
		`events | summarize count() by host | search "x"`:                   `search looks into events`,
		`events | take 5 | search "x"`:                                      `search looks into events`,
		`events | sort by arguments`:                                        `lists have no order`,
		`events | where pid`:                                                `not a condition`,
		`events | where pid == "x" | where user.name == 5 | extend x = nix`: `line 1, column 23: a number is compared with a text`,
	} {
		_, problems := Compile(query, Options{Now: now})
		if len(problems) == 0 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", query, problems, want)
		}
	}
}

func TestLimits(t *testing.T) {
	events := telemetry(10)
	if got := run(t, compile(t, `events`, Options{Limit: 7}), events); len(got.Rows) != 7 || !got.More || got.Stopped != "" {
		t.Errorf("limit: %d rows, more %v, stopped %q", len(got.Rows), got.More, got.Stopped)
	}
	if got := run(t, compile(t, `events | take 7`, Options{Limit: 7}), events); len(got.Rows) != 7 || got.More {
		t.Errorf("take: %d rows, more %v", len(got.Rows), got.More)
	}
	for _, query := range []string{
		`events | summarize count() by time, command_line`, `events | summarize make_set(command_line, 1000), max(command_line) by pid`,
		`events | sort by command_line`, `events | distinct time`,
	} {
		got := run(t, compile(t, query, Options{Memory: 20_000, Limit: 10_000}), events)
		if got.Stopped == "" || len(got.Rows) == 0 || len(got.Rows) > 200 {
			t.Errorf("%s: %d rows in little memory, stopped %q", query, len(got.Rows), got.Stopped)
		}
	}
}

// TestTimesFarOff takes the newest of events whose clocks are wrong.
func TestTimesFarOff(t *testing.T) {
	years := []int{1, 1600, 1678, 1965, 1970, 2026, 2262, 9000}
	var events []event.Event
	for _, y := range years {
		e := event.Event{Class: event.ClassFileActivity, Host: "h", Serial: uint64(y)}
		if y > 1 { // the first has no time at all
			e.Time = time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		events = append(events, e)
	}
	for n := range len(years) + 1 {
		var want []string
		for _, y := range slices.Backward(years[len(years)-n:]) {
			want = append(want, fmt.Sprint(y))
		}
		q := compile(t, fmt.Sprintf("events | project audit_serial | take %d", n), Options{})
		for range 10 {
			rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			r := q.Start(nil, nil)
			if err := feed(t.Context(), r, events, numbered(len(events)), 1); err != nil {
				t.Fatal(err)
			}
			if got, _ := r.Finish(); !slices.Equal(written(got), want) {
				t.Errorf("the newest %d are %v, want %v", n, written(got), want)
			}
		}
	}
}

// TestUnordered hands rows out as they come.
func TestUnordered(t *testing.T) {
	events := telemetry(5)
	q := compile(t, `process | project time, pid`, Options{Unordered: true, Limit: 50})
	rows := 0
	r := q.Start(func(Row) error { rows++; return nil }, nil)
	if err := feed(t.Context(), r, events, numbered(len(events)), 100); !errors.Is(err, ErrEnough) {
		t.Errorf("got %v, want that it has enough", err)
	}
	if result, err := r.Finish(); err != nil || rows != 50 || !result.More {
		t.Errorf("%d rows, more %v, error %v", rows, result.More, err)
	}
	broken := errors.New("client gone")
	r = q.Start(func(Row) error { return broken }, nil)
	if err := feed(t.Context(), r, events, numbered(len(events)), 100); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	events := telemetry(1)
	r := compile(t, `events`, Options{}).Start(nil, nil)
	if err := feed(ctx, r, events, numbered(len(events)), 100); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMatchedAndHistogram(t *testing.T) {
	events := telemetry(10)
	want := make(map[time.Time]int64)
	matched := int64(0)
	for _, e := range events {
		if e.Class == event.ClassFileActivity {
			want[e.Time.Truncate(time.Hour)]++
			matched++
		}
	}
	h := NewHistogram(time.Time{}, time.Time{})
	r := compile(t, `file | take 1`, Options{}).Start(nil, h.Add)
	if err := feed(t.Context(), r, events, numbered(len(events)), 100); err != nil {
		t.Fatal(err)
	}
	if result, _ := r.Finish(); result.Matched != matched || result.Scanned != int64(len(events)) || len(result.Rows) != 1 {
		t.Errorf("matched %d of %d, want %d of %d", result.Matched, result.Scanned, matched, len(events))
	}
	got := make(map[time.Time]int64)
	buckets := h.Buckets()
	for i, b := range buckets {
		got[b.Start.Truncate(time.Hour)] += b.Count
		if i > 0 && b.Start.Sub(buckets[i-1].Start) != buckets[1].Start.Sub(buckets[0].Start) {
			t.Errorf("a gap before %v", b.Start)
		}
	}
	for hour, n := range want {
		if got[hour] != n {
			t.Errorf("%v: %d, want %d", hour, got[hour], n)
		}
	}
}

func TestHistogramSpans(t *testing.T) {
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct {
		since, until time.Time
		times        []time.Time
		buckets      int
		width        time.Duration
	}{
		"empty":             {},
		"one":               {times: []time.Time{now}, buckets: 1},
		"span of the ask":   {at(-24 * time.Hour), now, []time.Time{at(-time.Hour)}, 48, 30 * time.Minute},
		"span of events":    {times: []time.Time{at(-99 * time.Second), now}, buckets: 100, width: time.Second},
		"wrong clocks":      {times: []time.Time{time.Unix(0, -1<<63+1), time.Unix(0, 1<<63-1), now}, buckets: 59, width: 3640 * 24 * time.Hour},
		"since after until": {now, at(-time.Hour), []time.Time{now}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHistogram(c.since, c.until)
			h.Add(c.times)
			b := h.Buckets()
			total := int64(0)
			for _, x := range b {
				total += x.Count
			}
			if len(b) != c.buckets || total != int64(len(c.times)) {
				t.Errorf("%d buckets with %d, want %d with %d", len(b), total, c.buckets, len(c.times))
			}
			if c.width > 0 && b[1].Start.Sub(b[0].Start) != c.width {
				t.Errorf("width %v, want %v", b[1].Start.Sub(b[0].Start), c.width)
			}
		})
	}
}

// FuzzCompile runs whatever compiles over a few events.
func FuzzCompile(f *testing.F) {
	for _, q := range typical {
		f.Add(q)
	}
	events := telemetry(1)[:60]
	f.Fuzz(func(t *testing.T, query string) {
		q, problems := Compile(query, Options{Now: now, Limit: 10, Memory: 1 << 20})
		if (q == nil) == (len(problems) == 0) {
			t.Fatalf("query %v with problems %v", q, problems)
		}
		if q == nil {
			return
		}
		got := run(t, q, events)
		for _, r := range got.Rows {
			if len(r.Values) != len(q.Columns()) {
				t.Fatalf("a row of %d values, want %d", len(r.Values), len(q.Columns()))
			}
			for i, v := range r.Values {
				if k := q.Columns()[i].Kind; !v.IsAbsent() && v.Kind() != k {
					t.Fatalf("column %s is %v, want %v", q.Columns()[i].Name, v.Kind(), k)
				}
			}
		}
	})
}
