package record_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/audit/record"
)

// line makes a log line from "SYSCALL 7 items=1": type, serial, fields. A
// serial of the form 7@250 is stamped 250 ms after the base time.
func line(short string) []byte {
	part := strings.SplitN(short, " ", 3)
	part = append(part, "")
	serial, at, _ := strings.Cut(part[1], "@")
	if at == "" {
		at = "0"
	}
	var ms int
	fmt.Sscan(at, &ms)
	stamp := 1700000000000 + ms
	return fmt.Appendf(nil, "type=%s msg=audit(%d.%03d:%s): %s", part[0], stamp/1000, stamp%1000, serial, part[2])
}

// run pushes the lines and returns the events as "7: SYSCALL PATH", with "?"
// after the serial of those that are not complete.
func run(opts record.Options, lines ...string) ([]string, record.Counters) {
	var got []string
	opts.RecordTime = true
	r := record.NewReassembler(opts, func(e *record.Event) {
		s := fmt.Sprint(e.Serial)
		if e.Node != "" {
			s = e.Node + "/" + s
		}
		if !e.Complete {
			s += "?"
		}
		for _, rec := range e.Records {
			s += " " + rec.Type.String()
		}
		got = append(got, s)
	})
	for _, l := range lines {
		if node, rest, ok := strings.Cut(l, "/"); ok {
			_ = r.PushLine(append([]byte("node="+node+" "), line(rest)...), 0)
			continue
		}
		_ = r.PushLine(line(l), 0)
	}
	r.Flush()
	return got, r.Counters()
}

