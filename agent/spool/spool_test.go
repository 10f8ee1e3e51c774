package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, dir string, opts Options) *Spool {
	t.Helper()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func closeSpool(t testing.TB, s *Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// crash ends a spool as kill -9 does: nothing is synced or noted.
func crash(t testing.TB, s *Spool) {
	t.Helper()
	close(s.stop)
	<-s.synced
	s.closed = true
	for _, f := range s.retired {
		f.Close()
	}
	if err := errors.Join(s.closeFiles(), s.ledger.close(), s.unlock()); err != nil {
		t.Fatal(err)
	}
}

// numbered returns n events that say which number they should get.
func numbered(first uint64, n int) []*event.Event {
	events := make([]*event.Event, n)
	for i := range events {
		events[i] = &event.Event{Serial: first + uint64(i)}
	}
	return events
}

// put appends n events, as a pipeline that produced them does.
func put(t testing.TB, s *Spool, n int) {
	t.Helper()
	s.AddProduced(uint64(n))
	if dropped, err := s.Append(numbered(s.Ledger().Sequenced+1, n)); dropped != 0 || err != nil {
		t.Fatalf("append: %d dropped, %v", dropped, err)
	}
}

// sent is a frame that the spool handed out.
type sent struct {
	sequence uint64
	header   wire.Header
}

// readAll returns what the spool hands out, after checking that the events are
// where they belong.
func readAll(t testing.TB, s *Spool, after uint64) []sent {
	t.Helper()
	var frames []sent
	d := wire.NewDecoder()
	for {
		sequence, frame, ok := s.Next(after)
		if !ok {
			return frames
		}
		h, events, err := d.DecodeFrame(frame)
		if err != nil || h.Sequence != sequence {
			t.Fatalf("frame %d: %+v, %v", sequence, h, err)
		}
		for i, e := range events {
			if e.Serial != h.First+uint64(i) {
				t.Fatalf("frame %d: event %d stands at %d", sequence, e.Serial, h.First+uint64(i))
			}
		}
		frames = append(frames, sent{sequence, h})
		after = sequence
	}
}

func sequences(frames []sent) []uint64 {
	var list []uint64
	for _, f := range frames {
		list = append(list, f.sequence)
	}
	return list
}

func wantSequences(t testing.TB, frames []sent, want ...uint64) {
	t.Helper()
	if got := sequences(frames); !slices.Equal(got, want) {
		t.Errorf("frames %v; want %v", got, want)
	}
}

func ack(t testing.TB, s *Spool, sequence uint64) {
	t.Helper()
	if err := s.Ack(sequence); err != nil {
		t.Fatal(err)
	}
}

func wantLedger(t testing.TB, s *Spool, sequenced, acknowledged uint64, dropped map[fleet.Reason]uint64) {
	t.Helper()
	l := s.Ledger()
	var lost uint64
	for why, n := range l.Dropped {
		lost += n
		if n != dropped[why] {
			t.Errorf("dropped %s: %d; want %d", why, n, dropped[why])
		}
	}
	if len(l.Dropped) != len(dropped) {
		t.Errorf("dropped %v; want %v", l.Dropped, dropped)
	}
	if l.Sequenced != sequenced || l.Acknowledged != acknowledged || l.Spooled != sequenced-acknowledged {
		t.Errorf("sequenced %d, acknowledged %d, spooled %d; want %d and %d", l.Sequenced, l.Acknowledged, l.Spooled, sequenced, acknowledged)
	}
	if l.Produced != l.Combined+lost+l.Queued+l.Sequenced {
		t.Errorf("the ledger does not balance: %+v", l)
	}
}

func TestFramesComeInOrder(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	if _, frame, ok := s.Next(0); ok || frame != nil {
		t.Fatal("an empty spool hands out a frame")
	}
	for n := range 5 {
		put(t, s, n+1)
	}
	wantSequences(t, readAll(t, s, 0), 1, 2, 3, 4, 5)
	wantSequences(t, readAll(t, s, 3), 4, 5)
	put(t, s, 1)
	wantSequences(t, readAll(t, s, 5), 6)
	wantLedger(t, s, 16, 0, nil)
}

func TestAcknowledgedFramesAreForgotten(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for range 6 {
		put(t, s, 2)
	}
	ack(t, s, 1) // which was not handed out
	readAll(t, s, 0)
	wantLedger(t, s, 12, 0, nil)
	ack(t, s, 2)
	wantLedger(t, s, 12, 4, nil)
	ack(t, s, 1)
	ack(t, s, 99)
	wantLedger(t, s, 12, 4, nil)
	wantSequences(t, readAll(t, s, 0), 3, 4, 5, 6)
	wantSequences(t, readAll(t, s, 4), 5, 6)
}

func TestWakeTellsOfFrames(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	<-s.Wake()
	put(t, s, 1)
	select {
	case <-s.Wake():
	default:
		t.Error("nobody is told of a frame")
	}
}

func TestASpoolGoesOnWhereItWas(t *testing.T) {
	for name, end := range map[string]func(testing.TB, *Spool){"closed": closeSpool, "killed": crash} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{})
			for range 4 {
				put(t, s, 3)
			}
			readAll(t, s, 0)
			ack(t, s, 2)
			end(t, s)
			s = open(t, dir, Options{})
			wantLedger(t, s, 12, 6, nil)
			put(t, s, 1)
			frames := readAll(t, s, 0)
			wantSequences(t, frames, 3, 4, 5)
			ack(t, s, 5)
			end(t, s)
			s = open(t, dir, Options{})
			wantLedger(t, s, 13, 13, nil)
			wantSequences(t, readAll(t, s, 0))
			put(t, s, 1)
			wantSequences(t, readAll(t, s, 0), 6)
		})
	}
}

