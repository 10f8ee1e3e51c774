package hostfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

func TestPathsStayBelowTheRoot(t *testing.T) {
	fs := hostfs.New("/srv/host")
	for name, want := range map[string]string{
		"/etc/passwd":          "/srv/host/etc/passwd",
		"etc/passwd":           "/srv/host/etc/passwd",
		"/../../etc/passwd":    "/srv/host/etc/passwd",
		"/proc/1/../../../etc": "/srv/host/etc",
		"/":                    "/srv/host",
	} {
		if got := fs.Path(name); got != filepath.FromSlash(want) {
			t.Errorf("%q lies at %q, want %q", name, got, want)
		}
	}
	if fs.Live() || !hostfs.New("/").Live() || !hostfs.New("").Live() || !(hostfs.FS{}).Live() {
		t.Error("only the root directory and the zero value are the running system")
	}
}

func TestReadFileIsBounded(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "f"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	fs := hostfs.New(root)
	for limit, want := range map[int64]int{10: 10, 100: 100, 1000: 100} {
		data, err := fs.ReadFile("/f", limit)
		if err != nil || len(data) != want {
			t.Errorf("limit %d: read %d bytes, %v; want %d", limit, len(data), err, want)
		}
	}
	if _, err := fs.ReadFile("/missing", 10); !os.IsNotExist(err) {
		t.Errorf("missing file: %v", err)
	}
}
