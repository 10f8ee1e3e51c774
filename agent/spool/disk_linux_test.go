package spool

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// smallDisk mounts a file system of its own, of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	hosttest.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		hosttest.Missing(t, "no file system can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// occupy takes all that is left of a disk and returns how to give it back.
func occupy(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "occupied")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for chunk := make([]byte, 4<<10); err == nil; {
		_, err = file.Write(chunk)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// large returns events that cannot be compressed, of about 10 KiB each.
func large(first uint64, n int) []*event.Event {
	events := numbered(first, n)
	for _, e := range events {
		var text []byte
		for len(text) < 10<<10 {
			text = append(text, rand.Text()...)
		}
		e.Process = &event.Process{CommandLine: string(text)}
	}
	return events
}

// append5 appends five large events and returns how many were dropped.
func append5(t *testing.T, s *Spool) int {
	t.Helper()
	s.AddProduced(5)
	dropped, err := s.Append(large(s.Ledger().Sequenced+1, 5))
	if (dropped > 0) != errors.Is(err, unix.ENOSPC) {
		t.Fatalf("append: %d dropped, %v", dropped, err)
	}
	return dropped
}

// TestAFullDisk fills the disk to the last byte, and empties it in the three
// ways there are: by what the server takes, by hand, and not at all.
func TestAFullDisk(t *testing.T) {
	dir, opts := smallDisk(t, "8m"), Options{SegmentBytes: 1 << 20, SyncInterval: time.Millisecond}
	s := open(t, dir, opts)
	lost, frames := uint64(0), uint64(0)
	for ; lost == 0; lost += uint64(append5(t, s)) {
		frames++
	}
	frames-- // of the last attempt nothing is left
	for range 3 {
		lost += uint64(append5(t, s))
	}
	check := func(what string) {
		t.Helper()
		l := s.Ledger()
		if l.Sequenced != 5*frames || l.Dropped[fleet.SpoolFailed] != lost || l.Produced != 5*frames+lost {
			t.Errorf("%s: %d frames and %d events lost, but the ledger says %+v", what, frames, lost, l)
		}
	}
	check("full")

	got := readAll(t, s, 0)
	if uint64(len(got)) != frames || got[0].sequence != 1 {
		t.Fatalf("%d frames are handed out, not %d", len(got), frames)
	}
	half := frames / 2
	if err := s.Ack(half); err != nil {
		t.Errorf("acknowledge on a full disk: %v", err)
	}
	// Files that are removed keep their room until they have been synced.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		n := append5(t, s)
		if lost += uint64(n); n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the server has taken frames, and there is no room")
		}
	}
	frames++
	check("half is taken")

	free := occupy(t, dir)
	lost += uint64(append5(t, s))
	check("full again")
	crash(t, s)
	s = open(t, dir, opts)
	if got := readAll(t, s, half); uint64(len(got)) != frames-half || got[0].sequence != half+1 {
		t.Errorf("%d frames are left after the crash, not %d", len(got), frames-half)
	}
	lost += uint64(append5(t, s))
	check("opened on a full disk")

	free()
	if append5(t, s) != 0 {
		t.Error("there is room again, and nothing is taken")
	}
	frames++
	check("freed")
	closeSpool(t, s)
	s = open(t, dir, opts)
	if got := readAll(t, s, half); uint64(len(got)) != frames-half {
		t.Errorf("%d frames are left, not %d", len(got), frames-half)
	}
	check("in the end")
}

// TestNoSpaceForASpool wants an error, not a fault, where not even the ledger
// finds room.
func TestNoSpaceForASpool(t *testing.T) {
	dir := smallDisk(t, "1m")
	free := occupy(t, dir)
	path := filepath.Join(dir, "spool")
	if _, err := Open(path, Options{}); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("opened on a full disk: %v", err)
	}
	free()
	s := open(t, path, Options{})
	put(t, s, 3)
	wantSequences(t, readAll(t, s, 0), 1)
	wantLedger(t, s, 3, 0, nil)
}
