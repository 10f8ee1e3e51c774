package spool

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
)

const childVariable = "HOLDFAST_SPOOL_CHILD"

// child appends, sends and acknowledges until it is killed, and says what it
// has done: how many events have numbers, and up to which frame it has begun
// to acknowledge.
func child(dir string) {
	s, err := Open(dir, Options{SegmentBytes: 1, SyncInterval: 5 * time.Millisecond})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var after uint64
	for {
		sequenced := s.Ledger().Sequenced
		n := rand.IntN(20) + 1
		s.AddProduced(uint64(n) + 3)
		s.AddCombined(1)
		events := numbered(sequenced+1, n)
		if rand.IntN(4) == 0 {
			events[0].Message = noise(100 << 10).Message
		}
		if _, err := s.Append(events); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		s.AddCombined(2)
		if rand.IntN(3) > 0 {
			sequence, _, ok := s.Next(after)
			if !ok {
				fmt.Println("error: no frame after", after)
				os.Exit(1)
			}
			after = sequence
			fmt.Printf("acking %d\n", after)
			if err := s.Ack(after); err != nil {
				fmt.Println("error", err)
				os.Exit(1)
			}
		}
		fmt.Printf("sequenced %d\n", sequenced+uint64(n))
	}
}

// killed runs a child until it has said so many lines, kills it with SIGKILL
// and returns what it said last.
func killed(t *testing.T, dir string, lines int, sequenced, acking uint64) (uint64, uint64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for n := 0; said.Scan(); n++ { // also what it said before it died
		var number uint64
		switch _, err := fmt.Sscanf(said.Text(), "acking %d", &number); {
		case err == nil:
			acking = number
		default:
			if _, err := fmt.Sscanf(said.Text(), "sequenced %d", &number); err != nil {
				t.Fatalf("the child says %q", said.Text())
			}
			sequenced = number
		}
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	return sequenced, acking
}

// Whenever the agent is killed, every event that Append has taken is there
// once, under its number, and the ledger accounts for all.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	var sequenced, acking uint64
	for round := range 50 {
		sequenced, acking = killed(t, dir, rand.IntN(40), sequenced, acking)
		s := open(t, dir, Options{})
		l := s.Ledger()
		if l.Sequenced < sequenced || len(s.volumes) != 1 {
			t.Fatalf("round %d: %d events; the child had appended %d", round, l.Sequenced, sequenced)
		}
		frames := readAll(t, s, 0)
		want := acking
		if len(frames) > 0 && frames[0].sequence == acking { // it died before it could acknowledge
			want = acking - 1
		}
		for i, f := range frames {
			if f.sequence != want+uint64(i)+1 {
				t.Fatalf("round %d: frame %d after %d", round, f.sequence, want+uint64(i))
			}
		}
		if l.Queued != 0 || l.Sequenced != l.Acknowledged+l.Spooled || s.Stats().DamagedFrames != 0 {
			t.Fatalf("round %d: %+v %+v", round, l, s.Stats())
		}
		var dropped uint64
		for _, n := range l.Dropped {
			dropped += n
		}
		if l.Produced != l.Sequenced+l.Combined+dropped {
			t.Fatalf("round %d: the ledger does not balance: %+v", round, l)
		}
		sequenced = l.Sequenced
		crash(t, s)
	}
	t.Logf("%d events, frames acknowledged up to %d", sequenced, acking)
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{20, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, b.TempDir(), Options{Limit: 32 << 30})
			events := make([]*event.Event, n)
			for i := range events {
				events[i] = everyday[i]
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Append(events); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}

func BenchmarkNext(b *testing.B) {
	s := open(b, b.TempDir(), Options{Limit: 32 << 30})
	const events = 200
	var after uint64
	filled := 0
	b.ReportAllocs()
	for b.Loop() {
		if filled == 0 {
			b.StopTimer()
			for ; filled < 1000; filled++ {
				if _, err := s.Append(everyday[:events]); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
		}
		sequence, _, ok := s.Next(after)
		if !ok {
			b.Fatal("no frame")
		}
		after = sequence
		if err := s.Ack(after); err != nil {
			b.Fatal(err)
		}
		filled--
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}

// The counters are what sensors call for every batch.
func BenchmarkAddProduced(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	for b.Loop() {
		s.AddProduced(1)
	}
}

var everyday = func() []*event.Event {
	_, events := telemetrytest.New(telemetrytest.Options{Hosts: 1}).Frame(1000)
	list := make([]*event.Event, len(events))
	for i := range events {
		list[i] = &events[i]
	}
	return list
}()