func TestWhatWasInMemoryHasCrashed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, 10)
	s.AddProduced(7)
	s.AddCombined(2)
	s.AddDropped(fleet.QueueFull, 1)
	s.AddDropped("another", 1)
	if l := s.Ledger(); l.Queued != 3 || l.Produced != 17 {
		t.Errorf("ledger %+v; want 3 queued of 17", l)
	}
	crash(t, s)
	s = open(t, dir, Options{})
	wantLedger(t, s, 10, 0, map[fleet.Reason]uint64{fleet.QueueFull: 1, fleet.Unreadable: 1, fleet.Crashed: 3})
}

func TestALedgerThatIsGoneIsMadeUpFromTheFrames(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, 10)
	s.AddProduced(3)
	name := s.current().dir
	closeSpool(t, s)
	if err := os.Remove(filepath.Join(name, "ledger")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{}) // it cannot tell whether the machine went down
	wantLedger(t, s, 0, 0, nil)
	if s.Stats().Epoch == (wire.Epoch{}) || s.current().dir == name {
		t.Error("the epoch goes on")
	}
	wantSequences(t, readAll(t, s, 0), 1)
}

// segments returns the paths of the present epoch's files.
func segments(t testing.TB, s *Spool) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.current().dir, "*.frames"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// noise is an event that does not compress.
func noise(size int) *event.Event {
	b := make([]byte, size)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return &event.Event{Message: string(b)}
}

func TestFilesAreBoundedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{SegmentBytes: 1 << 20, Limit: 64 << 20})
	const frames = 40
	for range frames {
		s.AddProduced(1)
		e := noise(100 << 10)
		e.Serial = s.Ledger().Sequenced + 1
		if _, err := s.Append([]*event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(segments(t, s)); n < 4 {
		t.Fatalf("%d files", n)
	}
	for _, path := range segments(t, s) {
		if info, err := os.Stat(path); err != nil || info.Size() > 1<<20 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	all := readAll(t, s, 0)
	if len(all) != frames {
		t.Fatalf("%d frames; want %d", len(all), frames)
	}
	ack(t, s, frames-1)
	if n := len(segments(t, s)); n != 1 {
		t.Errorf("%d files are left", n)
	}
	crash(t, s)
	s = open(t, dir, Options{})
	wantSequences(t, readAll(t, s, 0), frames)
	wantLedger(t, s, frames, frames-1, nil)
}

func TestAFullSpoolGivesNoNumbers(t *testing.T) {
	s := open(t, t.TempDir(), Options{Limit: 4 << 20})
	var kept, refused uint64
	for refused < 3 {
		s.AddProduced(1)
		e := noise(300 << 10)
		e.Serial = kept + 1
		switch dropped, err := s.Append([]*event.Event{e}); {
		case err == nil:
			kept++
		case errors.Is(err, ErrFull) && dropped == 1:
			refused++
		default:
			t.Fatalf("append: %d, %v", dropped, err)
		}
	}
	wantLedger(t, s, kept, 0, map[fleet.Reason]uint64{fleet.SpoolFull: 3})
	if stats := s.Stats(); stats.Bytes > stats.Limit || stats.Limit != 4<<20 {
		t.Errorf("stats %+v", stats)
	}
	readAll(t, s, 0)
	ack(t, s, kept/2)
	put(t, s, 1)
	wantSequences(t, readAll(t, s, kept), kept+1)
}

func TestManyEventsAreSeveralFrames(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	put(t, s, 2*wire.MaxEvents+1)
	wantSequences(t, readAll(t, s, 0), 1, 2, 3)

	s = open(t, t.TempDir(), Options{})
	var events []*event.Event
	for i := range 9 {
		e := noise(100 << 10)
		e.Message = string([]byte{byte(i)}) + e.Message
		e.Message = e.Message[i*1000:] + e.Message[:i*1000]
		events = append(events, e)
	}
	events[4] = noise(wire.MaxFrame)
	for i, e := range events {
		e.Serial = uint64(i + 1)
		if i > 4 {
			e.Serial--
		}
		e.Key = string(noise(64 << 10).Message[i : i+60000])
	}
	s.AddProduced(9)
	dropped, err := s.Append(events)
	if dropped != 1 || !errors.Is(err, wire.ErrOversized) {
		t.Errorf("append: %d dropped, %v; want the oversized one", dropped, err)
	}
	wantLedger(t, s, 8, 0, map[fleet.Reason]uint64{fleet.Oversized: 1})
	readAll(t, s, 0)
}

func TestADiskThatRefusesCostsNoNumber(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, 2)
	good := s.current().file
	broken, err := os.Open(segments(t, s)[0]) // may be read only
	if err != nil {
		t.Fatal(err)
	}
	s.current().file = broken
	s.AddProduced(6)
	for range 2 {
		if dropped, err := s.Append(numbered(3, 3)); dropped != 3 || err == nil || errors.Is(err, ErrFull) {
			t.Errorf("append: %d, %v", dropped, err)
		}
	}
	if _, err := good.WriteAt([]byte("part of a frame"), s.current().last().size); err != nil {
		t.Fatal(err)
	}
	broken.Close()
	s.current().file = good
	put(t, s, 4)
	wantSequences(t, readAll(t, s, 0), 1, 2)
	crash(t, s)
	s = open(t, dir, Options{})
	wantSequences(t, readAll(t, s, 0), 1, 2)
	wantLedger(t, s, 6, 0, map[fleet.Reason]uint64{fleet.SpoolFailed: 6})
}

// whole returns a spool of n frames, killed, and its only file.
func whole(t *testing.T, n int) (dir, file string, content []byte) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, Options{})
	for range n {
		put(t, s, 3)
	}
	file = segments(t, s)[0]
	crash(t, s)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return dir, file, content
}

// starts returns where the frames of a file begin.
func starts(t *testing.T, content []byte) []int {
	t.Helper()
	var list []int
	for at := 0; at < len(content); {
		n, err := wire.FrameSize(content[at:])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, at)
		at += n
	}
	return list
}

