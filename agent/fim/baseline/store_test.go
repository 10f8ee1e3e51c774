package baseline_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/agent/fim/baseline"
	"github.com/holdfast-security/holdfast/fim"
)

// TestWhatACrashLeaves cuts the file at many places. Nothing that changed since
// what is left may be lost.
func TestWhatACrashLeaves(t *testing.T) {
	h := newHost(t, "a", "d/b")
	h.expect()
	first := h.size()
	h.write("new")
	h.expect("added /new")
	whole, err := os.ReadFile(h.file)
	h.must(err)
	for cut := int64(1); cut <= int64(len(whole)); cut++ {
		if cut > first+3 && cut < int64(len(whole)) && cut%7 != 0 {
			continue
		}
		h.must(os.WriteFile(h.file, whole[:cut], 0o600))
		h.open()
		switch got, s := h.verify(); {
		case cut < first:
			if len(got) > 0 || s.Adopted != 5 {
				t.Fatalf("cut at %d: %q, %+v", cut, got, s)
			}
		case cut < int64(len(whole)):
			if len(got) != 1 || got[0] != "added /new" {
				t.Fatalf("cut at %d: %q", cut, got)
			}
			if dropped := h.store.Dropped(); dropped != cut-first {
				t.Fatalf("cut at %d: dropped %d", cut, dropped)
			}
		case len(got) > 0 || h.store.Dropped() > 0:
			t.Fatalf("whole: %q, dropped %d", got, h.store.Dropped())
		}
	}
}

func TestWhatIsNoBaseline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "baseline")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := baseline.Open(file); !errors.Is(err, baseline.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if _, err := baseline.Open(t.TempDir()); err == nil || errors.Is(err, baseline.ErrDamaged) {
		t.Errorf("a directory: %v", err)
	}
}

// TestDamageBehindTheBack changes a unit while the store is open.
func TestDamageBehindTheBack(t *testing.T) {
	h := newHost(t, "secret-name/a", "b")
	h.expect()
	data, err := os.ReadFile(h.file)
	h.must(err)
	at := bytes.LastIndex(data, []byte("\x01b")) // the item in the unit of the root
	if at < 0 {
		t.Fatal("the file does not hold the name")
	}
	f, err := os.OpenFile(h.file, os.O_WRONLY, 0)
	h.must(err)
	_, err = f.WriteAt([]byte{'c'}, int64(at)+1)
	h.must(err, f.Close())
	got, s := h.verify()
	if s.Problems != 1 || len(got) != 2 { // the root and its file count as new
		t.Errorf("got %q, %+v", got, s)
	}
	if s := h.expect(); s.Problems != 0 {
		t.Errorf("not mended: %+v", s)
	}
}

// TestManyNames has a directory that takes several parts, which then shrinks.
func TestManyNames(t *testing.T) {
	h := newHost(t)
	h.must(os.Mkdir(h.path("d"), 0o755))
	const count = 1500
	long := strings.Repeat("long-name-", 20)
	for i := range count {
		h.must(os.WriteFile(h.path(fmt.Sprintf("d/%s%05d", long, i)), nil, 0o600))
	}
	if s := h.expect(); s.Adopted != count+2 {
		t.Errorf("got %+v", s)
	}
	if h.size() < 300<<10 {
		t.Fatalf("%d bytes are not several parts", h.size())
	}
	h.open()
	h.expect()
	h.must(os.RemoveAll(h.path("d")))
	h.write("d/only")
	got, _ := h.verify()
	if len(got) < count || len(got) > count+3 {
		t.Errorf("%d changes", len(got))
	}
	h.open()
	h.expect()
	n := 0
	h.must(h.store.Children(h.path("d"), func(fim.Entry) error { n++; return nil }))
	if n != 1 {
		t.Errorf("%d names are left", n)
	}
}

func TestTheFileIsWrittenAnew(t *testing.T) {
	h := newHost(t)
	for i := range 400 {
		h.write(fmt.Sprintf("d%d/a-name-that-takes-some-room-on-the-disk", i%20), fmt.Sprintf("many/a-name-that-takes-some-room-on-the-disk-%d", i))
	}
	h.expect()
	var before fim.Digest
	for i := range 60 {
		h.write(fmt.Sprintf("many/%d", i))
		h.expect(fmt.Sprintf("added /many/%d", i))
		if h.size() > 2<<20 {
			t.Fatalf("%d bytes after %d changes", h.size(), i)
		}
		before, _, _ = fim.Root(h.store, h.root)
	}
	names, err := os.ReadDir(filepath.Dir(h.file))
	if err != nil || len(names) != 1 {
		t.Errorf("left beside the file: %v, %v", names, err)
	}
	h.open()
	if after, _, err := fim.Root(h.store, h.root); err != nil || after != before || h.store.Dropped() != 0 {
		t.Errorf("another root after opening: %v", err)
	}
	h.expect()
}

// FuzzOpen gives Open, and all that reads the store, frames that may hold
// anything but have the right checksum, which no random change of a file finds.
func FuzzOpen(f *testing.F) {
	h := newHost(f, "a", "d/b")
	h.verify()
	data, err := os.ReadFile(h.file)
	h.must(err)
	const magic = 16
	var frames []byte // each after its length in three bytes
	for rest := data[magic:]; len(rest) > 0; {
		n := binary.LittleEndian.Uint32(rest)
		frames = append(append(frames, byte(n), byte(n>>8), byte(n>>16)), rest[8:8+n]...)
		rest = rest[8+n:]
	}
	f.Add(frames)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, frames []byte) {
		content := bytes.Clone(data[:magic])
		for len(frames) > 3 {
			n := min(int(frames[0])|int(frames[1])<<8|int(frames[2])<<16, len(frames)-3)
			payload := frames[3 : 3+n]
			content = binary.LittleEndian.AppendUint32(content, uint32(n))
			content = binary.LittleEndian.AppendUint32(content, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
			content = append(content, payload...)
			frames = frames[3+n:]
		}
		file := filepath.Join(dir, "fuzzed")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := baseline.Open(file)
		if err != nil {
			return
		}
		defer s.Close()
		_, _ = s.Entry("/")
		_, _ = s.Entry(h.path("d/b"))
		_ = s.Children(h.root, func(fim.Entry) error { return nil })
		s.Selection()
	})
}
