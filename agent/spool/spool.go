// Package spool keeps an agent's events on disk until the server has them, and
// the ledger that says where every event went.
//
// [Spool.Append] gives events their numbers, packs them into a frame and
// appends it to a segment file; [Spool.Next] hands frames out in order, and
// [Spool.Ack] forgets them. Frames of one epoch are numbered without gaps. What
// has no room or cannot be written is dropped before it gets a number and
// counted with its reason, so that a gap in the numbers is always a real loss.
//
// What was appended survives kill -9 of the agent. It is synced to disk once
// per second: when the machine itself goes down, the last moments may be
// missing although the server has seen them. Numbers must not come twice with
// different content, so an unclean end of the machine begins a new epoch; what
// the old one still holds is handed out first.
//
// The directory belongs to the agent alone. Whatever is found in it that is
// not a whole frame is skipped and counted, never trusted.
package spool

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// Errors of a spool.
var (
	ErrFull   = errors.New("the spool is full") // its bound is reached, and the server takes nothing
	ErrClosed = errors.New("the spool is closed")
	ErrInUse  = errors.New("the spool is in use by another agent")
)

// Options are the bounds of a spool. Zero fields take the default.
type Options struct {
	Limit        int64         // bytes of all segment files; 1 GiB, at least 4 MiB
	SegmentBytes int64         // of one file; 8 MiB, at most a quarter of Limit and 64 MiB
	SyncInterval time.Duration // between writes to disk; 1 s
	Log          *slog.Logger  // nil discards
}

// Bounds of the options.
const (
	defaultLimit    = 1 << 30
	smallestLimit   = 4 << 20
	defaultSegment  = 8 << 20
	largestSegment  = 64 << 20
	smallestSegment = wire.MaxFrame
)

func (o *Options) complete() {
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	o.Limit = max(o.Limit, smallestLimit)
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = defaultSegment
	}
	o.SegmentBytes = max(min(o.SegmentBytes, o.Limit/4, largestSegment), smallestSegment)
	if o.SyncInterval <= 0 {
		o.SyncInterval = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Stats describe a spool since it was opened.
type Stats struct {
	Epoch         wire.Epoch // in which events are numbered now
	Bytes         int64      // on disk
	Limit         int64
	DamagedFrames uint64 // frames that no longer matched their checksum: the server will count their events as a gap
	DamagedEvents uint64
	SyncFailures  uint64
	ReadFailures  uint64
}

// Spool is the queue on disk. Its methods may be called from any goroutine.
// Make it with [Open].
type Spool struct {
	dir    string
	opts   Options
	log    *slog.Logger
	ledger *ledger
	unlock func() error
	ready  chan struct{}
	stop   chan struct{} // closed by Close
	synced chan struct{} // closed when the syncing goroutine has ended

	appending sync.Mutex // guards the encoder and its buffer; taken before mu
	encoder   *wire.Encoder
	buffer    []byte

	mu      sync.Mutex // guards what follows
	volumes []*volume  // one for each epoch, oldest first; the last one is written to
	bytes   int64
	full    bool // a frame was refused, and nothing was removed since
	dirty   bool // written since the last sync
	retired []*os.File
	closed  bool
	stats   Stats
}

// Open opens the spool in dir, making it when it is not there, and accounts
// for what an agent that was killed had in memory. Errors wrap [ErrInUse] when
// another process has it open.
func Open(dir string, opts Options) (*Spool, error) {
	opts.complete()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("open the spool in %s: %w", dir, err)
	}
	s := &Spool{
		dir: dir, opts: opts, log: opts.Log, unlock: unlock, encoder: wire.NewEncoder(),
		ready: make(chan struct{}, 1), stop: make(chan struct{}), synced: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the spool in %s: %w", dir, err), s.closeFiles(), unlock())
	}
	go s.keepSynced()
	s.wake()
	return s, nil
}

func (s *Spool) open() error {
	names, err := volumeNames(s.dir)
	if err != nil {
		return err
	}
	for i, name := range names {
		v, err := openVolume(filepath.Join(s.dir, name.String()), name, &s.stats, i == len(names)-1)
		if err != nil {
			return err
		}
		s.volumes = append(s.volumes, v)
		s.bytes += v.bytes()
	}
	if err := s.goOn(); err != nil {
		return err
	}
	if err := s.dropDrained(); err != nil {
		return err
	}
	s.stats.Epoch = s.current().name.epoch
	return nil
}

