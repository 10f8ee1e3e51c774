package browser_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// build compiles the programs, console included, and returns their directory.
// The agent starts the holdfast that lies beside it, so all are in one that
// only root may change.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	if overlay := console(t); overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, "./cmd/...")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// console installs what the walk needs and, where the console is not built or
// its source has changed since, builds it. It builds it elsewhere and returns an overlay for go build that
// puts it in its place: tests of other packages compile web/dist meanwhile.
func console(t *testing.T) (overlay string) {
	t.Helper()
	web, err := filepath.Abs(filepath.Join(root, "web"))
	if err != nil {
		t.Fatal(err)
	}
	if !exists(t, filepath.Join(web, "node_modules", "@axe-core", "playwright")) {
		npm(t, web, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	}
	if fresh(t, web) {
		return ""
	}
	out := filepath.Join(t.TempDir(), "dist")
	npm(t, web, "run", "build", "--", "--outDir", out)
	replace := make(map[string]string)
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		replace[filepath.Join(web, "dist", strings.TrimPrefix(path, out))] = path
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// fresh reports whether the console is built of the source as it is.
func fresh(t *testing.T, web string) bool {
	t.Helper()
	built, err := os.Stat(filepath.Join(web, "dist", "index.html"))
	if err != nil {
		return false
	}
	fresh := true
	for _, source := range []string{"src", "public", "index.html", "vite.config.ts", "package-lock.json"} {
		err := filepath.WalkDir(filepath.Join(web, source), func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			fresh = fresh && (err != nil || !info.ModTime().After(built.ModTime()))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return fresh
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func npm(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(hosttest.Program(t, "npm"), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// program is a running server or agent with what it said. It is safe for
// concurrent use.
type program struct {
	cmd  *exec.Cmd
	done chan struct{} // closed at the end of what it says

	mu   sync.Mutex // guards said
	said strings.Builder
}

// launch starts a program. Whatever happens to the test, it is stopped in
// order, so that the host is restored.
func launch(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	words, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for in := bufio.NewReader(words); ; {
			text, err := in.ReadString('\n')
			p.mu.Lock()
			p.said.WriteString(text)
			p.mu.Unlock()
			if err != nil {
				return // the program has ended
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-p.done
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v", filepath.Base(cmd.Path), err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%.8000s", filepath.Base(cmd.Path), p.text())
		}
	})
	return p
}

func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// await returns what the first group of the pattern matches in what the program
// says, once it does.
func (p *program) await(t *testing.T, pattern *regexp.Regexp) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if m := pattern.FindStringSubmatch(p.text()); m != nil {
			return m[1]
		}
		select {
		case <-p.done:
			t.Fatalf("%s ended:\n%s", filepath.Base(p.cmd.Path), p.text())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not say %s:\n%s", filepath.Base(p.cmd.Path), pattern, p.text())
		}
	}
}
