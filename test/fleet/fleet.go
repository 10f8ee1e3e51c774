// Package fleet runs a whole installation for tests and measurements: a real
// holdfast-server, real agents, and a client of the API.
//
// [Build] compiles the programs once per process. [NewServer] starts a server
// with a configuration, a data directory and ports of its own; [Server.Enrol]
// makes agents of it. Servers and agents can be stopped, killed and started
// again on the same directories, which is what tests of crashes are about.
//
// What a test starts ends with it: processes are killed, directories removed,
// and what the programs said is shown when the test failed. A test that dies
// itself takes its processes along on Linux.
package fleet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Patience is how long the package waits for what must come. It is far beyond
// what a slow machine needs.
const Patience = 90 * time.Second

// TB is what is asked of a test. *testing.T and *testing.B are such; a program
// that measures may bring its own.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// Programs are the paths of what [Build] compiled.
type Programs struct {
	Holdfast, Agent, Server string
	Storm                   string // starts many programs, see bench/storm
}

var built struct {
	once     sync.Once
	dir      string
	programs Programs
	err      error
}

// Build compiles the programs when it is first called, and returns where they
// are. It takes long: tests call it before they take what others wait for.
// Who calls it calls [Remove] before the process ends.
func Build(tb TB) Programs {
	tb.Helper()
	built.once.Do(func() { built.programs, built.err = compile() })
	if built.err != nil {
		tb.Fatalf("%v", built.err)
	}
	return built.programs
}

// Remove removes what [Build] compiled. It belongs into TestMain, after the
// tests.
func Remove() {
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // temporary anyway
	}
}

func compile() (Programs, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return Programs{}, fmt.Errorf("find the module: %w", err)
	}
	dir, err := os.MkdirTemp("", "holdfast-fleet")
	if err != nil {
		return Programs{}, err
	}
	built.dir = dir
	cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/...", "./bench/storm")
	cmd.Dir = string(root[:max(len(root)-1, 0)])
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Programs{}, fmt.Errorf("build: %w\n%s", err, out)
	}
	return Programs{
		Holdfast: filepath.Join(dir, "holdfast"), Agent: filepath.Join(dir, "holdfast-agent"),
		Server: filepath.Join(dir, "holdfast-server"), Storm: filepath.Join(dir, "storm"),
	}, nil
}

// Await waits until something holds, and fails the test when it still does not
// after [Patience].
func Await(tb TB, what string, holds func() bool) {
	tb.Helper()
	if !Within(Patience, holds) {
		tb.Fatalf("waited %v in vain: %s", Patience, what)
	}
}

// Within waits until something holds and reports whether it does, at most for
// the given time.
func Within(patience time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// tempDir makes a directory that the test removes. Its path is short: it holds
// sockets.
func tempDir(tb TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("%v", err)
		}
	})
	return dir
}

// asking returns a context for one question.
func asking() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 30*time.Second)
}
