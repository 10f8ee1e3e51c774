package executable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
)

func TestFileIdentity(t *testing.T) {
	root := t.TempDir()
	c := New(hostfs.New(root))
	defer c.Close()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, "abc"
	write("a", "abc")
	first := c.Identify(&event.File{Path: "/a"}, "", false)
	if first.SHA256 != sum || first.Size != 3 || first.Mode&0o777 != 0o755 || first.Inode == 0 {
		t.Errorf("got %+v", first)
	}
	if again := c.Identify(&event.File{Path: "/a"}, "", false); again != first {
		t.Error("an unchanged file was described twice")
	}
	write("a", "abd")
	if changed := c.Identify(&event.File{Path: "/a"}, "", false); changed.SHA256 == sum {
		t.Error("a changed file kept its hash")
	}
	write("b (deleted)", "abc")
	if f := c.Identify(&event.File{Path: "/b (deleted)"}, "", false); f.Kind != event.FilePlain || f.SHA256 != sum {
		t.Errorf("a file with a hostile name: %+v", f)
	}
	if f := c.Identify(&event.File{Path: "/gone (deleted)"}, "", false); f.Kind != event.FileDeleted || f.Path != "/gone" || f.SHA256 != "" {
		t.Errorf("a deleted file: %+v", f)
	}
	if f := c.Identify(&event.File{Path: "/a", Inode: first.Inode + 1}, "", false); f.SHA256 != "" {
		t.Error("another file under the path was taken for the one executed")
	}
	if f := c.Identify(&event.File{Path: "/a"}, "", true); f.SHA256 != "" {
		t.Error("a container's path was looked up on the host")
	}
	if f := c.Identify(&event.File{Path: "/a"}, filepath.Join(root, "b (deleted)"), true); f.SHA256 != sum {
		t.Errorf("a container's executable: %+v", f)
	}
	write("fifo-not", "")
	if err := unix.Mkfifo(filepath.Join(root, "fifo"), 0o600); err == nil {
		if f := c.Identify(&event.File{Path: "/fifo"}, "", false); f.SHA256 != "" {
			t.Error("a pipe was hashed")
		}
	}
}

func TestLargeFileIsHashedByTheWorker(t *testing.T) {
	root := t.TempDir()
	c := New(hostfs.New(root))
	defer c.Close()
	if err := os.WriteFile(filepath.Join(root, "big"), []byte(strings.Repeat("x", maxInline+1)), 0o755); err != nil {
		t.Fatal(err)
	}
	if f := c.Identify(&event.File{Path: "/big"}, "", false); f.SHA256 != "" {
		t.Error("a large file was hashed at once")
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if f := c.Identify(&event.File{Path: "/big"}, "", false); f.SHA256 != "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the worker did not hash the file")
		}
	}
}

func TestFileCacheIsBounded(t *testing.T) {
	c := New(hostfs.New(t.TempDir()))
	defer c.Close()
	for i := range uint64(5 * maxFiles) {
		c.store(content{inode: i}, &event.File{})
	}
	if n := len(c.young) + len(c.old); n > 2*maxFiles {
		t.Errorf("%d files kept", n)
	}
}

func BenchmarkIdentify(b *testing.B) {
	c := New(hostfs.FS{})
	defer c.Close()
	b.ReportAllocs()
	f := &event.File{Path: "/usr/bin/env"}
	for b.Loop() {
		c.Identify(f, "", false)
	}
}