func TestAFrameCutShortIsNone(t *testing.T) {
	dir, file, content := whole(t, 3)
	at := starts(t, content)[2]
	for _, length := range []int{at + 1, at + wire.HeaderSize - 1, at + wire.HeaderSize, len(content) - 1} {
		if err := os.WriteFile(file, content[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, Options{})
		wantSequences(t, readAll(t, s, 0), 1, 2)
		wantLedger(t, s, 6, 0, map[fleet.Reason]uint64{fleet.Crashed: 3})
		if stats := s.Stats(); stats.DamagedFrames != 0 {
			t.Errorf("cut to %d: %+v", length, stats)
		}
		s.ledger.counters.add(slotDropped+slices.Index(reasons, fleet.Crashed), ^uint64(2)) // for the next round
		crash(t, s)
	}
	s := open(t, dir, Options{})
	put(t, s, 1)
	wantSequences(t, readAll(t, s, 0), 1, 2, 3)
}

func TestDamagedFramesAreSkippedAndCounted(t *testing.T) {
	dir, file, content := whole(t, 5)
	at := starts(t, content)
	for name, damage := range map[string]func([]byte){
		"a bit":           func(b []byte) { b[at[2]-1] ^= 1 },
		"the size":        func(b []byte) { b[at[1]+49] ^= 1 },
		"the magic":       func(b []byte) { b[at[1]] ^= 1 },
		"all of it":       func(b []byte) { clear(b[at[1]:at[2]]) },
		"a foreign frame": func(b []byte) { foreign(b[at[1]:at[2]]) },
	} {
		t.Run(name, func(t *testing.T) {
			bad := bytes.Clone(content)
			damage(bad)
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, Options{})
			defer crash(t, s)
			frames := readAll(t, s, 0)
			wantSequences(t, frames, 1, 3, 4, 5)
			if stats := s.Stats(); stats.DamagedFrames != 1 || stats.DamagedEvents != 3 {
				t.Errorf("stats %+v; want one frame of 3 events", stats)
			}
			wantLedger(t, s, 15, 0, nil)
		})
	}
}

// foreign makes a frame one of another epoch, with a good checksum.
func foreign(frame []byte) {
	frame[8] ^= 1
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(frame[4:52], table), table, frame[56:])
	binary.BigEndian.PutUint32(frame[52:], sum)
}

func TestDamageBeforeTheFirstThatIsLeft(t *testing.T) {
	dir, file, content := whole(t, 4)
	s := open(t, dir, Options{})
	readAll(t, s, 0)
	ack(t, s, 1)
	crash(t, s)
	content[starts(t, content)[1]] ^= 1
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	frames := readAll(t, s, 0)
	wantSequences(t, frames, 3, 4)
	ack(t, s, 4)
	wantLedger(t, s, 12, 12, nil)
	if stats := s.Stats(); stats.DamagedFrames != 1 || stats.DamagedEvents != 3 {
		t.Errorf("stats %+v", stats)
	}
}

// reopened opens a spool again whose end nobody can be sure of, and checks
// that a new epoch begins behind the old one.
func reopened(t *testing.T, dir string, left ...uint64) {
	t.Helper()
	s := open(t, dir, Options{})
	if len(s.volumes) < 2 && len(left) > 0 {
		t.Fatal("the old epoch is gone, or goes on")
	}
	put(t, s, 2)
	var old wire.Epoch
	last := uint64(0)
	if len(left) > 0 {
		frames := readAll(t, s, 0)
		wantSequences(t, frames, left...)
		old, last = frames[0].header.Epoch, left[len(left)-1]
		<-s.Wake() // of what was put
		ack(t, s, last)
		select {
		case <-s.Wake():
		default:
			t.Error("nobody is told that the next epoch is to be sent")
		}
	}
	fresh := readAll(t, s, last) // numbers begin again
	wantSequences(t, fresh, 1)
	if epoch := fresh[0].header.Epoch; epoch == old || epoch != s.Stats().Epoch {
		t.Error("the epoch is the same")
	}
	wantLedger(t, s, 2, 0, nil)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 { // and the lock
		t.Errorf("%d entries, %v; the old epoch is still there", len(entries), err)
	}
	ack(t, s, 1)
	crash(t, s)
	s = open(t, dir, Options{})
	wantLedger(t, s, 2, 2, nil)
}

func TestNoNumberComesTwice(t *testing.T) {
	t.Run("the machine went down", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		put(t, s, 2)
		put(t, s, 2)
		s.ledger.counters.store(slotBoot, 1)
		crash(t, s)
		reopened(t, dir, 1, 2)
	})
	t.Run("the last frame is damaged", func(t *testing.T) {
		dir, file, content := whole(t, 2)
		content[len(content)-1] ^= 1
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		reopened(t, dir, 1)
	})
	t.Run("acknowledged frames are missing", func(t *testing.T) {
		dir, file, content := whole(t, 3)
		s := open(t, dir, Options{})
		readAll(t, s, 0)
		ack(t, s, 3)
		crash(t, s)
		if err := os.WriteFile(file, content[:starts(t, content)[2]], 0o600); err != nil {
			t.Fatal(err)
		}
		reopened(t, dir)
	})
	t.Run("the machine was shut down in order", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		put(t, s, 2)
		s.ledger.counters.store(slotBoot, 1)
		closeSpool(t, s)
		s = open(t, dir, Options{})
		put(t, s, 1)
		wantSequences(t, readAll(t, s, 0), 1, 2)
	})
}

