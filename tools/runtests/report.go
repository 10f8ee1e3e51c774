package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// absentData is how internal/hosttest words the one skip that is accepted in
// a full run.
const absentData = "shared test data does not lie beside this checkout"

// event is one line of go test -json, see go doc test2json.
type event struct {
	Action     string
	Package    string
	Test       string
	Output     string
	ImportPath string // of build-output
}

// skipped is a test that did not run.
type skipped struct {
	name, reason string
}

// report turns the events of go test into text, and counts.
type report struct {
	out  io.Writer
	full bool // a skip is a failure

	held           map[string]*strings.Builder // output of tests that run, by package and name
	passed, failed int
	skips          []skipped
}

// read shows the packages' lines as they come, and the output of tests that
// fail.
func (r *report) read(stream io.Reader) error {
	r.held = make(map[string]*strings.Builder)
	dec := json.NewDecoder(stream)
	for {
		var e event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r.add(e)
	}
}

func (r *report) add(e event) {
	key := e.Package + " " + e.Test
	switch {
	case e.Action == "build-output":
		io.WriteString(r.out, e.Output)
	case e.Action == "output" && e.Test == "":
		r.packageLine(e)
	case e.Action == "output":
		if r.held[key] == nil {
			r.held[key] = new(strings.Builder)
		}
		r.held[key].WriteString(e.Output)
	case e.Test == "":
	case e.Action == "pass":
		r.passed++
		delete(r.held, key)
	case e.Action == "fail":
		r.failed++
		if text := r.held[key]; text != nil {
			io.WriteString(r.out, text.String())
		}
		delete(r.held, key)
	case e.Action == "skip":
		r.skips = append(r.skips, skipped{key, reason(r.held[key])})
		delete(r.held, key)
	}
}

// packageLine shows what a package prints outside its tests, without the
// line that go test -json has before every package's result.
func (r *report) packageLine(e event) {
	switch e.Output {
	case "PASS\n", "FAIL\n":
	default:
		io.WriteString(r.out, e.Output)
	}
}

// reason is what a test logged before it was skipped.
func reason(output *strings.Builder) string {
	if output == nil {
		return "no reason given"
	}
	var lines []string
	for line := range strings.Lines(output.String()) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// summary shows the skips and the counts. It returns an error when a test
// failed, or was skipped in a full run without being allowed to.
func (r *report) summary() error {
	wrong := 0
	for _, s := range r.skips {
		if r.full && !strings.Contains(s.reason, absentData) {
			wrong++
			fmt.Fprintf(r.out, "--- SKIP, a failure in a full run: %s: %s\n", s.name, s.reason)
		}
	}
	fmt.Fprintf(r.out, "%d tests passed, %d failed, %d skipped\n", r.passed, r.failed, len(r.skips))
	if r.failed > 0 || wrong > 0 {
		return fmt.Errorf("%d tests failed, %d were skipped and may not be", r.failed, wrong)
	}
	return nil
}
