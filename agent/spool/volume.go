package spool

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/wire"
)

// volumeName is the name of an epoch's directory: its place in the order of
// epochs, and the epoch.
type volumeName struct {
	generation uint64
	epoch      wire.Epoch
}

func (n volumeName) String() string {
	return fmt.Sprintf("%08x-%s", n.generation, hex.EncodeToString(n.epoch[:]))
}

// volumeNames lists the epochs in dir, oldest first. What bears another name
// is not ours.
func volumeNames(dir string) ([]volumeName, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []volumeName
	for _, e := range entries {
		var n volumeName
		var epoch []byte
		_, err := fmt.Sscanf(e.Name(), "%08x-%16x", &n.generation, &epoch)
		if err != nil || len(epoch) != len(n.epoch) {
			continue
		}
		n.epoch = wire.Epoch(epoch)
		if e.IsDir() && n.String() == e.Name() {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b volumeName) int { return strings.Compare(a.String(), b.String()) })
	return names, nil
}

// volume is the frames of one epoch: files in which they follow each other.
// The spool's lock guards it.
type volume struct {
	dir      string
	name     volumeName
	segments []*segment // oldest first, at least one

	file      *os.File // the last segment; nil when it is only read
	torn      bool     // there may be rubbish behind the last whole frame
	uncertain bool     // the end was damaged: numbers may have been used that are not here
	next      uint64   // sequence number of the frame to come
	nextEvent uint64   // and of its first event

	ackFile     *os.File
	acked       uint64 // all frames up to here are acknowledged
	ackedEvents uint64 // the last event in them

	// Frames from acked on that were handed out, in order, and where the
	// reader stands behind them.
	out     []handed
	reading int // index in segments
	reader  *walker
}

// segment is one file.
type segment struct {
	path  string
	base  uint64 // sequence number of its first frame
	first uint64 // number of that frame's first event
	size  int64  // of its whole frames, and of what is damaged between them
}

// handed is a frame that was handed out.
type handed struct {
	sequence uint64
	end      uint64 // number of its last event
	segment  *segment
	offset   int64
	size     int
}

func segmentName(base, first uint64) string { return fmt.Sprintf("%016x-%016x.frames", base, first) }

const ackName = "acked"

// makeVolume makes the directory of a new epoch.
func makeVolume(dir string, name volumeName) (*volume, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return openVolume(dir, name, nil, true)
}

// openVolume reads what is in the directory of an epoch. The last epoch may be
// written to, so its end is looked at closely.
func openVolume(dir string, name volumeName, stats *Stats, last bool) (*volume, error) {
	v := &volume{dir: dir, name: name, next: 1, nextEvent: 1}
	if err := v.listSegments(); err != nil {
		return nil, err
	}
	if len(v.segments) == 0 {
		if err := v.addSegment(); err != nil {
			return nil, err
		}
	}
	if err := v.loadAcked(); err != nil {
		return nil, errors.Join(err, v.close())
	}
	if last {
		if err := v.findEnd(); err != nil {
			return nil, errors.Join(err, v.close())
		}
	}
	if err := v.passAcked(stats); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

func (v *volume) listSegments() error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // in the order of names, which is that of numbers
		s := &segment{path: filepath.Join(v.dir, e.Name())}
		if _, err := fmt.Sscanf(e.Name(), "%016x-%016x.frames", &s.base, &s.first); err != nil || e.Name() != segmentName(s.base, s.first) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if s.size = info.Size(); info.Mode().IsRegular() {
			v.segments = append(v.segments, s)
		}
	}
	return nil
}

// addSegment begins a file for the frame to come.
func (v *volume) addSegment() error {
	s := &segment{path: filepath.Join(v.dir, segmentName(v.next, v.nextEvent)), base: v.next, first: v.nextEvent}
	file, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC|noFollow, 0o600)
	if err != nil {
		return err
	}
	v.file, v.torn = file, false
	v.segments = append(v.segments, s)
	return nil
}

