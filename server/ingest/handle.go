package ingest

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/fleet"
)

// handle takes one frame all the way but for committing. It returns false when
// ctx ended first.
func (p *Pipeline) handle(ctx context.Context, f frame) bool {
	if f.sequence <= p.handled {
		return true // the source began earlier than asked
	}
	p.trail.add(f.sequence, f.taken, f.size)
	ok := true
	if f.sequence <= p.appended {
		p.remember(&f)
	} else {
		ok = p.take(ctx, &f)
	}
	if ok {
		p.handled = f.sequence
	}
	return ok
}

// remember runs a frame that is stored already through detection, so that it
// knows what came before.
func (p *Pipeline) remember(f *frame) {
	if f.err != nil {
		return
	}
	last, known := p.warmed[f.host]
	if known && last.Epoch == f.header.Epoch && f.header.Sequence <= last.Sequence {
		return // a repeat, then and now
	}
	p.warmed[f.host] = f.header
	f.events, _ = clean(f.events, f.host, f.taken)
	p.quiet = true
	p.detect(f)
}

// take handles a frame that is not stored yet.
func (p *Pipeline) take(ctx context.Context, f *frame) bool {
	if p.since.IsZero() {
		p.since = time.Now()
	}
	p.stats.frames.Add(1)
	in := p.intake(f)
	switch {
	case !f.sound || judge(in, f.header) == impossible:
		p.refuse(f)
	case judge(in, f.header) == repeated:
		in.Repeated++
		p.stats.repeated.Add(1)
	default:
		return p.ingest(ctx, f, in)
	}
	p.advance(f.sequence)
	return true
}

// refuse counts a frame that says nothing that can be believed, not even of
// itself. If events were in it, their numbers are missing from the next.
func (p *Pipeline) refuse(f *frame) {
	p.stats.refused.Add(1)
	p.cfg.Log.Warn("a frame was refused", "host", f.host, "stream_sequence", f.sequence, "error", f.err,
		"sequence", f.header.Sequence, "first", f.header.First, "count", f.header.Count)
}

// ingest detects in and stores the events of a frame that comes next.
func (p *Pipeline) ingest(ctx context.Context, f *frame, in *fleet.Intake) bool {
	reason := fleet.MalformedFrame
	if f.err == nil {
		var foreign int
		if f.events, foreign = clean(f.events, f.host, f.taken); foreign > 0 {
			reason = fleet.WrongHost
			p.cfg.Log.Warn("events that claim another host were dropped", "host", f.host, "events", foreign)
		}
		p.quiet = f.sequence <= p.detected
		p.detect(f)
		p.detected = max(p.detected, f.sequence)
	} else {
		f.events = nil
		p.cfg.Log.Warn("a frame could not be decoded", "host", f.host, "events", f.header.Count, "error", f.err)
	}
	kept := uint64(len(f.events))
	if missing := accept(in, f.header, kept, reason); missing > 0 {
		p.stats.drop(fleet.MissingFrame, missing)
		p.cfg.Log.Warn("frames of a host are missing", "host", f.host, "events", missing, "before_frame", f.header.Sequence)
	}
	p.stats.events.Add(kept)
	p.stats.drop(reason, uint64(f.header.Count)-kept)
	p.advance(f.sequence)
	return kept == 0 || p.keep(ctx, f.host, f.events)
}

// intake returns the intake of the frame's host, which is going to change.
func (p *Pipeline) intake(f *frame) *fleet.Intake {
	in := p.intakes[f.host]
	if in == nil {
		in = &fleet.Intake{}
		p.intakes[f.host] = in
	}
	p.changed[f.host] = true
	return in
}

// advance notes that everything up to the message is with detection and
// telemetry.
func (p *Pipeline) advance(sequence uint64) {
	p.appended = sequence
	p.detected = max(p.detected, sequence)
}
