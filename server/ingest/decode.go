package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/wire"
)

// queueLength is how many decoded frames wait at most. A hostile frame may
// take [wire.MaxContent] of memory, a normal one a few hundred KiB.
const queueLength = 8

// frame is a message, decoded.
type frame struct {
	sequence uint64 // of the stream
	host     event.HostID
	taken    time.Time // by the stream
	size     int       // in bytes

	header wire.Header
	sound  bool // the header is
	events []event.Event
	err    error // of decoding
}

// decode reads the stream into the queue, ahead of what the pipeline handles.
func (p *Pipeline) decode(ctx context.Context, from uint64, queue chan<- frame) error {
	decoder := wire.NewDecoder()
	return p.cfg.Source.Read(ctx, p.cfg.Partition, from, func(m Message) error {
		f := frame{sequence: m.Sequence, host: m.Host, taken: m.Time, size: len(m.Frame), sound: true}
		if f.header, f.events, f.err = decodeOne(&decoder, m.Frame); f.err != nil {
			_, err := wire.ParseHeader(m.Frame)
			f.sound = err == nil
		}
		select {
		case queue <- f:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// decodeOne decodes a frame. A decoder that panics must not end the server, for
// the frame would be the first to be read after a restart: it counts as
// malformed, and the decoder is replaced.
func decodeOne(decoder **wire.Decoder, data []byte) (h wire.Header, events []event.Event, err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			*decoder = wire.NewDecoder()
			h, _ = wire.ParseHeader(data)
			events, err = nil, fmt.Errorf("decode a frame: %w: %v", wire.ErrMalformed, trouble)
		}
	}()
	return (*decoder).DecodeFrame(data)
}

// Bounds of times that are believed. A host whose clock was never set says
// 1970; an agent may have been cut off for long.
const (
	maxAhead  = 10 * time.Minute
	maxBehind = 400 * 24 * time.Hour
)

// ClockRecord is the type of the record that keeps the time that a host gave
// an event, in its field "time", when the server could not believe it.
const ClockRecord = "HOLDFAST_CLOCK"

// clean makes the events those of the host and bounds their times. It returns
// the events that may be kept, and how many claim to be another host's.
func clean(events []event.Event, host event.HostID, taken time.Time) (kept []event.Event, foreign int) {
	n := 0
	for i := range events {
		if claimed := events[i].Host; claimed != "" && claimed != host {
			continue
		}
		if n < i {
			events[n] = events[i]
		}
		events[n].Host = host
		boundTimes(&events[n], taken)
		n++
	}
	clear(events[n:])
	return events[:n], len(events) - n
}

// boundTimes gives an event whose time cannot be the time at which the stream
// took it, so that it is found, and kept as long as others, and notes its own
// in a record.
func boundTimes(ev *event.Event, taken time.Time) {
	if ahead := ev.Time.Sub(taken); ahead > maxAhead || ahead < -maxBehind {
		claimed := ev.Time.UTC().Format(time.RFC3339Nano)
		ev.Records = append(ev.Records[:len(ev.Records):len(ev.Records)], event.Record{
			Type: ClockRecord, Fields: []event.Pair{{Name: "time", Value: claimed}},
		})
		ev.Time, ev.Last = taken.UTC(), time.Time{}
	}
	if ev.Last.Before(ev.Time) || ev.Last.Sub(taken) > maxAhead {
		ev.Last = time.Time{}
	}
}
