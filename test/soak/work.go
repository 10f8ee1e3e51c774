//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// activity is one kind of benign work.
type activity struct {
	name string
	// prepare sets up what must be there before the watch begins and returns
	// what takes it down again, also when it fails. May be nil.
	prepare func(ctx context.Context, dir string) (undo func(), err error)
	// do is one turn of the work, in the folder given.
	do    func(ctx context.Context, dir string) error
	pause time.Duration // between turns
}

// result is what became of one activity.
type result struct {
	name         string
	done, failed int
	last         error
}

// choose returns the activities that a comma-separated list names.
func choose(only string) ([]activity, error) {
	if only == "" {
		return activities, nil
	}
	var chosen []activity
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(activities, func(a activity) bool { return a.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: there is no work called %q", name)
		}
		chosen = append(chosen, activities[i])
	}
	return chosen, nil
}

// work does everything side by side until the time is over; a turn that has
// begun is brought to its end.
func work(ctx context.Context, chosen []activity, dir string, length time.Duration) []result {
	results := make([]result, len(chosen))
	enough, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var wg sync.WaitGroup
	for i, a := range chosen {
		wg.Go(func() { results[i] = a.repeat(ctx, enough, filepath.Join(dir, a.name)) })
	}
	wg.Wait()
	return results
}

// repeat takes turns until enough ends.
func (a activity) repeat(ctx, enough context.Context, dir string) result {
	r := result{name: a.name}
	for {
		if err := a.turn(ctx, dir); err != nil {
			r.failed++
			r.last = err
			fmt.Fprintf(os.Stderr, "soak: %s: %v\n", a.name, err)
		} else {
			r.done++
		}
		select {
		case <-enough.Done():
			return r
		case <-time.After(a.pause):
		}
	}
}

// turn does the work once, in a fresh folder.
func (a activity) turn(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return a.do(ctx, dir)
}

// shell runs a script with /bin/sh -e in dir. What it prints becomes part of
// the error when it fails.
func shell(ctx context.Context, dir, script string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-e")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %.1000s", err, bytes.TrimSpace(out))
	}
	return nil
}

// script returns work that is a shell script.
func script(text string) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error { return shell(ctx, dir, text) }
}
