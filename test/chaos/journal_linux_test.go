package chaos_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/holdfast-security/holdfast/fleet"
)

// entry is a line of the journal: what the producer is going to do, and what it
// has done. Lines are written with one call each and survive its end.
type entry struct {
	Kind   step          `json:"kind"`
	Batch  batch         `json:"batch,omitzero"`
	Drops  int           `json:"drops,omitempty"`  // of a batch that is done: what Append said
	Ledger *fleet.Ledger `json:"ledger,omitempty"` // when the spool was opened, and when it was drained
}

type step string

const (
	opened   step = "opened"
	intended step = "intended" // the batch, before the ledger is told of it
	produced step = "produced" // the ledger knows
	done     step = "done"     // the spool has it, or has refused it
	drained  step = "drained"  // the server has all of it
)

// batch is what is handed to the spool at once.
type batch struct {
	First    uint64 `json:"first"` // number of its first event
	Count    int    `json:"count"`
	Combined int    `json:"combined,omitempty"` // further events, made one with these
	Refused  bool   `json:"refused,omitempty"`  // by a queue before the spool
}

// journal appends entries to a file.
type journal struct{ file *os.File }

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &journal{file}, err
}

func (j *journal) write(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// life is what the journal says of one run of the producer.
type life struct {
	ledger  fleet.Ledger // when it began: what came before is settled
	batches []record
	drained *fleet.Ledger
}

// record is how far a batch came.
type record struct {
	batch
	step  step
	drops int
}

// readJournal returns the lives in their order.
func readJournal(path string) ([]*life, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lives []*life
	for line := range bytes.Lines(data) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("journal line %q: %w", line, err)
		}
		if e.Kind == opened {
			lives = append(lives, &life{ledger: *e.Ledger})
			continue
		}
		now := lives[len(lives)-1]
		switch e.Kind {
		case intended:
			now.batches = append(now.batches, record{e.Batch, intended, 0})
		case drained:
			now.drained = e.Ledger
		default:
			last := &now.batches[len(now.batches)-1]
			last.step, last.drops = e.Kind, e.Drops
		}
	}
	return lives, nil
}
