package recorded_test

import (
	"path/filepath"
	"testing"

	"github.com/holdfast-security/holdfast/bench/recorded"
	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/event"
)

// TestLogsAreRead replays what is written: a log that is skipped would measure
// nothing.
func TestLogsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		kind   recorded.Kind
		events int // at least so many of 100 lines
	}{
		"audit.log": {recorded.Audit, 15}, "audit.log.1.gz": {recorded.Audit, 15}, "syslog": {recorded.Syslog, 20}, "events.json": {recorded.Objects, 100},
	} {
		path := filepath.Join(t.TempDir(), name)
		size, next, err := recorded.Write(path, c.kind, 1, 256<<10)
		if err != nil || size < 256<<10 || next < 100 {
			t.Fatalf("%s: %d bytes, next is %d, %v", name, size, next, err)
		}
		file, err := input.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := replay.NewReader(replay.Options{Events: func([]*event.Event) {}, Foreign: func([]byte) error { return nil }})
		r.Open(file.Name, file.Modified)
		if err := file.Lines(func(l input.Line) error { r.Line(l); return nil }); err != nil {
			t.Fatal(err)
		}
		r.Flush()
		file.Close()
		if s := r.Stats(); s.Skipped > 0 || s.Events*100 < s.Lines*c.events {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
