//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/holdfast-security/holdfast/bench/recorded"
)

// Sizes of the logs that are read, in bytes.
const (
	largeLog = 64 << 20
	peerLog  = 8 << 20 // for a peer that reads slowly
)

// reading is a kind of log that is read by holdfast replay, and by a peer.
type reading struct {
	name    string
	kind    recorded.Kind
	files   []string // that the log is cut into, oldest first
	note    string
	peer    string
	command []string // of the peer, but for the path
	size    int      // of the peer's log
}

var readings = []reading{
	{
		name: "audit log", kind: recorded.Audit, files: []string{"audit.log"}, note: "of ten events seven start a program",
		peer: "ausearch -i", command: []string{"ausearch", "-i", "-if"}, size: peerLog,
	},
	{
		name: "audit log, rotated", kind: recorded.Audit, files: []string{"audit.log.3.gz", "audit.log.2.gz", "audit.log.1", "audit.log"},
		note: "half of it packed by gzip, counted as unpacked",
	},
	{
		name: "syslog", kind: recorded.Syslog, files: []string{"syslog"}, note: "of twenty lines one is a logon that failed",
		peer: "grep -c -i", command: []string{"grep", "-c", "-i", "failed password for .* from"}, size: largeLog,
	},
	{name: "JSON lines", kind: recorded.Objects, files: []string{"events.json"}, note: "program starts on Windows, Holdfast's rules"},
}

// log is a log in the scratch folder.
func (b *bench) log(kind recorded.Kind, size int, files ...string) recorded.Log {
	return recorded.Log{Kind: kind, Files: files, Size: size, Folder: b.dir}
}

// replay measures how fast recorded logs are read and judged, by user and system
// time of the whole command on one core, beside programs that read the same.
func (b *bench) replay(ctx context.Context) ([]row, error) {
	var rows []row
	var start time.Duration
	for _, r := range readings {
		b.progress("replay of %s", r.name)
		rate, began, err := b.log(r.kind, largeLog, r.files...).Rate(ctx, func(paths []string) []string {
			return append([]string{b.command, "replay", "-o", "json"}, paths...)
		})
		if err != nil {
			return rows, fmt.Errorf("replay of %s: %w", r.name, err)
		}
		start = max(start, began)
		measured := row{Name: "replay: " + r.name, Value: rate / 1e6, Unit: "MB/s", Bar: atLeast(100), Note: "by CPU time, all rules; " + r.note}
		if r.peer != "" {
			peer, _, err := b.log(r.kind, r.size, r.files...).Rate(ctx, func(paths []string) []string { return append(r.command, paths[0]) })
			if err != nil {
				b.progress("%s: %v", r.peer, err)
			} else {
				measured = measured.Beside(r.peer, peer/1e6)
			}
		}
		rows = append(rows, measured)
	}
	rows = append(rows, row{Name: "replay: start, with Holdfast's rules read and compiled, and 1 MB", Value: start.Seconds(), Unit: "s of CPU"})
	more, err := b.engines(ctx)
	return append(rows, more...), err
}

// engines compares whole programs that judge the same JSON lines by the same
// rules: SigmaHQ's. The peer is measured where it is installed.
func (b *bench) engines(ctx context.Context) ([]row, error) {
	rules := filepath.Join(b.data, "sigma-rules", "rules")
	if _, err := os.Stat(rules); err != nil {
		b.progress("no rules to compare engines by: %v", err)
		return nil, nil
	}
	events := func(size int, command func(path string) []string) (float64, error) {
		rate, _, err := b.log(recorded.Objects, size, "events.json").Rate(ctx, func(paths []string) []string { return command(paths[0]) })
		return rate / bytesPerLine(recorded.Objects), err
	}
	// What one event takes is found by taking the start away, which is long:
	// the quicker the program, the longer its log has to be.
	value, err := events(20*peerLog, func(path string) []string { return []string{b.command, "replay", "-o", "json", "--rules", rules, path} })
	if err != nil {
		return nil, err
	}
	measured := row{
		Name: "JSON lines through SigmaHQ's rules, whole program", Value: value, Unit: "events/s",
		Note: "by CPU time on one core, start left out; everyday program starts on Windows, by rules/ alone, Holdfast's own beside them",
	}
	if _, err := exec.LookPath("rsigma"); err != nil {
		b.progress("no peer: %v", err)
		return []row{measured}, nil
	}
	var rows []row
	for _, peer := range []struct {
		name string
		more []string
	}{{"rsigma, by log source", []string{"--logsource-routing"}}, {"rsigma", nil}} {
		value, err := events(2*peerLog, func(path string) []string {
			return append([]string{"rsigma", "engine", "eval", "--input-format", "json", "-q", "-r", rules, "-e", "@" + path}, peer.more...)
		})
		if err != nil {
			return rows, err
		}
		rows = append(rows, measured.Beside(peer.name, value))
	}
	return rows, nil
}

// bytesPerLine is how long the lines of a log are on average.
func bytesPerLine(kind recorded.Kind) float64 {
	const lines = 1000
	size := 0
	for n := range lines {
		size += len(kind(n + 1))
	}
	return float64(size) / lines
}
