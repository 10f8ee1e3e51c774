// Package samples holds the alerts that the positive samples beside Holdfast's
// own rules raise: what a person who is about to make an exception of a rule
// should see, for these are the attacks that the rule is there for.
//
// The samples themselves are recorded logs, and reading those is the agent's.
// tools/samples replays them and writes the alerts into one compressed file, with
// what exceptions look at and no more; the file is embedded and read again by who
// asks, so that nothing of it stays in memory.
package samples

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/holdfast-security/holdfast/finding"
)

//go:embed alerts.json.gz
var embedded []byte

// Sample is what a sample raises by one rule.
type Sample struct {
	Name  string        `json:"name"`  // of the sample: "match-shell.log"
	Alert finding.Alert `json:"alert"` // reduced, see [Reduced]; without a host
}

// Each calls f with all samples, in the order of the rules' files, until f
// returns false. What f is given is its own.
func Each(f func(Sample) bool) error {
	unpacked, err := gzip.NewReader(bytes.NewReader(embedded))
	if err != nil {
		return fmt.Errorf("read the samples: %w", err)
	}
	decoder := json.NewDecoder(unpacked)
	for {
		var s Sample
		switch err := decoder.Decode(&s); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the samples: %w", err)
		}
		if !f(s) {
			return nil
		}
	}
}

// Count returns how many samples of a rule there are, by its uid; zero for rules
// that are not Holdfast's own or only feed others.
func Count(rule string) int { return counts()[rule] }

var counts = sync.OnceValue(func() map[string]int {
	n := make(map[string]int)
	if err := Each(func(s Sample) bool { n[s.Alert.Rule.ID]++; return true }); err != nil {
		panic(err) // the file is part of the program, and a test reads it whole
	}
	return n
})

// Write writes samples as [Each] reads them.
func Write(w io.Writer, list []Sample) error {
	packed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(packed)
	for _, s := range list {
		if err := encoder.Encode(s); err != nil {
			return fmt.Errorf("write the sample %s: %w", s.Name, err)
		}
	}
	return packed.Close()
}
