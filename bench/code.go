//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// figures are what the table takes from the Go benchmarks of the hot paths.
// Each benchmark reports its own metric beside Go's.
var figures = []struct {
	folder    string
	benchmark string // name without "Benchmark" and the number of cores
	metric    string // unit in the benchmark's output
	row       row
}{
	{"./agent/audit/record", "ParseAndReassemble", "records/s", row{Name: "audit records parsed and reassembled", Unit: "records/s", Bar: atLeast(500_000)}},
	{"./agent/audit/record", "ParseAndReassemble", "allocs/event", row{Name: "allocations of parsing and reassembly", Unit: "per event", Bar: atMost(2)}},
	{"./agent/audit/record", "ExecEvents", "records/s", row{Name: "records of program starts parsed and reassembled", Unit: "records/s", Bar: atLeast(500_000)}},
	{"./agent/audit/record", "ExecEvents", "allocs/event", row{Name: "allocations per program start", Unit: "per event", Bar: atMost(2)}},
	{"./bench", "OwnRules", "events/cpu-s", row{Name: "program starts through Holdfast's rules, to alerts", Unit: "events/s"}},
	{"./detect", "PublicRules/linux-benign", "events/cpu-s", row{Name: "program starts through SigmaHQ's rules, Linux", Unit: "events/s", Bar: atLeast(500_000), Note: "everyday ones, made up"}},
	{"./detect", "PublicRules/windows-benign", "events/cpu-s", row{Name: "program starts through SigmaHQ's rules, Windows", Unit: "events/s", Bar: atLeast(500_000), Note: "everyday ones, made up"}},
	{"./detect", "PublicRules/windows-attack", "events/cpu-s", row{Name: "program starts through SigmaHQ's rules, Windows, every one an attack", Unit: "events/s", Note: "the worst case: all match, most several rules"}},
	{"./detect", "PublicRulesJSON/mixed", "events/cpu-s", row{
		Name: "JSON lines through SigmaHQ's rules, mixed", Unit: "events/s", Bar: atLeast(150_000),
		Note: "of 100 lines: 45 program starts on Windows and 25 on Linux, made up; 20 audit records and 8 syslog lines, real; 2 attacks",
	}},
	{"./detect", "PublicRulesJSON/attacks", "events/cpu-s", row{Name: "JSON lines through SigmaHQ's rules, every one an attack", Unit: "events/s", Bar: atLeast(150_000), Note: "the worst case"}},
	{"./detect", "Load", "cpu-s", row{Name: "SigmaHQ's rules read, parsed and compiled", Unit: "s", Bar: atMost(1)}},
	{"./detect", "Load", "MB", row{Name: "memory of SigmaHQ's rules, their index and one matcher", Unit: "MB", Bar: atMost(150)}},
	{"./server/ingest", "Ingest", "events/s", row{Name: "server: frames decoded, detected and stored, by the clock", Unit: "events/s", Bar: atLeast(50_000)}},
	{"./server/ingest", "Ingest", "events/cpu-s", row{Name: "server: frames decoded, detected and stored, by CPU time", Unit: "events/s"}},
	{"./server/ingest", "Ingest", "B/event", row{Name: "server: a stored event", Unit: "bytes", Bar: atMost(40)}},
	{"./store/segment", "Scan/class", "events/cpu-s", row{Name: "segments searched by class", Unit: "events/s", Bar: atLeast(5_000_000)}},
	{"./store/segment", "Scan/process", "events/cpu-s", row{Name: "segments searched by process", Unit: "events/s", Bar: atLeast(5_000_000)}},
	{"./store/segment", "Scan/text", "events/cpu-s", row{Name: "segments searched by text", Unit: "events/s", Bar: atLeast(5_000_000)}},
	{"./store/segment", "Scan/whole", "events/cpu-s", row{Name: "segments read whole, every event made", Unit: "events/s"}},
	{"./server/hunting", "Hunt/rare", "events/cpu-s", row{Name: "hunt for words in command lines", Unit: "events/s"}},
	{"./server/hunting", "Hunt/count", "events/cpu-s", row{Name: "hunt that counts programs and their hosts", Unit: "events/s"}},
	{"./server/hunting", "Hunt/pattern", "events/cpu-s", row{Name: "hunt for a regular expression in command lines", Unit: "events/s"}},
	{"./server/hunting", "Hunt/hours", "events/cpu-s", row{Name: "hunt that counts all events by class and hour", Unit: "events/s"}},
}

// code runs the Go benchmarks on one core, several times, and keeps of times the
// smallest figure and else the largest: of rates, which other work on the
// machine can only lower, and of memory, which it does not touch.
func (b *bench) code(ctx context.Context) ([]row, error) {
	measured := make(map[string][]float64) // by folder, benchmark and metric
	for _, folder := range folders() {
		b.progress("go test -bench %s", folder)
		out, err := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench="+wanted(folder),
			"-benchmem", "-cpu=1", "-count=5", folder).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("benchmarks of %s: %w\n%s", folder, err, out)
		}
		for _, r := range parseBenchmarks(out) {
			for metric, value := range r.metrics {
				key := strings.Join([]string{folder, r.name, metric}, " ")
				measured[key] = append(measured[key], value)
			}
		}
	}
	var rows []row
	for _, f := range figures {
		values := measured[strings.Join([]string{f.folder, f.benchmark, f.metric}, " ")]
		if len(values) == 0 {
			b.progress("%s: Benchmark%s reports no %s", f.folder, f.benchmark, f.metric)
			continue
		}
		rows = append(rows, bestOf(f.row, values))
	}
	return rows, nil
}

// bestOf returns the row with the figure of several that other work disturbed
// least.
func bestOf(r row, values []float64) row {
	how := "largest"
	if r.Value = slices.Max(values); r.Unit == "s" {
		how, r.Value = "smallest", slices.Min(values)
	}
	note := "one core, " + how + " of " + strconv.Itoa(len(values))
	if r.Note != "" {
		note += "; " + r.Note
	}
	r.Note = note
	return r
}

// folders returns those of the figures, each once.
func folders() []string {
	var all []string
	for i, f := range figures {
		if i == 0 || figures[i-1].folder != f.folder {
			all = append(all, f.folder)
		}
	}
	return all
}

// wanted returns the pattern that runs the folder's benchmarks of the table,
// with all that is below them.
func wanted(folder string) string {
	var names []string
	for _, f := range figures {
		if name, _, _ := strings.Cut(f.benchmark, "/"); f.folder == folder && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return "^Benchmark(" + strings.Join(names, "|") + ")$"
}

// goBenchmark is one line of go test -bench.
type goBenchmark struct {
	name    string // without "Benchmark" and the number of cores
	metrics map[string]float64
}

// parseBenchmarks reads the format of https://go.dev/design/14313-benchmark-format
// and skips every other line.
func parseBenchmarks(out []byte) []goBenchmark {
	var all []goBenchmark
	cores := regexp.MustCompile(`-[0-9]+$`)
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := cores.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		r := goBenchmark{name: name, metrics: make(map[string]float64)}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				break
			}
			r.metrics[fields[i+1]] = value
		}
		all = append(all, r)
	}
	return all
}

// build compiles a program of a folder below bench and returns its path.
func (b *bench) build(ctx context.Context, name string) (string, error) {
	program := filepath.Join(b.dir, name)
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./bench/"+name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build bench/%s: %w\n%s", name, err, out)
	}
	return program, nil
}