// findEnd finds the numbers that come next, and where the last frame ends.
func (v *volume) findEnd() error {
	last := v.last()
	v.next, v.nextEvent = last.base, last.first
	w, err := openWalker(last, v.name.epoch)
	if err != nil {
		return err
	}
	defer w.close()
	for {
		found, err := w.find(v.next)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		v.next, v.nextEvent = found.header.Sequence+1, found.header.First+uint64(found.header.Count)
	}
	v.torn = w.offset < last.size
	if v.torn && !w.cutShort() {
		v.uncertain = true
	}
	if v.torn && !v.uncertain {
		last.size = w.offset
	}
	return nil
}

// doubt says why no frame may be added, or "".
func (v *volume) doubt() string {
	switch {
	case v.uncertain:
		return "the end of the spool is damaged"
	case v.acked >= v.next:
		return "frames that the server has are missing from the spool"
	}
	return ""
}

func (v *volume) openForWriting() error {
	if v.file != nil {
		return nil
	}
	file, err := os.OpenFile(v.last().path, os.O_RDWR|noFollow, 0o600)
	if err != nil {
		return err
	}
	v.file = file
	return v.trim()
}

// trim cuts off what a write that failed, or was cut short, left behind.
func (v *volume) trim() error {
	if !v.torn {
		return nil
	}
	if err := v.file.Truncate(v.last().size); err != nil {
		return err
	}
	v.torn = false
	return nil
}

func (v *volume) last() *segment { return v.segments[len(v.segments)-1] }

func (v *volume) bytes() int64 {
	var n int64
	for _, s := range v.segments {
		n += s.size
	}
	return n
}

// write appends a frame to the last segment. After an error nothing of it
// counts.
func (v *volume) write(frame []byte) error {
	if err := v.trim(); err != nil {
		return err
	}
	last := v.last()
	if _, err := v.file.WriteAt(frame, last.size); err != nil {
		v.torn = true
		return errors.Join(err, v.trim())
	}
	last.size += int64(len(frame))
	return nil
}

// rotate begins a new segment and returns the file of the one before, which is
// to be synced and closed.
func (v *volume) rotate() (*os.File, error) {
	if err := v.trim(); err != nil {
		return nil, err
	}
	before := v.file
	if err := v.addSegment(); err != nil {
		return nil, err
	}
	return before, nil
}

// furthest returns the last frame that was handed out or is acknowledged.
func (v *volume) furthest() uint64 {
	sequence, _ := v.expected()
	return sequence - 1
}

// frameAfter returns the first frame behind a sequence number, nil when there
// is none.
func (v *volume) frameAfter(after uint64, stats *Stats) (handed, []byte, error) {
	i, _ := slices.BinarySearchFunc(v.out, after+1, bySequence)
	if i < len(v.out) {
		frame, err := v.reread(v.out[i])
		return v.out[i], frame, err
	}
	found, err := v.advance(stats)
	if err != nil || found == nil {
		return handed{}, nil, err
	}
	return v.out[len(v.out)-1], found.data, nil
}

func bySequence(h handed, sequence uint64) int { return cmp.Compare(h.sequence, sequence) }

