package recorded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Sizes of the logs that are read, in bytes. What a program takes for the small
// one is its start; the rest is for the bytes that the large one has more.
const (
	smallLog = 1 << 20
	turns    = 3
)

// Log is a log of so many bytes, cut into files of one size, oldest first, which
// are written below a folder for as long as they are read.
type Log struct {
	Kind   Kind
	Files  []string
	Size   int
	Folder string
}

// Rate returns how many bytes of the log a command reads in a second of CPU time
// on one core, its start left out, and what that takes. It is told the paths.
func (l Log) Rate(ctx context.Context, command func(paths []string) []string) (rate float64, start time.Duration, err error) {
	folder, err := os.MkdirTemp(l.Folder, "log")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(folder)
	small, few, err := writeLog(filepath.Join(folder, "small"), l.Kind, l.Files, smallLog)
	if err != nil {
		return 0, 0, err
	}
	large, many, err := writeLog(filepath.Join(folder, "large"), l.Kind, l.Files, l.Size)
	if err != nil {
		return 0, 0, err
	}
	var all time.Duration
	for turn := range turns {
		for _, of := range []struct {
			paths []string
			least *time.Duration
		}{{small, &start}, {large, &all}} {
			took, err := cost(ctx, command(of.paths))
			if err != nil {
				return 0, 0, err
			}
			if turn == 0 || took < *of.least {
				*of.least = took
			}
		}
	}
	if all <= start {
		return 0, start, errors.New("too quick to be measured")
	}
	return float64(many-few) / (all - start).Seconds(), start, nil
}

// writeLog writes a log that is cut into files of one size and returns their
// paths and all their bytes.
func writeLog(folder string, kind Kind, names []string, size int) (paths []string, written int, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, 0, err
	}
	next := 1
	for _, name := range names {
		path := filepath.Join(folder, name)
		n, after, err := Write(path, kind, next, size/len(names))
		if err != nil {
			return nil, 0, err
		}
		next = after
		paths, written = append(paths, path), written+n
	}
	return paths, written, nil
}

// cost runs a command to its end on one core and returns its CPU time. That a
// search found nothing is no failure.
func cost(ctx context.Context, command []string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "RAYON_NUM_THREADS=1")
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !(errors.As(err, &failed) && failed.ExitCode() == 1) {
		return 0, fmt.Errorf("%s: %w", command[0], err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
