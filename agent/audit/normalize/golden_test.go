package normalize_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/audit/normalize"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// normalizeLog runs the lines of a log through reassembly and normalisation.
func normalizeLog(opts normalize.Options, log []byte) ([]event.Event, normalize.Stats) {
	n := normalize.New(opts)
	var events []event.Event
	r := record.NewReassembler(record.Options{RecordTime: true}, func(e *record.Event) { events = n.Append(events, e) })
	for line := range bytes.Lines(log) {
		_ = r.PushLine(line, 0)
	}
	r.Flush()
	return events, n.Stats()
}

// TestGolden normalises recordings of a Linux 6.18 kernel on Debian 12. Run
// with -update to write what comes out, and read the difference.
func TestGolden(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, name := range logs {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".log"), func(t *testing.T) {
			log, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			events, stats := normalizeLog(normalize.Options{}, log)
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			for i := range events {
				if err := enc.Encode(events[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := enc.Encode(map[string]any{"events": stats.Events, "merged": stats.Merged, "ignored": stats.Ignored}); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(name, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
