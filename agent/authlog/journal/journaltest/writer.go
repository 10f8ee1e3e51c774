// Package journaltest writes small journal files for tests: header, entries,
// data objects and entry arrays as journald links them, without the hash
// tables that a reader of this project does not use.
package journaltest

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

const (
	headerLen = 272
	arrayRoom = 4 // items of an entry array; small, so that tests cross arrays
)

// Writer appends entries to a journal file of the regular or compact layout.
// It belongs to one goroutine.
type Writer struct {
	f       *os.File
	compact bool
	end     int64
	seqnum  uint64
	entries uint64
	array   int64 // present entry array, zero before the first
	used    uint64
	data    map[string]int64
}

// Create makes a journal file whose first entry gets sequence number first.
func Create(path string, compact bool, first uint64) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	w := &Writer{f: f, compact: compact, end: headerLen, seqnum: first, data: make(map[string]int64)}
	head := make([]byte, headerLen)
	copy(head, "LPKSHHRH")
	if compact {
		head[12] = 1 << 4
	}
	head[16] = 1 // online
	copy(head[24:], fmt.Sprintf("file-id-%08d", first))
	copy(head[72:], "seqnum-id-of-all")
	binary.LittleEndian.PutUint64(head[88:], headerLen)
	return w, w.write(head, 0)
}

// Append adds an entry with the given fields, each NAME=value.
func (w *Writer) Append(at time.Time, fields ...string) error {
	items := make([]int64, 0, len(fields))
	for _, field := range fields {
		off, err := w.field(field)
		if err != nil {
			return err
		}
		items = append(items, off)
	}
	body := make([]byte, 48, 48+16*len(items))
	binary.LittleEndian.PutUint64(body, w.seqnum)
	binary.LittleEndian.PutUint64(body[8:], uint64(at.UnixMicro()))
	for _, off := range items {
		body = w.appendItem(body, off, true)
	}
	entry, err := w.object(3, body)
	if err != nil {
		return err
	}
	if err := w.link(entry); err != nil {
		return err
	}
	w.entries++
	if err := w.put64(152, w.entries); err != nil {
		return err
	}
	if w.entries == 1 {
		if err := w.put64(168, w.seqnum); err != nil {
			return err
		}
	}
	err = w.put64(160, w.seqnum)
	w.seqnum++
	return err
}

// Close marks the file as archived, as journald does when it rotates, and
// closes it.
func (w *Writer) Close() error {
	if err := w.write([]byte{2}, 16); err != nil {
		return err
	}
	return w.f.Close()
}

// Next is the sequence number of the next entry.
func (w *Writer) Next() uint64 { return w.seqnum }

// field writes a data object, once for each value.
func (w *Writer) field(field string) (int64, error) {
	if off, ok := w.data[field]; ok {
		return off, nil
	}
	pad := 48
	if w.compact {
		pad += 8
	}
	off, err := w.object(1, append(make([]byte, pad), field...))
	w.data[field] = off
	return off, err
}

// link puts an entry into the present array, or into a new one behind it.
func (w *Writer) link(entry int64) error {
	width := int64(8)
	if w.compact {
		width = 4
	}
	if w.array == 0 || w.used == arrayRoom {
		array, err := w.object(6, make([]byte, 8+arrayRoom*width))
		if err != nil {
			return err
		}
		at := int64(176)
		if w.array != 0 {
			at = w.array + 16
		}
		if err := w.put64(at, uint64(array)); err != nil {
			return err
		}
		w.array, w.used = array, 0
	}
	at := w.array + 24 + int64(w.used)*width
	w.used++
	return w.write(w.appendItem(nil, entry, false), at)
}

// appendItem appends a reference as entries and arrays hold it; those of
// regular entries carry a hash too.
func (w *Writer) appendItem(b []byte, off int64, hash bool) []byte {
	if w.compact {
		return binary.LittleEndian.AppendUint32(b, uint32(off))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(off))
	if hash {
		b = binary.LittleEndian.AppendUint64(b, 0)
	}
	return b
}

// object writes an object at the end of the file, aligned to eight bytes.
func (w *Writer) object(typ byte, body []byte) (int64, error) {
	off := w.end
	b := make([]byte, 16, 16+len(body)+8)
	b[0] = typ
	binary.LittleEndian.PutUint64(b[8:], uint64(16+len(body)))
	b = append(b, body...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	if err := w.write(b, off); err != nil {
		return 0, err
	}
	w.end += int64(len(b))
	return off, w.put64(96, uint64(w.end-headerLen))
}

func (w *Writer) put64(at int64, v uint64) error {
	return w.write(binary.LittleEndian.AppendUint64(nil, v), at)
}

func (w *Writer) write(b []byte, at int64) error {
	_, err := w.f.WriteAt(b, at)
	return err
}
