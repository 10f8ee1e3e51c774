package notify

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpu returns what this process and its threads have used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// makeFiles lets another process make n files and returns the CPU time that it
// took.
func makeFiles(b *testing.B, dir string, n int) time.Duration {
	b.Helper()
	cmd := exec.Command("/proc/self/exe", dir, strconv.Itoa(n))
	cmd.Env = append(cmd.Environ(), deedEnv+"=many")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// counter is a Handler that only counts, as far as the listener's own cost
// goes.
type counter struct {
	covered chan struct{}
	want    int
	got     int
	done    chan struct{}
}

func (c *counter) Changes(changes []Change) {
	c.got += len(changes)
	if c.got >= c.want {
		select {
		case c.done <- struct{}{}:
		default:
		}
	}
}
func (c *counter) Dirty(Dirty) {}
func (c *counter) Covered([]Coverage) {
	select {
	case c.covered <- struct{}{}:
	default:
	}
}

// BenchmarkListener measures in CPU time what 100,000 new files cost the
// listener and the process that makes them, against the same without one. Each
// round takes both, one after the other; the least of each counts.
func BenchmarkListener(b *testing.B) {
	const files = 100_000
	for kind, fs := range map[string]func(testing.TB) string{"tmpfs": tmpfs, "ext4": ext4} {
		b.Run(kind, func(b *testing.B) {
			root := fs(b)
			n := files
			if kind == "ext4" {
				n = 10_000 // its 64 MiB hold no more
			}
			least := func(a, b time.Duration) time.Duration {
				if a == 0 || b < a {
					return b
				}
				return a
			}
			var without, with, listener time.Duration
			for i := 0; b.Loop(); i++ {
				dir := fmt.Sprint(root, "/without", i)
				without = least(without, makeFiles(b, mkdir(b, dir), n))
				deed(b, "remove", dir)
				dir = mkdir(b, fmt.Sprint(root, "/with", i))
				took, cost := measure(b, root, dir, n)
				with, listener = least(with, took), least(listener, cost)
				deed(b, "remove", dir)
			}
			b.ReportMetric(float64(listener.Milliseconds())*100_000/float64(n), "listener-ms/100k")
			b.ReportMetric(float64((with-without).Nanoseconds())/float64(n)/1000, "added-us/file")
		})
	}
}

func measure(b *testing.B, root, dir string, n int) (writer, listener time.Duration) {
	c := &counter{covered: make(chan struct{}, 1), want: n, done: make(chan struct{}, 1)}
	l, err := New(Options{Roots: []string{root}, Handler: c})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(b.Context())
	go func() { ended <- l.Run(ctx) }()
	<-c.covered
	before := cpu(b)
	writer = makeFiles(b, dir, n)
	<-c.done
	listener = cpu(b) - before
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	return writer, listener
}
