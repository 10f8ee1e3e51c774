package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs are the binaries that the tests run.
type programs struct {
	holdfast, agent, storm string
}

// built is what all tests share: the programs, compiled when first asked for.
var built struct {
	once     sync.Once
	dir      string // anyone may read it, for tests that give up root
	programs programs
	err      error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // temporary anyway
	}
	os.Exit(code)
}

// build compiles what the tests run. It takes long: tests call it before they
// take the audit system for themselves.
func build(t *testing.T) programs {
	t.Helper()
	built.once.Do(func() { built.programs, built.err = compile() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.programs
}

func compile() (programs, error) {
	dir, err := os.MkdirTemp("", "holdfast-e2e")
	if err != nil {
		return programs{}, err
	}
	built.dir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return programs{}, err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/...", "./bench/storm")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return programs{}, fmt.Errorf("build: %w\n%s", err, out)
	}
	return programs{filepath.Join(dir, "holdfast"), filepath.Join(dir, "holdfast-agent"), filepath.Join(dir, "storm")}, nil
}
