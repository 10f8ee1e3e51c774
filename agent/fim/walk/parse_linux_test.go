package walk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/fim"
)

func TestParseMounts(t *testing.T) {
	data := []byte("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +
		"31 22 0:27 / /net\\040share rw - nfs4 host:/x rw\nbroken\n40 22 9:zz / / - \n")
	byNumber, byDevice := parseMounts(data)
	if byNumber[22] != "ext4" || byNumber[31] != "nfs4" || byDevice[8<<32|1] != "ext4" || len(byNumber) != 2 {
		t.Errorf("got %v, %v", byNumber, byDevice)
	}
}

// TestStepwise holds the way for old kernels to the same rules.
func TestStepwise(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.MkdirAll(root+"/a/b/c", 0o755), os.Symlink("a", root+"/link"), os.Symlink("b", root+"/a/link")); err != nil {
		t.Fatal(err)
	}
	var p place
	var self fim.Stat
	if err := p.openRoot(root, &self); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for _, open := range []func(int, string) (int, error){beneath, stepwise} {
		fd, err := open(p.fd, "a/b/c")
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		for _, path := range []string{"link/b", "a/link", "a/link/c", "a/none", "none/a"} {
			if _, err := open(p.fd, path); !vanished(err) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func TestUnknownMountsAreNotEntered(t *testing.T) {
	selector, err := fim.Compile(fim.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	m := newMounts()
	for range 2 {
		if kind, ok := m.enters(selector, fim.Stat{Mount: 1 << 60}); ok || kind != "unknown" {
			t.Errorf("got %s, %v", kind, ok)
		}
	}
	var self fim.Stat // as kernels before 5.8 tell it
	if err := Stat(unix.AT_FDCWD, filepath.Dir(t.TempDir()), &self); err != nil {
		t.Fatal(err)
	}
	self.Mount = 0
	if kind, _ := m.enters(selector, self); kind == "" {
		t.Error("no type by device")
	}
}

// TestNamesThatAreRefused gives the system a name that no file can have.
func TestNamesThatAreRefused(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(root+"/there", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var d Directory
	if err := d.openRoot(root, &d.Self); err != nil {
		t.Fatal(err)
	}
	defer d.close()
	names := strings.Repeat("n", 300) + "\x00gone\x00there\x00"
	d.Items = []Item{{Name: names[:300]}, {Name: names[301:305]}, {Name: names[306:311]}}
	d.statItems()
	if len(d.Items) != 2 || d.Items[0].Stat.Kind != fim.KindUnknown || d.Items[1].Stat.Kind != fim.KindFile {
		t.Errorf("got %+v", d.Items)
	}
	if len(d.refused) != 1 || !errors.Is(d.refused[0].err, unix.ENAMETOOLONG) {
		t.Errorf("refused %v", d.refused)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x18\x00\x08name\x00"))
	f.Fuzz(func(t *testing.T, entries []byte) {
		s := new(scratch)
		if err := s.split(entries); err == nil && len(s.names) > len(entries) {
			t.Errorf("%d bytes of names from %d", len(s.names), len(entries))
		}
	})
}

func FuzzParseMounts(f *testing.F) {
	f.Add([]byte("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { parseMounts(data) })
}