// goOn continues the last epoch, or begins a new one where numbers of the last
// one may have been used that are not on disk.
func (s *Spool) goOn() error {
	boot := bootID()
	if len(s.volumes) > 0 {
		v := s.current()
		l, err := openLedger(v.dir)
		if err != nil {
			return err
		}
		why := v.doubt()
		if why == "" && !l.sameRun(boot) {
			why = "the machine went down"
		}
		if why == "" {
			s.ledger = l
			l.settle(v.nextEvent-1, boot)
			return v.openForWriting()
		}
		if err := l.close(); err != nil {
			return err
		}
		s.log.Warn("a new epoch of event numbers begins", "reason", why, "epoch", hex.EncodeToString(v.name.epoch[:]))
	}
	return s.begin(boot)
}

// begin makes the volume of a new epoch.
func (s *Spool) begin(boot uint64) error {
	name := volumeName{generation: 1}
	if len(s.volumes) > 0 {
		name.generation += s.current().name.generation
	}
	rand.Read(name.epoch[:]) // never fails
	v, err := makeVolume(filepath.Join(s.dir, name.String()), name)
	if err != nil {
		return err
	}
	s.volumes = append(s.volumes, v)
	if s.ledger, err = openLedger(v.dir); err != nil {
		return err
	}
	s.ledger.settle(0, boot)
	return nil
}

// current returns the volume that is written to.
func (s *Spool) current() *volume { return s.volumes[len(s.volumes)-1] }

// Wake returns a channel that holds a token when [Spool.Next] may have a frame
// that it did not have when it was last asked.
func (s *Spool) Wake() <-chan struct{} { return s.ready }

func (s *Spool) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Append numbers the events and writes them, in one frame or, where they are
// too many, in several. They are in the page cache when it returns, and safe
// from the end of this process. It returns how many events were dropped, which
// the ledger has counted, and the first reason: [ErrFull], [wire.ErrOversized],
// or what the disk said. The events are not kept.
func (s *Spool) Append(events []*event.Event) (dropped int, err error) {
	s.appending.Lock()
	defer s.appending.Unlock()
	for part := range slices.Chunk(events, wire.MaxEvents) {
		n, partErr := s.appendPart(part)
		dropped += n
		if err == nil {
			err = partErr
		}
	}
	return dropped, err
}

// appendPart writes one frame, or halves where they are too large for one.
func (s *Spool) appendPart(events []*event.Event) (dropped int, err error) {
	h, err := s.nextHeader()
	if err != nil {
		return s.drop(events, reasonOf(err)), err
	}
	frame, err := s.encoder.AppendFrame(s.buffer[:0], h, events)
	s.buffer = frame[:0]
	switch {
	case errors.Is(err, wire.ErrOversized) && len(events) > 1:
		half := len(events) / 2
		n, err := s.appendPart(events[:half])
		m, err2 := s.appendPart(events[half:])
		if err == nil {
			err = err2
		}
		return n + m, err
	case errors.Is(err, wire.ErrOversized):
		return s.drop(events, fleet.Oversized), err
	case err == nil:
		err = s.write(frame, len(events))
	}
	if err != nil {
		return s.drop(events, reasonOf(err)), err
	}
	s.wake()
	return 0, nil
}

func reasonOf(err error) fleet.Reason {
	if errors.Is(err, ErrFull) {
		return fleet.SpoolFull
	}
	return fleet.SpoolFailed
}

func (s *Spool) drop(events []*event.Event, why fleet.Reason) int {
	s.ledger.AddDropped(why, uint64(len(events)))
	return len(events)
}

// nextHeader returns the header of the frame to come. Only Append uses it up.
func (s *Spool) nextHeader() (wire.Header, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return wire.Header{}, ErrClosed
	case s.full:
		return wire.Header{}, ErrFull
	}
	v := s.current()
	return wire.Header{Epoch: v.name.epoch, Sequence: v.next, First: v.nextEvent, Made: time.Now()}, nil
}

