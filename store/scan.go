package store

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// EventScan asks for all events of a filter, without the pages and the order of
// [Events], and for no more of each than is needed. Its functions are called
// from several goroutines at once; what they are given is theirs during the
// call only, apart from the texts, processes and parts in it, which stay.
type EventScan struct {
	Filter EventFilter // its limit, order and cursor do not count

	// Worth is asked whether events up to this time are still of interest; nil
	// means always.
	Worth func(latest time.Time) bool

	// Choose sets keep for the events that are to be taken. They hold what
	// ChooseColumns name, columns of docs/telemetry-schema.md, and the time;
	// nil names all. Without Choose all events are taken.
	Choose        func(ctx context.Context, events []event.Event, keep []bool) error
	ChooseColumns []string

	// Take gets the events that were chosen with what TakeColumns name, and
	// their sequence numbers, by which no two are alike.
	Take        func(ctx context.Context, events []event.Event, sequences []int64) error
	TakeColumns []string
}

// Scanned is how far a scan came.
type Scanned struct {
	Parts int // that the telemetry of the filter lies in
	Read  int // of them, from beginning to end
}

// EventScanner visits telemetry.
type EventScanner interface {
	// ScanEvents visits each event of the scan's filter once, later parts of
	// the telemetry first. An error of the scan's functions ends it and is
	// returned. As with [Events], the error may wrap [ErrPartial], and all else
	// was visited.
	ScanEvents(ctx context.Context, s EventScan) (Scanned, error)
}
