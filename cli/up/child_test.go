package up_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/cli/up"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is a log that two goroutines may look at.
type buffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until the log holds text.
func (b *buffer) await(t *testing.T, text string) {
	t.Helper()
	for range 2000 {
		if strings.Contains(b.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q in the log:\n%s", text, b)
}

func TestChildIsStartedAgain(t *testing.T) {
	shell := hosttest.Program(t, "sh")
	count := filepath.Join(t.TempDir(), "count")
	script := `echo run >>"$0"; [ "$(wc -l <"$0")" -lt 2 ] && { echo "no luck" >&2; exit 3; }; echo settled; exec sleep 600`
	log, notices := &buffer{}, make(chan string, 8)
	child, err := up.Start(t.Context(), shell, []string{"-c", script, count}, log, func(s string) { notices <- s })
	if err != nil {
		t.Fatal(err)
	}
	log.await(t, "settled")
	child.Stop()
	if said := <-notices; !strings.Contains(said, "no luck") || !strings.Contains(said, "exit status 3") {
		t.Errorf("the notice is %q", said)
	}
	if data, err := os.ReadFile(count); err != nil || strings.Count(string(data), "run") != 2 {
		t.Errorf("it ran %q, %v", data, err)
	}
}

func TestStopLetsTheChildEndInOrder(t *testing.T) {
	shell := hosttest.Program(t, "sh")
	log := &buffer{}
	ctx, cancel := context.WithCancel(t.Context())
	child, err := up.Start(ctx, shell, []string{"-c", `trap 'echo cleaned up; exit 0' TERM; echo ready; while :; do sleep 0.05; done`}, log, func(s string) { t.Error(s) })
	if err != nil {
		t.Fatal(err)
	}
	log.await(t, "ready")
	cancel()
	<-child.Ended()
	if !strings.Contains(log.String(), "cleaned up") {
		t.Errorf("the child was not asked to end:\n%s", log)
	}
}

func TestErrorsCarryTheLastWords(t *testing.T) {
	shell := hosttest.Program(t, "sh")
	if _, err := up.Start(t.Context(), filepath.Join(t.TempDir(), "none"), nil, &buffer{}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
	err := up.Once(t.Context(), nil, shell, "-c", "echo first; echo the port is taken >&2; exit 1")
	if err == nil || err.Error() != "the port is taken" {
		t.Errorf("got %v", err)
	}
	if err := up.Once(t.Context(), nil, shell, "-c", "exit 0"); err != nil {
		t.Error(err)
	}
}
