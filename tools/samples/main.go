// Command samples replays the positive samples beside Holdfast's own rules and
// writes the alerts that they raise for package rules/samples.
//
// `go generate ./...` runs it; its test fails when the file tells of other
// samples than there are.
package main

//go:generate go run .

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/rules"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/rules/samples"
)

// root is the repository, seen from this folder: `go generate` and `go test`
// run here.
var root = filepath.Join("..", "..")

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "samples:", err)
		os.Exit(1)
	}
}

func run() error {
	list, err := collect()
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := samples.Write(&packed, list); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "rules", "samples", "alerts.json.gz"), packed.Bytes(), 0o644)
}

// collect returns what all samples raise, in the order of the rules' files.
func collect() ([]samples.Sample, error) {
	set := rulefiles.Embedded()
	compiled := set.Compile()
	if len(set.Refused) > 0 {
		return nil, fmt.Errorf("rule refused: %v", set.Refused[0])
	}
	var list []samples.Sample
	for _, f := range rules.Files() {
		path := filepath.Join(root, "rules", filepath.FromSlash(strings.TrimSuffix(f.Path, ".yml")+".txtar"))
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, sample := range positive(data) {
			list = append(list, raised(compiled, rulefiles.EmbeddedPrefix+f.Path, sample)...)
		}
	}
	return list, nil
}

// recorded is a file of an archive.
type recorded struct {
	name  string
	lines [][]byte
}

// positive returns the files of an archive that must raise their rule's alert: a
// line "-- name --" stands before each, a comment before the first.
func positive(archive []byte) []recorded {
	var all, found []recorded
	for line := range bytes.Lines(archive) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if name, ok := strings.CutPrefix(string(line), "-- "); ok && strings.HasSuffix(name, " --") {
			all = append(all, recorded{name: strings.TrimSuffix(name, " --")})
		} else if n := len(all); n > 0 {
			all[n-1].lines = append(all[n-1].lines, line)
		}
	}
	for _, r := range all {
		if strings.HasPrefix(r.name, "match-") {
			found = append(found, r)
		}
	}
	return found
}

// raised returns the alerts that a sample raises by the rules of a file, each as
// it was last.
func raised(set *detect.Ruleset, path string, sample recorded) []samples.Sample {
	var list []samples.Sample
	place := make(map[string]int) // by id of the alert
	detector := alert.NewDetector(set, detect.Limits{}, nil, func(a finding.Alert, _ bool) {
		if a.Rule.Path != path {
			return
		}
		s := samples.Sample{Name: sample.name, Alert: samples.Reduced(a)}
		if i, known := place[a.ID]; known {
			list[i] = s
			return
		}
		place[a.ID] = len(list)
		list = append(list, s)
	})
	reader := replay.NewReader(replay.Options{Events: detector.Handle, RawRecords: detector.NeedsRecords()})
	reader.Open(sample.name, time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC))
	for i, line := range sample.lines {
		reader.Line(input.Line{Text: line, Number: i + 1})
	}
	reader.Flush()
	return list
}
