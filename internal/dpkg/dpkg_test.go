package dpkg

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

func tree(t testing.TB, files map[string]string) hostfs.FS {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return hostfs.New(root)
}

func TestOwner(t *testing.T) {
	fs := tree(t, map[string]string{
		"var/lib/dpkg/status":                "x",
		"var/lib/dpkg/info/dash.list":        "/.\n/bin\n/bin/dash\n/bin/sh\n",
		"var/lib/dpkg/info/libc6:amd64.list": "/lib/x86_64-linux-gnu/libc.so.6\n",
		"var/lib/dpkg/info/curl.list":        "/usr/bin/curl\n",
		"var/lib/dpkg/info/local.list":       "/usr/local/bin/x\n",
		"var/lib/dpkg/info/curl.md5sums":     "0  usr/bin/not-listed\n",
		"var/lib/dpkg/diversions":            "/bin/sh\n/bin/sh.distrib\nbash-as-sh\n/usr/bin/curl\n/usr/bin/curl.real\n:\n",
		"var/lib/dpkg/info/bash-as-sh.list":  "/bin/sh\n",
		"lib/apk/db/installed":               "C:Q1x=\nP:busybox\nF:bin\nR:busybox\na:0:0:755\nF:\nR:top\n\nP:other\nF:usr/bin\nR:tool\n",
	})
	if err := os.Symlink("usr/bin", fs.Path("/bin")); err != nil {
		t.Skip("no symbolic links here")
	}
	x, err := Read(fs)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"/bin/dash": "dash", "/usr/bin/dash": "dash",
		"/bin/sh": "bash-as-sh", "/usr/bin/sh": "bash-as-sh", "/usr/bin/sh.distrib": "dash",
		"/lib/x86_64-linux-gnu/libc.so.6": "libc6",
		"/usr/bin/curl":                   "", "/bin/curl.real": "curl",
		"/usr/local/bin/x": "local", "/local/bin/x": "",
		"/usr/bin/not-listed": "", "/tmp/evil": "", "/.": "",
		"/bin/busybox": "busybox", "/top": "busybox", "/bin/tool": "other",
	} {
		if got, known := x.Owner(name); got != want || !known {
			t.Errorf("%s: got %q, %v, want %q", name, got, known, want)
		}
	}
	if x.Stamp() != Now(fs) || x.Len() == 0 {
		t.Errorf("stamp %v, length %d", x.Stamp(), x.Len())
	}
}

func TestNoDatabase(t *testing.T) {
	x, err := Read(tree(t, nil))
	if err != nil || x != nil {
		t.Fatalf("got %v, %v", x, err)
	}
	if pkg, known := x.Owner("/bin/sh"); pkg != "" || known {
		t.Errorf("the nil index answered %q, %v", pkg, known)
	}
}

func TestThisHost(t *testing.T) {
	x, err := Read(hostfs.FS{})
	if err != nil {
		t.Fatal(err)
	}
	if x == nil {
		t.Skip("this host has neither dpkg nor apk")
	}
	if pkg, _ := x.Owner("/usr/bin/env"); pkg != "coreutils" && pkg != "busybox" {
		t.Errorf("/usr/bin/env belongs to %q", pkg)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("/bin/sh\n", "/bin/sh\n/bin/sh.real\n:\n", "P:a\nF:b\nR:c\n")
	f.Add("\n\n", "x\n", ":\nR:\n")
	f.Fuzz(func(t *testing.T, list, diverted, apk string) {
		x, err := Read(tree(t, map[string]string{
			"var/lib/dpkg/status": "x", "var/lib/dpkg/info/p.list": list,
			"var/lib/dpkg/diversions": diverted, "lib/apk/db/installed": apk,
		}))
		if err == nil {
			x.Owner("/bin/sh")
		}
	})
}

func BenchmarkOwner(b *testing.B) {
	x, err := Read(hostfs.FS{})
	if err != nil || x == nil {
		b.Skip("no package database here")
	}
	b.ReportAllocs()
	b.ReportMetric(float64(x.Len()), "paths")
	for b.Loop() {
		x.Owner("/usr/bin/env")
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if x, err := Read(hostfs.FS{}); err != nil || x == nil {
			b.Skip("no package database here")
		}
	}
}
