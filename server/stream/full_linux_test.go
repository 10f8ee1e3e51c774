package stream

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/wire"
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

// fill leaves at most so many bytes free on a disk and returns how to undo that.
func fill(t *testing.T, dir string, leave uint64) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	chunk := make([]byte, 4<<10)
	for freeBytes(dir) > leave && err == nil {
		_, err = file.Write(chunk)
	}
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLittleSpaceAsksToWait fills the disk to below what must stay free.
func TestLittleSpaceAsksToWait(t *testing.T) {
	c, client := config(t)
	c.Dir, c.MinFree = smallDisk(t, "64m"), 16<<20
	f := startWith(t, c, client, nil)
	a := f.enrol(t, 1)
	if ack := a.send(t, largeFrame(t, 1)); ack.Code != wire.Accepted {
		t.Fatalf("answer: %+v", ack)
	}
	free := fill(t, c.Dir, 8<<20)
	eventually(t, "the stream warns", func() bool { return f.warned("stream_disk_full") })
	next, ack := a.sendUntilBusy(t, 2)
	if next != 2 || ack.RetryMS < retryFull || ack.Reason == "" {
		t.Errorf("frame %d: %+v", next, ack)
	}
	f.holds(t, 1, 1)
	free()
	if ack := a.send(t, largeFrame(t, 2)); ack.Code != wire.Accepted {
		t.Errorf("with space: %+v", ack)
	}
	eventually(t, "the warning ends", func() bool { return !f.warned("stream_disk_full") })
	f.holds(t, 1, 2)
}

// TestNoSpaceLosesNothingAcknowledged lets writes fail: somebody else took the
// last of the disk between two looks. Then the server is killed, in effect: it
// is opened anew from what is on disk.
func TestNoSpaceLosesNothingAcknowledged(t *testing.T) {
	c, client := config(t)
	c.Dir = smallDisk(t, "64m")
	f := startWith(t, c, client, nil)
	a := f.enrol(t, 1)
	for n := range uint64(20) {
		a.send(t, largeFrame(t, n+1))
	}
	free := fill(t, c.Dir, 512<<10)
	next, ack := a.sendUntilBusy(t, 21)
	if ack.Reason == "" || ack.RetryMS < retryFull {
		t.Errorf("frame %d: %+v", next, ack)
	}
	eventually(t, "the stream warns", func() bool { return f.warned("stream_full") || f.warned("stream_unavailable") })
	free()
	for deadline := time.Now().Add(3 * patience); ; time.Sleep(50 * time.Millisecond) {
		if ack, err := a.trySend(largeFrame(t, next)); err == nil && ack.Code == wire.Accepted {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("with space again frames are not taken: %v", f.Warnings())
		}
	}
	if w := f.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
	for n := range uint64(5) {
		a.send(t, largeFrame(t, next+1+n))
	}
	f.holds(t, 1, next+5)
	f.stop()
	f = startWith(t, c, client, nil)
	f.holds(t, 1, next+5)
}
