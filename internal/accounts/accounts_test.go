package accounts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type dir string

func (d dir) Open(name string) (*os.File, error) { return os.Open(filepath.Join(string(d), name)) }

func (d dir) Stat(name string) (os.FileInfo, error) { return os.Stat(filepath.Join(string(d), name)) }

func (d dir) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(string(d), name)
	os.MkdirAll(filepath.Dir(path), 0o755)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	d := dir(t.TempDir())
	d.write(t, "etc/passwd", "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n# web:x:33:\nbad\n:x:7:\nweb:x:33:33\nbig:x:4294967296:\n")
	d.write(t, "etc/group", "adm:x:4:syslog\n")
	n := New(d)
	for uid, want := range map[uint32]string{0: "root", 33: "web", 7: "", 1000: ""} {
		if got := n.User(uid); got != want {
			t.Errorf("user %d: got %q, want %q", uid, got, want)
		}
	}
	if got := n.Group(4); got != "adm" {
		t.Errorf("group 4: got %q", got)
	}
}

func TestChangedFileIsReadAgain(t *testing.T) {
	d := dir(t.TempDir())
	n := New(d)
	start := time.Now()
	if got := n.users.get(5, start); got != "" {
		t.Errorf("without a file: got %q", got)
	}
	d.write(t, "etc/passwd", "a:x:5:\n")
	if got := n.users.get(5, start.Add(recheck)); got != "a" {
		t.Errorf("new file: got %q", got)
	}
	d.write(t, "etc/passwd", "longer:x:5:\n")
	if got := n.users.get(5, start.Add(recheck+1)); got != "a" {
		t.Errorf("looked at the file twice within a second: got %q", got)
	}
	if got := n.users.get(5, start.Add(2*recheck)); got != "longer" {
		t.Errorf("changed file: got %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("root:x:0:0::/root:/bin/sh\n")
	f.Add("a:b:-1\n\n::::\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range parse(strings.NewReader(text)) {
			if name == "" || len(name) > maxName || strings.ContainsAny(name, ":\n") {
				t.Errorf("name %q", name)
			}
		}
	})
}
