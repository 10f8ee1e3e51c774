// Package hosttest lets tests ask for what not every machine has: root, a
// program of the distribution, the kernel's audit system, shared test data.
//
// Where it is missing the test is skipped with the reason, so that plain
// `go test ./...` passes for an ordinary user. Under `make test`, which sets
// HOLDFAST_TEST=full and installs everything, the same lack is a failure.
package hosttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Full reports whether a missing requirement is a failure.
func Full() bool { return os.Getenv("HOLDFAST_TEST") == "full" }

// Missing skips the test, or fails it in a full run.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if Full() {
		t.Fatalf("required in a full run: "+format, args...)
	}
	t.Skipf(format, args...)
}

// Root requires root on Linux.
func Root(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		Missing(t, "needs root on Linux")
	}
}

// Program requires a program on the PATH and returns where it is.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "needs the program %s", name)
	}
	return path
}

// Data returns the path of a set of shared test data, which lies beside the
// project and is never part of it. Where the whole collection is absent the
// test is skipped even in a full run: the data is not ours to ship. Where the
// collection is there but the set is not, that is a failure in a full run.
func Data(t testing.TB, elem ...string) string {
	t.Helper()
	root := dataRoot()
	if root == "" {
		t.Skip("the shared test data does not lie beside this checkout")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		Missing(t, "shared test data has no %s", filepath.Join(elem...))
	}
	return path
}

func dataRoot() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for ; ; dir = filepath.Dir(dir) {
		data := filepath.Join(dir, "shared", "data")
		if info, err := os.Stat(data); err == nil && info.IsDir() {
			return data
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}
