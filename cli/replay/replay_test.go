package replay

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/event"
)

const (
	execve = `type=SYSCALL msg=audit(1700000000.100:41): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=10 pid=20 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="nc" exe="/usr/bin/nc" key="k"`
	args   = `type=EXECVE msg=audit(1700000000.100:41): argc=2 a0="nc" a1="-l"`
	title  = `type=PROCTITLE msg=audit(1700000000.100:41): proctitle=6E63002D6C`
	failed = `Mar  1 12:00:00 host sshd[4711]: Failed password for root from 192.0.2.99 port 50022 ssh2`
	entry  = `{"__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":"Accepted publickey for alice from 192.0.2.7 port 50022 ssh2","SYSLOG_IDENTIFIER":"sshd","_PID":"4711"}`
	own    = `{"class_name":"process_activity","activity_name":"launch","time":"2026-03-01T12:00:00Z","process":{"pid":9}}`
)

// read runs lines through a Reader.
func read(t testing.TB, opts Options, lines ...string) ([]*event.Event, Stats) {
	t.Helper()
	var events []*event.Event
	opts.Events = func(list []*event.Event) { events = append(events, list...) }
	r := NewReader(opts)
	r.Open("test.log", time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	for i, l := range lines {
		r.Line(input.Line{Text: []byte(l), Number: i + 1})
	}
	r.Flush()
	return events, r.Stats()
}

func TestLinesBecomeEvents(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []string // names of the events
	}{
		"nothing":                     {nil, nil},
		"audit":                       {[]string{execve, args, title}, []string{"process_activity/launch"}},
		"audit without its end":       {[]string{execve, args}, []string{"process_activity/launch"}},
		"audit from another host":     {[]string{"node=web " + execve, "node=web " + args}, []string{"process_activity/launch"}},
		"audit within syslog":         {[]string{"Mar  1 12:00:00 host audit: " + execve, "Mar  1 12:00:00 host audit: " + args}, []string{"process_activity/launch"}},
		"syslog":                      {[]string{failed}, []string{"authentication/logon"}},
		"journal":                     {[]string{entry}, []string{"authentication/logon"}},
		"our own":                     {[]string{own}, []string{"process_activity/launch"}},
		"mixed":                       {[]string{failed, own, "", entry}, []string{"authentication/logon", "process_activity/launch", "authentication/logon"}},
		"syslog that is of no matter": {[]string{"Mar  1 12:00:00 host kernel: eth0 up"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			events, stats := read(t, Options{}, c.lines...)
			var got []string
			for _, e := range events {
				got = append(got, e.Name())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if stats.Skipped != 0 || stats.Events != len(c.want) || stats.Lines != len(c.lines) {
				t.Errorf("got %+v", stats)
			}
		})
	}
}

func TestYearOfSyslogIsThatOfTheFile(t *testing.T) {
	events, _ := read(t, Options{}, failed)
	if len(events) != 1 || events[0].Time.Year() != 2026 {
		t.Errorf("got %v", events)
	}
}

func TestHostsDoNotShareProcesses(t *testing.T) {
	events, _ := read(t, Options{}, "node=a "+execve, "node=a "+args, "node=a "+title,
		strings.ReplaceAll("node=b "+execve, "pid=20", "pid=30"), strings.ReplaceAll("node=b "+args, "pid=20", "pid=30"))
	if len(events) != 2 || events[0].Host != "a" || events[1].Host != "b" {
		t.Fatalf("got %v", events)
	}
}

func TestSkipsAreCountedByReason(t *testing.T) {
	_, stats := read(t, Options{}, "hello", "world", "type=SYSCALL msg=audit(17", "{", `{"alert_type":"VM_X"}`, `{"Image":"/bin/sh"}`,
		`{"class_name":"nonsense"}`, `{"__REALTIME_TIMESTAMP":"1"}`)
	if stats.Skipped != 8 || len(stats.Skips) != 7 {
		t.Fatalf("got %+v", stats)
	}
	first := stats.Skips[0]
	if first.Lines != 2 || first.Line != 1 || first.File != "test.log" || first.Sample != "hello" {
		t.Errorf("got %+v", first)
	}
}

func TestEachFileIsAccountedFor(t *testing.T) {
	r := NewReader(Options{Events: func([]*event.Event) {}})
	for _, file := range []struct {
		name  string
		lines []string
	}{
		{"auth.log", []string{failed, "hello", failed, "", "hello"}},
		{"empty.log", nil},
		{"audit.log", []string{execve, args, title, "{", "hello", "hello", "hello", "hello", "hello", "hello"}},
	} {
		r.Open(file.name, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
		for i, l := range file.lines {
			r.Line(input.Line{Text: []byte(l), Number: i + 1})
		}
	}
	r.Flush()
	const unknown = "in no format that replay reads (audit, syslog, JSON)"
	want := []Stats{
		{File: "auth.log", Lines: 5, Events: 2, Skipped: 2, Skips: []Skip{{unknown, 2, "auth.log", 2, "hello", []int{2, 5}}}},
		{File: "empty.log", Skips: []Skip{}},
		{File: "audit.log", Lines: 10, Events: 1, Skipped: 7, Skips: []Skip{
			{unknown, 6, "audit.log", 5, "hello", []int{5, 6, 7, 8, 9}}, {"malformed JSON", 1, "audit.log", 4, "{", []int{4}},
		}},
	}
	if diff := cmp.Diff(want, r.Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if all := r.Stats(); all.Lines != 15 || all.Events != 3 || all.Skipped != 9 || all.Skips[0].Lines != 8 {
		t.Errorf("all of them: %+v", all)
	}
}

func TestForeignObjectsAreHandedOn(t *testing.T) {
	var got []string
	_, stats := read(t, Options{Foreign: func(line []byte) error { got = append(got, string(line)); return nil }}, `{"Image":"/bin/sh"}`, own)
	if len(got) != 1 || stats.Events != 2 || stats.Skipped != 0 {
		t.Errorf("got %q, %+v", got, stats)
	}
}

func TestSkipsAreBounded(t *testing.T) {
	var s skips
	for i := range 1000 {
		s.add(strings.Repeat("r", i+1), "f", i, make([]byte, 1<<20))
	}
	list := s.list()
	if len(list) != maxReasons+1 || s.total != 1000 {
		t.Errorf("%d reasons are kept, %d lines counted", len(list), s.total)
	}
	for _, k := range list {
		if len(k.Sample) > maxSample {
			t.Errorf("a sample has %d bytes", len(k.Sample))
		}
	}
}

func TestJournalFields(t *testing.T) {
	for name, c := range map[string]struct{ text, program, message string }{
		"bytes":       {`{"__REALTIME_TIMESTAMP":"1","MESSAGE":[104,105,255],"_COMM":"x"}`, "x", "hi\xff"},
		"given twice": {`{"__REALTIME_TIMESTAMP":"1","MESSAGE":["a","b"],"SYSLOG_IDENTIFIER":"y"}`, "y", "a"},
		"with a path": {`{"__REALTIME_TIMESTAMP":"1","MESSAGE":"m","SYSLOG_IDENTIFIER":"/usr/sbin/cron"}`, "cron", "m"},
	} {
		t.Run(name, func(t *testing.T) {
			l, ok := parseJournal([]byte(c.text))
			if !ok || string(l.Program) != c.program || string(l.Message) != c.message {
				t.Errorf("got %q %q %v", l.Program, l.Message, ok)
			}
		})
	}
}

// TestMemoryIsBounded reads on after the process table has filled: what a
// reader keeps must not grow with the length of the log.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := NewReader(Options{Events: func([]*event.Event) {}})
	serial := 0
	heap := func(events int) uint64 {
		for range events {
			serial++
			head := fmt.Sprintf("audit(%d.%03d:%d): ", 1_700_000_000+serial/50, serial%50*20, serial)
			for _, text := range []string{
				fmt.Sprintf(`type=SYSCALL msg=%sarch=c000003e syscall=59 success=yes exit=0 ppid=%d pid=%d uid=0 comm="x" exe="/bin/x%d"`, head, serial%999, 300+serial%20_000, serial),
				fmt.Sprintf(`type=EXECVE msg=%sargc=2 a0="x" a1="%0200d"`, head, serial),
				fmt.Sprintf(`type=PROCTITLE msg=%sproctitle="x"`, head),
			} {
				r.Line(input.Line{Text: []byte(text), Number: 1})
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	full, later := heap(30_000), heap(45_000)
	runtime.KeepAlive(r)
	if later > full+full/4 {
		t.Errorf("%d KiB after 30,000 events, %d KiB after 75,000", full>>10, later>>10)
	}
	t.Logf("%d KiB, %d KiB", full>>10, later>>10)
}

func FuzzLine(f *testing.F) {
	for _, l := range []string{execve, args, title, failed, entry, own, "{", "hello", `{"__REALTIME_TIMESTAMP":"1","MESSAGE":[1]}`} {
		f.Add([]byte(l))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(Options{Events: func([]*event.Event) {}, Foreign: func([]byte) error { return nil }})
		lines := 0
		for line := range strings.SplitSeq(string(data), "\n") {
			lines++
			r.Line(input.Line{Text: []byte(line), Number: lines})
		}
		r.Flush()
		if s := r.Stats(); s.Lines != lines || s.Skipped > lines {
			t.Errorf("%d lines, but %+v", lines, s)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	lines := []string{execve, args, title, failed}
	b.ReportAllocs()
	r := NewReader(Options{Events: func([]*event.Event) {}})
	for b.Loop() {
		for _, l := range lines {
			r.Line(input.Line{Text: []byte(l), Number: 1})
		}
	}
	b.ReportMetric(float64(len(lines)*b.N)/b.Elapsed().Seconds(), "lines/s")
}
