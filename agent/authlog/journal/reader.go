package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxField bounds a field's value; a longer one is cut.
	maxField = 8 << 10
	// maxItems bounds the fields of an entry that are looked at; journald
	// writes fewer (DATA_FIELDS_MAX is 1024).
	maxItems = 1024
	// maxCached bounds the data objects remembered. Most fields of an entry,
	// such as the unit and the command line, are shared with others.
	maxCached = 4096
	// firstRead is how much of a data object is read at once; more only when
	// its field is wanted.
	firstRead = 256
)

// Entry is one entry of the journal, with the fields that tell who logged what.
// Fields that begin with an underscore in the journal are journald's own word
// and cannot be forged by the program that logs: Comm, Exe, UID, TrustedPID,
// Host, Transport. Strings are the entry's own.
type Entry struct {
	Time       time.Time // when journald received it, UTC
	Seqnum     uint64
	Message    string
	Identifier string // SYSLOG_IDENTIFIER: what the program calls itself
	PID        uint32 // SYSLOG_PID, or the trusted pid
	TrustedPID uint32 // _PID; zero when unknown
	UID        uint32 // _UID; valid when HasUID
	HasUID     bool
	Comm       string // _COMM
	Exe        string // _EXE
	Host       string // _HOSTNAME
	Transport  string // _TRANSPORT: "syslog", "journal", "kernel", "audit" …
}

// Stats count what could not be used.
type Stats struct {
	Compressed uint64 // fields left out because LZ4 or XZ packs them
	Damaged    uint64 // fields left out because they do not unpack or hold no "="
}

// Reader reads the entries of one journal file in order. It belongs to one
// goroutine.
type Reader struct {
	r     io.ReaderAt
	head  Header
	stats Stats

	array    uint64 // offset of the present entry array, zero before the first
	capacity uint64 // items it has room for
	index    uint64 // of the next item in it
	passed   uint64 // entries before the next one

	buf    []byte
	items  []uint64
	cache  map[uint64]cached
	unpack *zstd.Decoder
}

// cached is a data object: which field it is, and the value of a wanted one.
type cached struct {
	field fieldID
	value string
}

// NewReader reads the header of r and places the reader before the first
// entry. The file may grow meanwhile.
func NewReader(r io.ReaderAt) (*Reader, error) {
	head, err := ReadHeader(r)
	if err != nil {
		return nil, err
	}
	return &Reader{r: r, head: head, buf: make([]byte, maxObject), cache: make(map[uint64]cached)}, nil
}

// Header returns the header as of the latest read.
func (r *Reader) Header() Header { return r.head }

// Stats returns the counts so far.
func (r *Reader) Stats() Stats { return r.stats }

// Next reads the next entry into e. It returns io.EOF when there is none now;
// more may come unless the file is archived. After an error wrapping
// [ErrCorrupt] the reader cannot go on.
func (r *Reader) Next(e *Entry) error {
	off, err := r.advance()
	if err != nil {
		return err
	}
	return r.entry(off, e)
}

