package spool

import (
	"bytes"
	"io"
	"os"

	"github.com/holdfast-security/holdfast/wire"
)

// walker reads the frames of a segment one after the other.
type walker struct {
	segment *segment
	epoch   wire.Epoch
	file    *os.File
	offset  int64 // behind the last frame that was found
}

// found is a frame in a segment.
type found struct {
	header wire.Header
	offset int64
	data   []byte
}

func openWalker(s *segment, epoch wire.Epoch) (*walker, error) {
	file, err := os.OpenFile(s.path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, err
	}
	return &walker{segment: s, epoch: epoch, file: file}, nil
}

func (w *walker) close() { w.file.Close() }

// find returns the next whole frame whose sequence number is at least the given
// one, passing over what is damaged, and io.EOF where there is none.
func (w *walker) find(sequence uint64) (*found, error) {
	if w.offset >= w.segment.size {
		return nil, io.EOF
	}
	f, err := w.read(w.offset, sequence)
	if err != nil {
		return nil, err
	}
	if f == nil {
		if f, err = w.search(sequence); err != nil {
			return nil, err
		}
	}
	w.offset = f.offset + int64(len(f.data))
	return f, nil
}

// read returns the frame at an offset, or nil when there is no whole one.
func (w *walker) read(offset int64, sequence uint64) (*found, error) {
	var start [wire.HeaderSize]byte
	if offset+wire.HeaderSize > w.segment.size {
		return nil, nil
	}
	if _, err := w.file.ReadAt(start[:], offset); err != nil {
		return nil, err
	}
	size, err := wire.FrameSize(start[:])
	if err != nil || offset+int64(size) > w.segment.size {
		return nil, nil //nolint:nilerr // it is damaged, which is no error of reading
	}
	data := make([]byte, size)
	if _, err := w.file.ReadAt(data, offset); err != nil {
		return nil, err
	}
	return w.accept(data, offset, sequence), nil
}

func (w *walker) accept(data []byte, offset int64, sequence uint64) *found {
	h, err := wire.ParseHeader(data)
	if err != nil || h.Epoch != w.epoch || h.Sequence < sequence || h.First < w.segment.first {
		return nil
	}
	return &found{header: h, offset: offset, data: data}
}

// search looks for a whole frame anywhere behind the offset. It reads the rest
// of the segment into memory; that is rare.
func (w *walker) search(sequence uint64) (*found, error) {
	rest := make([]byte, w.segment.size-w.offset)
	if _, err := w.file.ReadAt(rest, w.offset); err != nil {
		return nil, err
	}
	for at := 1; at < len(rest); at++ {
		next := bytes.Index(rest[at:], []byte(wire.Magic))
		if next < 0 {
			break
		}
		at += next
		size, err := wire.FrameSize(rest[at:])
		if err != nil || size > len(rest)-at {
			continue
		}
		if f := w.accept(bytes.Clone(rest[at:at+size]), w.offset+int64(at), sequence); f != nil {
			return f, nil
		}
	}
	return nil, io.EOF
}

// cutShort reports whether what lies behind the last frame is the beginning of
// one: what a write leaves when it is interrupted, before anybody has seen the
// frame.
func (w *walker) cutShort() bool {
	rest := w.segment.size - w.offset
	if rest < wire.HeaderSize {
		return true
	}
	var start [wire.HeaderSize]byte
	if _, err := w.file.ReadAt(start[:], w.offset); err != nil {
		return false
	}
	size, err := wire.FrameSize(start[:])
	return err == nil && int64(size) > rest
}
