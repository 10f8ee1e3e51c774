package wire

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
)

// everyday returns n events of one host as a server has them.
func everyday(n int) []*event.Event {
	_, events := telemetrytest.New(telemetrytest.Options{Hosts: 1}).Frame(n)
	return pointers(events)
}

// storm returns n events of programs that start and end as fast as a host
// can: each image is new, beneath a lineage of eight.
func storm(n int) []*event.Event {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var parent *event.Process
	image := func(i int, line string, args ...string) *event.Process {
		at := start.Add(time.Duration(i) * 517 * time.Microsecond)
		return &event.Process{
			UID: event.ProcessUID{Boot: event.BootID{1, 2, 3, 4, 5, 6, 7, 8}, PID: uint32(1000 + i), Start: uint64(i) * 1e7},
			PID: uint32(1000 + i), Parent: parent, PPID: uint32(999), Name: args[0],
			Executable: &event.File{
				Path: "/usr/bin/" + args[0], Size: 151344, Mode: 0o100755, Inode: 131 + uint64(i%7), Device: 65025, Changed: start, Owned: event.OwnedYes,
				Package: "coreutils", SHA256: "9f1e6a8d5c3b2a190f8e7d6c5b4a39281706f5e4d3c2b1a0998877665544332" + string(rune('0'+i%7)),
			},
			CommandLine: line, Arguments: args, Directory: "/srv/build", Started: at, Executed: at.Add(300 * time.Microsecond),
			User: event.User{Name: "root"}, Login: &event.User{UID: 1000, Name: "alice"}, Session: 12, Terminal: "pts0",
			Entry:       event.EntryPoint{Kind: event.EntrySSH, Address: "192.0.2.17", User: "alice"},
			Descriptors: []event.Descriptor{{FD: 0, Kind: "tty", Target: "/dev/pts/0"}, {FD: 1, Kind: "pipe"}, {FD: 2, Kind: "pipe"}},
		}
	}
	for i := range 7 {
		parent = image(i-10, "bash -c make", "bash", "-c", "make")
	}
	var events []*event.Event
	for i := 0; len(events) < n; i++ {
		path := fmt.Sprintf("/srv/build/out/object-%d.o", i)
		p := image(i, "stat -c %s "+path, "stat", "-c", "%s", path)
		events = append(events,
			&event.Event{Time: p.Executed, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess, Source: event.SourceAudit, Host: "h0123456789abcdef", Serial: uint64(70000 + i), Process: p, Key: "holdfast-exec"},
			&event.Event{Time: p.Executed.Add(time.Millisecond), Class: event.ClassProcessActivity, Activity: event.ProcessTerminate, Status: event.StatusSuccess, Source: event.SourcePerf, Host: "h0123456789abcdef", Process: p, Exit: &event.Exit{}})
	}
	return events[:n]
}

var benchmarks = []struct {
	name   string
	events []*event.Event
}{
	{"storm/20", storm(20)},
	{"storm/200", storm(200)},
	{"storm/1000", storm(1000)},
	{"everyday/20", everyday(20)},
	{"everyday/1000", everyday(1000)},
}

func report(b *testing.B, events, bytes int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
	b.ReportMetric(float64(bytes)/float64(events), "bytes/event")
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			e := NewEncoder()
			var frame []byte
			for b.Loop() {
				var err error
				if frame, err = e.AppendFrame(frame[:0], header, c.events); err != nil {
					b.Fatal(err)
				}
			}
			report(b, len(c.events), len(frame))
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			frame := encode(b, c.events...)
			b.ReportAllocs()
			d := NewDecoder()
			for b.Loop() {
				if _, _, err := d.DecodeFrame(frame); err != nil {
					b.Fatal(err)
				}
			}
			report(b, len(c.events), len(frame))
		})
	}
}

// BenchmarkJSON is what frames are compared with: the documented form of the
// same events, in the same compression.
func BenchmarkJSON(b *testing.B) {
	for _, c := range benchmarks {
		e := NewEncoder()
		plain, err := json.Marshal(c.events)
		if err != nil {
			b.Fatal(err)
		}
		packed := e.zstd.EncodeAll(plain, nil)
		b.Run("encode/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plain, _ := json.Marshal(c.events)
				packed = e.zstd.EncodeAll(plain, packed[:0])
			}
			report(b, len(c.events), len(packed))
		})
		b.Run("decode/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			d := NewDecoder()
			for b.Loop() {
				plain, _ := d.zstd.DecodeAll(packed, make([]byte, 0, len(plain)))
				var events []event.Event
				if err := json.Unmarshal(plain, &events); err != nil {
					b.Fatal(err)
				}
			}
			report(b, len(c.events), len(packed))
		})
	}
}

func BenchmarkParseHeader(b *testing.B) {
	frame := encode(b, storm(1000)...)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := ParseHeader(frame); err != nil {
			b.Fatal(err)
		}
	}
}