func TestANoteThatIsDamagedCostsRepeats(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, 1)
	put(t, s, 1)
	readAll(t, s, 0)
	ack(t, s, 1)
	note := filepath.Join(s.current().dir, ackName)
	closeSpool(t, s)
	if err := os.WriteFile(note, []byte("no position"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	wantSequences(t, readAll(t, s, 0), 1, 2)
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, 1)
	sub := s.current().dir
	closeSpool(t, s)
	for _, name := range []string{filepath.Join(dir, "notes"), filepath.Join(dir, "00000009-0000000000000000"), filepath.Join(sub, "0000000000000000-x.frames"), filepath.Join(sub, "x")} {
		if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir, Options{})
	wantSequences(t, readAll(t, s, 0), 1)
}

func TestOneAgentAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	closeSpool(t, s)
	open(t, dir, Options{})
}

func TestAClosedSpool(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	closeSpool(t, s)
	closeSpool(t, s)
	s.AddProduced(1)
	if n, err := s.Append(numbered(1, 1)); n != 1 || !errors.Is(err, ErrClosed) {
		t.Errorf("append: %d, %v", n, err)
	}
	if _, _, ok := s.Next(0); ok {
		t.Error("a closed spool hands out frames")
	}
	wantLedger(t, s, 0, 0, map[fleet.Reason]uint64{fleet.SpoolFailed: 1})
}

// Producers, a sender and a reader of the ledger at once; the equations hold
// whenever they are looked at.
func TestConcurrentUse(t *testing.T) {
	s := open(t, t.TempDir(), Options{SegmentBytes: wire.MaxFrame, SyncInterval: time.Millisecond})
	const producers, rounds = 4, 100
	var producing sync.WaitGroup
	for range producers {
		producing.Go(func() {
			for range rounds {
				s.AddProduced(5)
				s.AddCombined(1)
				s.AddDropped(fleet.QueueFull, 1)
				if _, err := s.Append(numbered(0, 3)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { producing.Wait(); close(done) }()
	for after := uint64(0); after < producers*rounds; {
		sequence, _, ok := s.Next(after)
		l := s.Ledger()
		if l.Produced != l.Combined+l.Dropped[fleet.QueueFull]+l.Queued+l.Sequenced {
			t.Fatalf("the ledger does not balance: %+v", l)
		}
		if !ok {
			<-s.Wake()
			continue
		}
		if after++; sequence != after {
			t.Fatalf("frame %d; want %d", sequence, after)
		}
		ack(t, s, sequence)
	}
	<-done
	wantLedger(t, s, producers*rounds*3, producers*rounds*3, map[fleet.Reason]uint64{fleet.QueueFull: producers * rounds})
}

func FuzzOpen(f *testing.F) {
	var good []byte
	e := wire.NewEncoder()
	for i := range 3 {
		var err error
		good, err = e.AppendFrame(good, wire.Header{Sequence: uint64(i + 1), First: uint64(i + 1), Made: time.Unix(1, 0)}, numbered(uint64(i+1), 1))
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Add(good, []byte{})
	f.Add(good[:len(good)-3], []byte("0123456789ab"))
	f.Add(append([]byte("hfev"), good...), []byte{})
	f.Fuzz(func(t *testing.T, content, note []byte) {
		dir := t.TempDir()
		sub := filepath.Join(dir, volumeName{generation: 1}.String())
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{segmentName(1, 1): content, ackName: note} {
			if err := os.WriteFile(filepath.Join(sub, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var stats Stats
		v, err := openVolume(sub, volumeName{generation: 1}, &stats, true)
		if err != nil {
			t.Fatal(err)
		}
		defer v.close()
		for after := uint64(0); ; {
			h, frame, err := v.frameAfter(after, &stats)
			if err != nil {
				t.Fatal(err)
			}
			if frame == nil {
				break
			}
			if h.sequence <= after || h.end < h.sequence || v.doubt() == "" && h.sequence >= v.next {
				t.Fatalf("frame %+v after %d of %d", h, after, v.next)
			}
			after = h.sequence
		}
	})
}