// SeekEnd places the reader behind the last entry.
func (r *Reader) SeekEnd() error {
	for {
		if _, err := r.advance(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		r.skipArray()
	}
}

// SeekAfter places the reader behind the entry with the given sequence number
// and all before it.
func (r *Reader) SeekAfter(seqnum uint64) error {
	for {
		off, err := r.advance()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b, _, err := r.object(off, objectEntry, entryLen, entryLen)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint64(b[16:]) > seqnum {
			r.index--
			r.passed--
			return nil
		}
	}
}

// advance returns the offset of the next entry and moves behind it.
func (r *Reader) advance() (uint64, error) {
	if r.passed >= r.head.Entries {
		if err := r.refresh(); err != nil {
			return 0, err
		}
		if r.passed >= r.head.Entries {
			return 0, io.EOF
		}
	}
	if r.array == 0 || r.index >= r.capacity {
		if err := r.nextArray(); err != nil {
			return 0, err
		}
	}
	width := r.itemWidth()
	var b [8]byte
	if _, err := r.r.ReadAt(b[:width], int64(r.array+arrayLen+r.index*width)); err != nil {
		return 0, fmt.Errorf("read entry array at offset %d: %w", r.array, readError(err))
	}
	off := binary.LittleEndian.Uint64(b[:])
	if off == 0 {
		return 0, io.EOF // counted, but not linked yet
	}
	r.index++
	r.passed++
	return off, nil
}

// skipArray moves to the last entry of the present array that the header
// counts.
func (r *Reader) skipArray() {
	rest := min(r.capacity-r.index, r.head.Entries-r.passed)
	if rest > 1 {
		r.index += rest - 1
		r.passed += rest - 1
	}
}

// refresh reads the header again.
func (r *Reader) refresh() error {
	head, err := ReadHeader(r.r)
	if err != nil {
		return err
	}
	if head.FileID != r.head.FileID {
		return fmt.Errorf("%w: another file was written over it", ErrCorrupt)
	}
	r.head = head
	return nil
}

// nextArray follows the chain of entry arrays. A later array lies behind the
// earlier ones, which keeps the walk finite.
func (r *Reader) nextArray() error {
	next := r.head.firstArray
	if r.array != 0 {
		b, _, err := r.object(r.array, objectEntryArray, arrayLen, arrayLen)
		if err != nil {
			return err
		}
		next = binary.LittleEndian.Uint64(b[16:])
	}
	if next == 0 {
		return io.EOF // counted, but not linked yet
	}
	if next <= r.array {
		return fmt.Errorf("%w: entry array at %d is followed by one at %d", ErrCorrupt, r.array, next)
	}
	_, size, err := r.object(next, objectEntryArray, arrayLen, arrayLen)
	if err != nil {
		return err
	}
	capacity := (size - arrayLen) / r.itemWidth()
	if capacity == 0 {
		return fmt.Errorf("%w: empty entry array at offset %d", ErrCorrupt, next)
	}
	r.array, r.capacity, r.index = next, capacity, 0
	return nil
}

func (r *Reader) itemWidth() uint64 {
	if r.head.compact {
		return 4
	}
	return 8
}

// entry reads the entry at off with its data objects.
func (r *Reader) entry(off uint64, e *Entry) error {
	b, _, err := r.object(off, objectEntry, entryLen, maxObject)
	if err != nil {
		return err
	}
	*e = Entry{
		Seqnum: binary.LittleEndian.Uint64(b[16:]),
		Time:   time.UnixMicro(int64(binary.LittleEndian.Uint64(b[24:]) & (1<<62 - 1))).UTC(),
	}
	r.items = r.items[:0]
	for b = b[entryLen:]; len(r.items) < maxItems; {
		if r.head.compact && len(b) >= 4 {
			r.items, b = append(r.items, uint64(binary.LittleEndian.Uint32(b))), b[4:]
		} else if !r.head.compact && len(b) >= 16 {
			r.items, b = append(r.items, binary.LittleEndian.Uint64(b)), b[16:]
		} else {
			break
		}
	}
	for _, item := range r.items {
		if item == 0 {
			continue
		}
		d, err := r.data(item)
		if err != nil {
			return err
		}
		e.set(d.field, d.value)
	}
	if e.PID == 0 {
		e.PID = e.TrustedPID
	}
	return nil
}

// data reads a data object, from the cache where it is known.
func (r *Reader) data(off uint64) (cached, error) {
	if d, ok := r.cache[off]; ok {
		return d, nil
	}
	head := dataLen
	if r.head.compact {
		head += 8
	}
	b, size, err := r.object(off, objectData, head, firstRead)
	if err != nil {
		return cached{}, err
	}
	if flags := b[1]; flags&(compressedXZ|compressedLZ4|compressedZstd) == 0 && !wanted(b[head:]) {
		return r.remember(off, cached{}), nil
	}
	if size > uint64(len(b)) {
		if b, _, err = r.object(off, objectData, head, maxObject); err != nil {
			return cached{}, err
		}
	}
	payload, ok := r.payload(b[1], b[head:])
	if !ok {
		return r.remember(off, cached{}), nil
	}
	name, value, found := bytes.Cut(payload, []byte("="))
	if !found {
		r.stats.Damaged++
		return r.remember(off, cached{}), nil
	}
	field := fieldOf(name)
	if field == fieldNone {
		return r.remember(off, cached{}), nil
	}
	return r.remember(off, cached{field, string(value[:min(len(value), maxField)])}), nil
}

// remember caches all but messages, which are rarely shared.
func (r *Reader) remember(off uint64, d cached) cached {
	if d.field == fieldMessage {
		return d
	}
	if len(r.cache) >= maxCached {
		clear(r.cache)
	}
	r.cache[off] = d
	return d
}

// payload unpacks what a data object holds.
func (r *Reader) payload(flags byte, b []byte) ([]byte, bool) {
	switch {
	case flags&compressedZstd != 0:
		if r.unpack == nil {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<20))
			if err != nil {
				r.stats.Damaged++
				return nil, false
			}
			r.unpack = d
		}
		out, err := r.unpack.DecodeAll(b, nil)
		if err != nil {
			r.stats.Damaged++
			return nil, false
		}
		return out, true
	case flags&(compressedXZ|compressedLZ4) != 0:
		r.stats.Compressed++
		return nil, false
	}
	return b, true
}

// fieldID names a field that an [Entry] keeps.
type fieldID uint8

const (
	fieldNone fieldID = iota
	fieldMessage
	fieldIdentifier
	fieldSyslogPID
	fieldPID
	fieldUID
	fieldComm
	fieldExe
	fieldHost
	fieldTransport
)

// fieldOf knows the names of systemd.journal-fields(7).
func fieldOf(name []byte) fieldID {
	switch string(name) {
	case "MESSAGE":
		return fieldMessage
	case "SYSLOG_IDENTIFIER":
		return fieldIdentifier
	case "SYSLOG_PID":
		return fieldSyslogPID
	case "_PID":
		return fieldPID
	case "_UID":
		return fieldUID
	case "_COMM":
		return fieldComm
	case "_EXE":
		return fieldExe
	case "_HOSTNAME":
		return fieldHost
	case "_TRANSPORT":
		return fieldTransport
	}
	return fieldNone
}

// wanted reports whether an uncompressed payload is of a field that is kept.
func wanted(payload []byte) bool {
	name, _, ok := bytes.Cut(payload, []byte("="))
	return ok && fieldOf(name) != fieldNone
}

// set stores a field.
func (e *Entry) set(field fieldID, value string) {
	switch field {
	case fieldMessage:
		e.Message = value
	case fieldIdentifier:
		e.Identifier = value
	case fieldSyslogPID:
		e.PID = number(value)
	case fieldPID:
		e.TrustedPID = number(value)
	case fieldUID:
		n, err := strconv.ParseUint(value, 10, 32)
		e.UID, e.HasUID = uint32(n), err == nil
	case fieldComm:
		e.Comm = value
	case fieldExe:
		e.Exe = value
	case fieldHost:
		e.Host = value
	case fieldTransport:
		e.Transport = value
	}
}

// number reads decimal digits; anything else is zero.
func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

func readError(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrCorrupt
	}
	return err
}