// write puts a frame on disk, or leaves the spool as it was.
func (s *Spool) write(frame []byte, events int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.bytes+int64(len(frame)) > s.opts.Limit {
		s.full = true
		return ErrFull
	}
	v := s.current()
	if last := v.last(); last.size > 0 && last.size+int64(len(frame)) > s.opts.SegmentBytes {
		file, err := v.rotate()
		if err != nil {
			return fmt.Errorf("begin a segment of the spool: %w", err)
		}
		s.retired = append(s.retired, file)
		s.dirty = true
	}
	if err := v.write(frame); err != nil {
		return fmt.Errorf("write to the spool: %w", err)
	}
	v.next++
	v.nextEvent += uint64(events)
	s.bytes += int64(len(frame))
	s.dirty = true
	return nil
}

// Next returns the first frame with a sequence number above after that is not
// acknowledged; the frame is the caller's to keep. It reports false when there
// is none, or when the disk cannot be read now, which is logged and counted.
//
// Frames of an epoch are handed out only when all of the epoch before are
// acknowledged. Their numbers begin with 1 again: then, and only then, the
// sequence number is not above after.
func (s *Spool) Next(after uint64) (sequence uint64, frame []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, nil, false
	}
	h, frame, err := s.next(after)
	if err != nil {
		s.stats.ReadFailures++
		s.log.Error("spool cannot be read", "error", err)
	}
	return h.sequence, frame, err == nil && frame != nil
}

func (s *Spool) next(after uint64) (handed, []byte, error) {
	if err := s.dropDrained(); err != nil {
		return handed{}, nil, err
	}
	v := s.volumes[0]
	if after > v.furthest() {
		after = 0
	}
	h, frame, err := v.frameAfter(after, &s.stats)
	if err == nil && frame == nil && len(s.volumes) > 1 { // what was left of this epoch is damaged
		if err = s.dropDrained(); err == nil && s.volumes[0] != v {
			return s.volumes[0].frameAfter(0, &s.stats)
		}
	}
	return h, frame, err
}

// Ack forgets the frames up to and including one that was handed out: the
// server has them, or will never take them. Any other number changes nothing.
func (s *Spool) Ack(sequence uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.volumes[0]
	if s.closed || !v.ack(sequence) {
		return nil
	}
	freed, err := v.removeAcked()
	if freed > 0 {
		s.bytes -= freed
		s.full = false
	}
	return errors.Join(err, v.saveAcked(), s.dropDrained())
}

// dropDrained removes epochs that ended and were acknowledged.
func (s *Spool) dropDrained() error {
	for len(s.volumes) > 1 {
		v := s.volumes[0]
		if drained, err := v.drained(&s.stats); err != nil || !drained {
			return err
		}
		if err := v.remove(); err != nil {
			return fmt.Errorf("remove an epoch of the spool: %w", err)
		}
		s.bytes -= v.bytes()
		s.full = false
		s.volumes = s.volumes[1:]
		s.wake()
	}
	return nil
}

// Stats may be called at any time.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Bytes, stats.Limit = s.bytes, s.opts.Limit
	return stats
}

// keepSynced writes to disk what was appended, until Close.
func (s *Spool) keepSynced() {
	defer close(s.synced)
	tick := time.NewTicker(s.opts.SyncInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			if err := s.sync(); err != nil {
				s.log.Error("spool cannot be synced", "error", err)
			}
		}
	}
}

func (s *Spool) sync() error {
	s.mu.Lock()
	file, retired, dirty := s.current().file, s.retired, s.dirty
	s.retired, s.dirty = nil, false
	s.mu.Unlock()
	if !dirty {
		return nil
	}
	var err error
	for _, f := range retired {
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err = errors.Join(err, file.Sync()); err != nil {
		s.mu.Lock()
		s.stats.SyncFailures++
		s.mu.Unlock()
	}
	return err
}

// Close syncs and closes the spool. Later calls do nothing.
func (s *Spool) Close() error {
	s.appending.Lock()
	defer s.appending.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	<-s.synced
	err := s.sync()
	if err == nil {
		s.ledger.markClean()
	}
	if err := errors.Join(err, s.closeFiles(), s.ledger.close(), s.unlock()); err != nil {
		return fmt.Errorf("close the spool: %w", err)
	}
	return nil
}

func (s *Spool) closeFiles() error {
	var err error
	for _, v := range s.volumes {
		err = errors.Join(err, v.close())
	}
	return err
}