func TestReassemble(t *testing.T) {
	for _, c := range []struct {
		name  string
		opts  record.Options
		lines []string
		want  []string
		count record.Counters // Records, Events and MissingSerials are not compared
	}{
		{
			name:  "end mark",
			lines: []string{"SYSCALL 1 items=1", "CWD 1", "PATH 1 item=0", "EOE 1", "SYSCALL 2", "EOE 2"},
			want:  []string{"1 SYSCALL CWD PATH", "2 SYSCALL"},
		},
		{
			name:  "PROCTITLE ends an event of a log, which has no EOE",
			lines: []string{"SYSCALL 1 items=1", "PATH 1 item=0", "PROCTITLE 1", "SYSCALL 2 items=0", "PROCTITLE 2"},
			want:  []string{"1 SYSCALL PATH PROCTITLE", "2 SYSCALL PROCTITLE"},
		},
		{
			name:  "out of order, SYSCALL last",
			lines: []string{"PROCTITLE 1", "PATH 1 item=0", "CWD 1", "SYSCALL 1 items=1"},
			want:  []string{"1 PROCTITLE PATH CWD SYSCALL"},
		},
		{
			name:  "interleaved",
			lines: []string{"SYSCALL 1 items=1", "SYSCALL 2 items=1", "PATH 1 a=1", "PATH 2 a=1", "PROCTITLE 2", "PROCTITLE 1"},
			want:  []string{"2 SYSCALL PATH PROCTITLE", "1 SYSCALL PATH PROCTITLE"},
		},
		{
			name:  "records of programs are events at once",
			lines: []string{"SYSCALL 1 items=1", "USER_LOGIN 2 pid=1", "DAEMON_START 8000 op=start", "ADD_USER 3", "PATH 1", "EOE 1"},
			want:  []string{"2 USER_LOGIN", "8000 DAEMON_START", "1? SYSCALL", "3 ADD_USER", "1 PATH"},
			count: record.Counters{Incomplete: 1, Late: 1},
		},
		{
			name:  "two newer serials end events of old kernels",
			lines: []string{"SYSCALL 1", "SYSCALL 2", "SYSCALL 3"},
			want:  []string{"1? SYSCALL", "2? SYSCALL", "3? SYSCALL"},
			count: record.Counters{Incomplete: 3},
		},
		{
			name:  "with end marks calls may overlap for long",
			lines: []string{"SYSCALL 1", "EOE 1", "SYSCALL 2", "SYSCALL 3", "EOE 3", "SYSCALL 9", "EOE 9", "PATH 2", "EOE 2"},
			want:  []string{"1 SYSCALL", "3 SYSCALL", "9 SYSCALL", "2 SYSCALL PATH"},
		},
		{
			name:  "a denial may stand alone",
			lines: []string{"SYSCALL 1", "EOE 1", "AVC 2", "SYSCALL 3@150", "EOE 3@150"},
			want:  []string{"1 SYSCALL", "2 AVC", "3 SYSCALL"},
		},
		{
			name:  "or belong to a call",
			lines: []string{"SYSCALL 1", "EOE 1", "AVC 2", "SYSCALL 2@50", "EOE 2@50"},
			want:  []string{"1 SYSCALL", "2 AVC SYSCALL"},
		},
		{
			name:  "timeout",
			lines: []string{"SYSCALL 1", "EOE 1", "SYSCALL 2 items=1", "SYSCALL 3@2000", "EOE 3@2000"},
			want:  []string{"1 SYSCALL", "2? SYSCALL", "3 SYSCALL"},
			count: record.Counters{Incomplete: 1},
		},
		{
			name:  "late record",
			lines: []string{"SYSCALL 1", "EOE 1", "PATH 1"},
			want:  []string{"1 SYSCALL", "1? PATH"},
			count: record.Counters{Late: 1, Incomplete: 1},
		},
		{
			name:  "late end mark is nothing",
			lines: []string{"SYSCALL 1 items=0", "PROCTITLE 1", "EOE 1"},
			want:  []string{"1 SYSCALL PROCTITLE"},
		},
		{
			name:  "duplicate records",
			lines: []string{"SYSCALL 1 items=2", "SYSCALL 1 items=2", "PATH 1 item=0", "PATH 1 item=1", "PATH 1 item=0", "PROCTITLE 1"},
			want:  []string{"1 SYSCALL PATH PATH PROCTITLE"},
			count: record.Counters{Duplicates: 2},
		},
		{
			name:  "clock steps back by an hour",
			lines: []string{"SYSCALL 1@3600000 items=1", "PATH 1@1 a=1", "PROCTITLE 1@1", "SYSCALL 2@5 items=1", "PATH 2@9", "PROCTITLE 2@9"},
			want:  []string{"1 SYSCALL PATH PROCTITLE", "2 SYSCALL PATH PROCTITLE"},
		},
		{
			name:  "same serial of two hosts",
			lines: []string{"a/SYSCALL 1", "b/SYSCALL 1", "b/EOE 1", "a/EOE 1"},
			want:  []string{"b/1 SYSCALL", "a/1 SYSCALL"},
		},
		{
			name:  "room for two events",
			opts:  record.Options{MaxEvents: 2},
			lines: []string{"SYSCALL 9", "EOE 9", "SYSCALL 1", "SYSCALL 2", "SYSCALL 3", "EOE 1", "EOE 2", "EOE 3"},
			want:  []string{"9 SYSCALL", "1? SYSCALL", "2 SYSCALL", "3 SYSCALL"},
			count: record.Counters{Evicted: 1, Incomplete: 1},
		},
		{
			name: "room for the bytes of two events",
			opts: record.Options{MaxBytes: 150},
			lines: []string{
				"SYSCALL 9", "EOE 9", "SYSCALL 1 a=123456", "SYSCALL 2 a=123456", "SYSCALL 3 a=123456",
				"PATH 3 a=1234567890123456789", "EOE 2", "EOE 3",
			},
			want:  []string{"9 SYSCALL", "1? SYSCALL", "2 SYSCALL", "3 SYSCALL"},
			count: record.Counters{Evicted: 1, Incomplete: 1, Truncated: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, count := run(c.opts, c.lines...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if count.Records != uint64(len(c.lines)) || count.Events != uint64(len(c.want)) {
				t.Errorf("counted %d records and %d events", count.Records, count.Events)
			}
			count.Records, count.Events, count.MissingSerials, count.Restarts = 0, 0, 0, 0
			if diff := cmp.Diff(c.count, count); diff != "" {
				t.Errorf("counters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingSerials(t *testing.T) {
	span := func(from, to int) (s []string) {
		for i := from; i <= to; i++ {
			s = append(s, fmt.Sprintf("USER_AUTH %d", i))
		}
		return s
	}
	for _, c := range []struct {
		name              string
		lines             []string
		missing, restarts uint64
	}{
		{"none", span(100, 900), 0, 0},
		{"a hole", append(span(100, 200), span(205, 900)...), 4, 0},
		{"a hole that is filled late", append(append(span(100, 200), span(205, 900)...), span(201, 204)...), 0, 0},
		{"a wide hole", append(span(1, 10), span(100011, 100020)...), 100000, 0},
		{"duplicates fill no hole", append(append(span(1, 10), span(1, 10)...), span(13, 20)...), 2, 0},
		{"reboot", append(span(500000, 500010), append(span(2, 50), span(52, 60)...)...), 1, 1},
		{"one stray old record", append(span(500000, 500010), "USER_AUTH 3", "USER_AUTH 500011"), 0, 0},
		{"serials of auditd are its own", append(span(1, 10), "DAEMON_START 9000", "USER_AUTH 12"), 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, count := run(record.Options{}, c.lines...); count.MissingSerials != c.missing || count.Restarts != c.restarts {
				t.Errorf("got %d missing and %d restarts, want %d and %d", count.MissingSerials, count.Restarts, c.missing, c.restarts)
			}
		})
	}
}

// TestMissingSerialsAreExact drops random events, delays others, and expects
// the exact number.
func TestMissingSerialsAreExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := record.NewReassembler(record.Options{}, func(*record.Event) {})
	var delayed []int
	var dropped uint64
	for i := 1; i <= 50000; i++ {
		switch n := rng.IntN(100); {
		case n < 5 && i > 1 && i < 50000:
			dropped++
		case n < 15 && i > 1:
			delayed = append(delayed, i)
		default:
			_ = r.PushLine(line(fmt.Sprintf("USER_AUTH %d", i)), 0)
		}
		if len(delayed) > 50 {
			for _, s := range delayed {
				_ = r.PushLine(line(fmt.Sprintf("USER_AUTH %d", s)), 0)
			}
			delayed = nil
		}
	}
	for _, s := range delayed {
		_ = r.PushLine(line(fmt.Sprintf("USER_AUTH %d", s)), 0)
	}
	r.Flush()
	if got := r.Counters().MissingSerials; got != dropped {
		t.Errorf("got %d missing serials, want %d", got, dropped)
	}
}

// TestEmptyRecordsAreBounded gives one event more records than fit, all without
// any field.
func TestEmptyRecordsAreBounded(t *testing.T) {
	r := record.NewReassembler(record.Options{MaxBytes: 64 << 10}, func(*record.Event) {})
	for i := range 100_000 {
		rec := record.Record{Type: record.Type(3000 + i%16), Serial: 1}
		r.Push(&rec, 0)
	}
	if c := r.Counters(); c.Truncated == 0 || c.Truncated+c.Duplicates < 95_000 {
		t.Errorf("%+v", c)
	}
}

func TestLiveClockIsArrival(t *testing.T) {
	var got []uint64
	r := record.NewReassembler(record.Options{}, func(e *record.Event) { got = append(got, e.Serial) })
	_ = r.PushLine(line("SYSCALL 1@0"), time.Second)
	_ = r.PushLine(line("PATH 1@9000000 a=1"), time.Second+time.Millisecond) // the host's clock jumped
	r.Advance(2 * time.Second)
	if len(got) != 0 {
		t.Fatalf("event %d was given up because of a step of the host's clock", got[0])
	}
	r.Advance(4 * time.Second)
	if len(got) != 1 || r.Open() != 0 {
		t.Errorf("got %d events, %d open, want 1 and 0", len(got), r.Open())
	}
}

func TestUnreadableLinesAreCountedAndKept(t *testing.T) {
	r := record.NewReassembler(record.Options{}, func(*record.Event) {})
	for i := range 20 {
		_ = r.PushLine(fmt.Appendf(nil, "type=SYSCALL msg=audit(17:%d", i), 0)
		_ = r.PushLine([]byte("hello"), 0)
	}
	if c := r.Counters(); c.Malformed != 20 || c.Foreign != 20 || c.Records != 0 {
		t.Errorf("counters %+v", c)
	}
	if s := r.Samples(); len(s) != 8 || !strings.Contains(s[0], "audit(17:0") {
		t.Errorf("samples %q", s)
	}
}

func FuzzReassembler(f *testing.F) {
	f.Add([]byte("type=SYSCALL msg=audit(1.000:1): items=1\ntype=PATH msg=audit(1.000:1): a\ntype=EOE msg=audit(1.000:1): \n"))
	f.Add([]byte("node=a type=AVC msg=audit(1.000:4294967295): items=1\nnode=b type=AVC msg=audit(9.000:0): a\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var records uint64
		r := record.NewReassembler(record.Options{RecordTime: true, MaxEvents: 4, MaxBytes: 200}, func(e *record.Event) {
			records += uint64(len(e.Records))
		})
		var pushed uint64
		for l := range bytes.Lines(log) {
			rec, err := record.ParseLine(l)
			if r.PushLine(l, 0) == nil && err == nil && rec.Type != record.EOE {
				pushed++
			}
		}
		r.Flush()
		if c := r.Counters(); r.Open() != 0 || pushed != records+c.Duplicates+c.Truncated {
			t.Fatalf("%d pushed, %d delivered, %+v", pushed, records, c)
		}
	})
}

// BenchmarkParseAndReassemble reads the recorded logs: the mix of records of
// real hosts. One operation is one record.
func BenchmarkParseAndReassemble(b *testing.B) {
	var lines [][]byte
	size := 0
	for _, file := range corpusLines(b) {
		for _, l := range file {
			lines = append(lines, l)
			size += len(l)
		}
	}
	events := 0
	r := record.NewReassembler(record.Options{RecordTime: true}, func(e *record.Event) { events++ })
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	i := 0
	for b.Loop() {
		_ = r.PushLine(lines[i], 0)
		if i++; i == len(lines) {
			i = 0
		}
	}
	r.Flush()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(events), "allocs/event")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(b.N)/float64(events), "records/event")
}

// BenchmarkExecEvents reads the six records of an exec, what the agent sees
// most, with new serial numbers all the time, in two events that overlap.
func BenchmarkExecEvents(b *testing.B) {
	bodies := []struct {
		t record.Type
		s string
	}{
		{record.Syscall, `arch=c000003e syscall=59 success=yes exit=0 a0=55faa178f800 a1=55faa178f900 a2=55faa178fa00 a3=8 items=2 ppid=3309 pid=3346 auid=1001 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts1 ses=5 comm="ls" exe="/usr/bin/ls" subj=unconfined key="holdfast-exec"`},
		{record.Execve, `argc=3 a0="ls" a1="--color=auto" a2="/etc/audit"`},
		{record.CWD, `cwd="/home/eve"`},
		{record.Path, `item=0 name="/usr/bin/ls" inode=2512 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0`},
		{record.Path, `item=1 name="/lib64/ld-linux-x86-64.so.2" inode=19161168 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0`},
		{record.Proctitle, `proctitle=6C73002D2D636F6C6F723D6175746F002F6574632F6175646974`},
		{record.EOE, ``},
	}
	events := 0
	r := record.NewReassembler(record.Options{}, func(e *record.Event) { events++ })
	payload := make([]byte, 0, 4096)
	serial, k := uint64(1), 0
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		payload = append(payload[:0], "audit(1700000000.042:"...)
		payload = strconv.AppendUint(payload, serial+uint64(k%2), 10)
		payload = append(payload, "): "...)
		payload = append(payload, bodies[k/2].s...)
		if err := r.PushMessage(bodies[k/2].t, payload, time.Duration(serial)*time.Microsecond); err != nil {
			b.Fatal(err)
		}
		if k++; k == 2*len(bodies) {
			k, serial = 0, serial+2
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(events), "allocs/event")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
