package hash_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/hash"
	"github.com/holdfast-security/holdfast/agent/fim/walk"
	"github.com/holdfast-security/holdfast/fim"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

func TestFilesOpenForWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, make([]byte, 8192))
	settle()
	h := hash.New(hash.Config{})
	unsettled := func() bool { return mustRead(t, h, path, nil).State.Unsettled }
	if unsettled() {
		t.Error("unsettled while nobody writes")
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !unsettled() {
		t.Error("settled while it is open for writing")
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if !unsettled() {
		t.Error("settled while it is mapped for writing")
	}
	if err := unix.Munmap(mapped); err != nil {
		t.Fatal(err)
	}
	if unsettled() {
		t.Error("unsettled when nobody writes any more")
	}
}

func TestFilesThatChangeMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, make([]byte, 512<<10))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close()
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = f.WriteAt([]byte{1}, 7)
			}
		}
	}()
	if s := mustRead(t, hash.New(hash.Config{}), path, nil).State; !s.Unsettled {
		t.Errorf("got %+v", s)
	}
	close(stop)
	<-done
}

func TestSparseFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	write(t, path, []byte("begin"))
	if err := os.Truncate(path, 10<<30); err != nil {
		t.Fatal(err)
	}
	h := hash.New(hash.Config{})
	before := mustRead(t, h, path, nil).State
	if before.Content != fim.ContentSample || before.Size != 10<<30 {
		t.Errorf("got %+v", before)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("hidden"), 5<<30)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if after := mustRead(t, h, path, nil).State; after.Digest == before.Digest {
		t.Error("data in the middle of a hole does not count")
	}
}

func TestLinksAndAttributes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/file", []byte("x"))
	long := strings.Repeat("v", 700)
	if err := errors.Join(
		os.Symlink("to\nnowhere", dir+"/link"),
		os.Mkdir(dir+"/dir", 0o755),
		unix.Mkfifo(dir+"/pipe", 0o600),
	); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir + "/file", dir + "/dir", dir} {
		if err := errors.Join(unix.Setxattr(path, "user.long", []byte(long), 0), unix.Setxattr(path, "user.a", []byte("1\x00"), 0)); err != nil {
			hosttest.Missing(t, "needs a file system with attributes: %v", err)
		}
	}
	h := hash.New(hash.Config{})
	if s := mustRead(t, h, dir+"/link", nil).State; s.Target != "to\nnowhere" || s.Xattrs != nil {
		t.Errorf("got %+v", s)
	}
	check := func(name string, s fim.State) {
		t.Helper()
		if len(s.Xattrs) != 2 || s.Xattrs[0] != (fim.Xattr{Name: "user.a", Size: 2, Value: "1\x00"}) || s.Xattrs[1].Size != 700 || len(s.Xattrs[1].Value) != 32 {
			t.Errorf("%s: got %+v", name, s.Xattrs)
		}
	}
	check("file", mustRead(t, h, dir+"/file", nil).State)
	check("directory", mustRead(t, h, dir+"/dir", nil).State)
	inside(t, dir, func(d *walk.Directory, stats map[string]fim.Stat) {
		result, err := h.Read(t.Context(), d, "", hash.Request{Stat: stats[""]})
		if err != nil {
			t.Fatal(err)
		}
		check("itself", result.State)
	})
	if s := mustRead(t, h, dir+"/pipe", nil).State; s.Kind != fim.KindPipe || s.Content != fim.ContentNone {
		t.Errorf("got %+v", s)
	}
}

func TestCapabilitiesAreRead(t *testing.T) {
	hosttest.Root(t)
	path := filepath.Join(t.TempDir(), "program")
	write(t, path, []byte("x"))
	before := mustRead(t, hash.New(hash.Config{}), path, nil).State
	value := binary.LittleEndian.AppendUint32(nil, 0x02000001)
	value = append(binary.LittleEndian.AppendUint32(value, 1<<13), make([]byte, 12)...)
	if err := unix.Setxattr(path, "security.capability", value, 0); err != nil {
		hosttest.Missing(t, "needs a file system with capabilities: %v", err)
	}
	after := mustRead(t, hash.New(hash.Config{}), path, nil).State
	got := fim.Describe(fim.Compare(before, after, fim.Rules{}, fim.LogUnknown))
	if want := "capabilities was none, is cap_net_raw (effective) (now gets rights when it is run)"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestWhatTurnsIntoSomethingElse puts something in the place of a file between
// the walk and the reading. None may block or be followed.
func TestWhatTurnsIntoSomethingElse(t *testing.T) {
	for name, replace := range map[string]func(string) error{
		"pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"socket":    func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			write(t, path, []byte("x"))
			inside(t, filepath.Dir(path), func(d *walk.Directory, stats map[string]fim.Stat) {
				if err := errors.Join(os.Remove(path), replace(path)); err != nil {
					t.Fatal(err)
				}
				if _, err := hash.New(hash.Config{}).Read(t.Context(), d, "file", hash.Request{Stat: stats["file"]}); !errors.Is(err, hash.ErrGone) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestLinksThatTurnIntoFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("x", path); err != nil {
		t.Fatal(err)
	}
	inside(t, filepath.Dir(path), func(d *walk.Directory, stats map[string]fim.Stat) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		write(t, path, nil)
		if _, err := hash.New(hash.Config{}).Read(t.Context(), d, "link", hash.Request{Stat: stats["link"]}); !errors.Is(err, hash.ErrGone) {
			t.Errorf("got %v", err)
		}
	})
}

func TestUnreadableFiles(t *testing.T) {
	if !hosttest.Unprivileged(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, []byte("x"))
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	result, err := read(t, hash.New(hash.Config{}), path, nil)
	if !errors.Is(err, os.ErrPermission) || result.State.Content != fim.ContentUnreadable || result.State.Inode == 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func BenchmarkSmallFiles(b *testing.B) {
	dir := b.TempDir()
	write(b, dir+"/file", bytes.Repeat([]byte("x"), 2000))
	h := hash.New(hash.Config{})
	inside(b, dir, func(d *walk.Directory, stats map[string]fim.Stat) {
		for b.Loop() {
			if _, err := h.Read(b.Context(), d, "file", hash.Request{Stat: stats["file"]}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