// reread reads a frame that was handed out before.
func (v *volume) reread(h handed) ([]byte, error) {
	file, err := os.OpenFile(h.segment.path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := make([]byte, h.size)
	_, err = file.ReadAt(data, h.offset)
	return data, err
}

// advance reads the next frame and notes it as handed out; nil when there is
// none.
func (v *volume) advance(stats *Stats) (*found, error) {
	for {
		if v.reader == nil {
			w, err := openWalker(v.segments[v.reading], v.name.epoch)
			if err != nil {
				return nil, err
			}
			v.reader = w
		}
		sequence, next := v.expected()
		found, err := v.reader.find(sequence)
		if err == nil {
			stats.damaged(found.header.Sequence-sequence, found.header.First-next)
			v.out = append(v.out, handed{
				sequence: found.header.Sequence, end: found.header.First + uint64(found.header.Count) - 1,
				segment: v.reader.segment, offset: found.offset, size: len(found.data),
			})
			return found, nil
		}
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		if v.reading == len(v.segments)-1 {
			return nil, nil
		}
		v.closeReader()
		v.reading++
	}
}

// expected returns the numbers of the frame that the reader should find.
func (v *volume) expected() (sequence, event uint64) {
	if n := len(v.out); n > 0 {
		return v.out[n-1].sequence + 1, v.out[n-1].end + 1
	}
	return v.acked + 1, v.ackedEvents + 1
}

func (s *Stats) damaged(frames, events uint64) {
	if s != nil {
		s.DamagedFrames += frames
		s.DamagedEvents += events
	}
}

// ack notes the frames up to one that was handed out as acknowledged, and
// reports whether it was.
func (v *volume) ack(sequence uint64) bool {
	i, ok := slices.BinarySearchFunc(v.out, sequence, bySequence)
	if !ok {
		return false
	}
	v.acked, v.ackedEvents = v.out[i].sequence, v.out[i].end
	v.out = slices.Delete(v.out, 0, i+1)
	return true
}

// removeAcked removes files of which every frame is acknowledged, except the
// last, whose name keeps the numbers.
func (v *volume) removeAcked() (freed int64, err error) {
	for len(v.segments) > 1 && v.segments[1].base <= v.acked+1 {
		if err := os.Remove(v.segments[0].path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return freed, err
		}
		if v.reading == 0 {
			v.closeReader()
		} else {
			v.reading--
		}
		freed += v.segments[0].size
		v.segments = slices.Delete(v.segments, 0, 1)
	}
	return freed, nil
}

// drained reports whether every frame is acknowledged.
func (v *volume) drained(stats *Stats) (bool, error) {
	if len(v.out) > 0 {
		return false, nil
	}
	found, err := v.advance(stats)
	return found == nil, err
}

// passAcked moves the reader behind the frames that were acknowledged before
// the spool was opened.
func (v *volume) passAcked(stats *Stats) error {
	until := v.acked
	oldest := v.segments[0]
	v.acked, v.ackedEvents = oldest.base-1, oldest.first-1
	if until < v.acked { // the note of what is acknowledged is older than the files
		return nil
	}
	for v.acked < until {
		found, err := v.advance(nil)
		if err != nil {
			return err
		}
		if found == nil {
			v.acked = until // nothing is left; doubt sees what that means
			break
		}
		if found.header.Sequence <= until {
			v.ack(found.header.Sequence)
			continue
		}
		// The first that is not acknowledged follows a damaged one: it stays
		// noted as handed out, to be read again.
		v.acked, v.ackedEvents = until, found.header.First-1
		stats.damaged(found.header.Sequence-1-until, 0)
		break
	}
	_, err := v.removeAcked()
	return err
}

func (v *volume) remove() error {
	return errors.Join(v.close(), os.RemoveAll(v.dir))
}

func (v *volume) close() error {
	v.closeReader()
	var err error
	for _, f := range []*os.File{v.file, v.ackFile} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	v.file, v.ackFile = nil, nil
	return err
}

func (v *volume) closeReader() {
	if v.reader != nil {
		v.reader.close()
		v.reader = nil
	}
}

// loadAcked reads up to where the server had everything. A note that does not
// match its checksum counts as none: then frames are sent again.
func (v *volume) loadAcked() error {
	file, err := os.OpenFile(filepath.Join(v.dir, ackName), os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return err
	}
	v.ackFile = file
	var note [12]byte
	if _, err := file.ReadAt(note[:], 0); err == nil && binary.BigEndian.Uint32(note[8:]) == crc32.ChecksumIEEE(note[:8]) {
		v.acked = binary.BigEndian.Uint64(note[:])
	}
	return nil
}

func (v *volume) saveAcked() error {
	var note [12]byte
	binary.BigEndian.PutUint64(note[:], v.acked)
	binary.BigEndian.PutUint32(note[8:], crc32.ChecksumIEEE(note[:8]))
	if _, err := v.ackFile.WriteAt(note[:], 0); err != nil {
		return fmt.Errorf("note what is acknowledged: %w", err)
	}
	return nil
}
