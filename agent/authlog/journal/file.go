package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Layout of the file header, struct Header of journal-def.h.
const (
	signature       = "LPKSHHRH"
	offIncompatible = 12
	offState        = 16
	offFileID       = 24
	offSeqnumID     = 72
	offHeaderSize   = 88
	offArenaSize    = 96
	offEntries      = 152
	offTailSeqnum   = 160
	offHeadSeqnum   = 168
	offEntryArray   = 176
	headerLen       = 208 // of the first version; newer files have more
)

// Incompatible flags: a reader has to know each (journal-def.h).
const (
	flagXZ      = 1 << 0
	flagLZ4     = 1 << 1
	flagKeyed   = 1 << 2
	flagZstd    = 1 << 3
	flagCompact = 1 << 4
	flagsKnown  = flagXZ | flagLZ4 | flagKeyed | flagZstd | flagCompact
)

// Object types and flags.
const (
	objectData       = 1
	objectEntry      = 3
	objectEntryArray = 6

	compressedXZ   = 1 << 0
	compressedLZ4  = 1 << 1
	compressedZstd = 1 << 2

	objectHeaderLen = 16
	entryLen        = 64 // of an entry without items
	arrayLen        = 24 // of an entry array without items
	dataLen         = 64 // of a data object without payload; compact has 8 bytes more
)

// stateArchived is the state of a file that nobody writes to any more.
const stateArchived = 2

// maxObject bounds what is read of one object. Entries have some tens of
// items; journald allows 1024 fields.
const maxObject = 64 << 10

var (
	// ErrNotJournal is returned for a file that is no journal, or whose
	// header asks for features that this package does not know.
	ErrNotJournal = errors.New("not a journal file that can be read")
	// ErrCorrupt is returned where offsets or lengths in a file do not fit
	// together. Reading cannot go on in that file.
	ErrCorrupt = errors.New("journal file is damaged")
)

// Header is the part of a file's header that changes while it is written, and
// its identity.
type Header struct {
	FileID     [16]byte
	SeqnumID   [16]byte // sequence numbers of files with the same id are one sequence
	Archived   bool     // nothing will be added
	Entries    uint64
	HeadSeqnum uint64 // of the first entry; zero when there is none
	TailSeqnum uint64 // of the last entry; zero when there is none
	firstArray uint64
	end        uint64 // offset behind the last object
	compact    bool
}

// ReadHeader reads the header of a journal file.
func ReadHeader(r io.ReaderAt) (Header, error) {
	var b [headerLen]byte
	if _, err := r.ReadAt(b[:], 0); err != nil {
		if errors.Is(err, io.EOF) {
			return Header{}, fmt.Errorf("%w: shorter than a header", ErrNotJournal)
		}
		return Header{}, fmt.Errorf("read journal header: %w", err)
	}
	if string(b[:8]) != signature {
		return Header{}, fmt.Errorf("%w: wrong signature", ErrNotJournal)
	}
	flags := binary.LittleEndian.Uint32(b[offIncompatible:])
	if unknown := flags &^ flagsKnown; unknown != 0 {
		return Header{}, fmt.Errorf("%w: unknown incompatible flags %#x", ErrNotJournal, unknown)
	}
	u64 := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
	h := Header{
		Archived: b[offState] == stateArchived, Entries: u64(offEntries),
		HeadSeqnum: u64(offHeadSeqnum), TailSeqnum: u64(offTailSeqnum), firstArray: u64(offEntryArray),
		compact: flags&flagCompact != 0,
	}
	copy(h.FileID[:], b[offFileID:])
	copy(h.SeqnumID[:], b[offSeqnumID:])
	size, arena := u64(offHeaderSize), u64(offArenaSize)
	if size < headerLen || size > 1<<20 || arena > 1<<62 {
		return Header{}, fmt.Errorf("%w: header of %d bytes, arena of %d", ErrCorrupt, size, arena)
	}
	h.end = size + arena
	return h, nil
}

// object reads the object at off, at most limit bytes of it, and checks its
// type. The returned size is that of the whole object.
func (r *Reader) object(off uint64, typ byte, least, limit int) (b []byte, size uint64, err error) {
	if off < headerLen || off%8 != 0 || off > r.head.end {
		return nil, 0, fmt.Errorf("%w: object at offset %d", ErrCorrupt, off)
	}
	n, err := r.r.ReadAt(r.buf[:min(limit, len(r.buf))], int64(off))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, fmt.Errorf("read journal object at offset %d: %w", off, err)
	}
	if n < least {
		return nil, 0, fmt.Errorf("%w: object at offset %d is cut short", ErrCorrupt, off)
	}
	b = r.buf[:n]
	size = binary.LittleEndian.Uint64(b[8:])
	if b[0] != typ || size < uint64(least) || size > 1<<40 {
		return nil, 0, fmt.Errorf("%w: object at offset %d has type %d and %d bytes", ErrCorrupt, off, b[0], size)
	}
	return b[:min(uint64(n), size)], size, nil
}
