package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// HeaderSize is the bytes of a frame before its payload. All numbers are
// big-endian:
//
//	 0  4  "hfev"
//	 4  1  protocol version, [Version]
//	 5  1  encoding of the payload: 1 is CBOR in zstd
//	 6  2  zero
//	 8  8  epoch
//	16  8  sequence
//	24  8  first
//	32  8  made, milliseconds since 1970, signed
//	40  4  count
//	44  4  bytes of the content, before compression
//	48  4  bytes of the payload, which follows the header and ends the frame
//	52  4  CRC-32C of bytes 4 to 52 and the payload
const HeaderSize = 56

// Magic is how every frame begins.
const Magic = "hfev"

const (
	checkedFrom  = len(Magic)
	encodingCBOR = 1
	checksumAt   = HeaderSize - 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ParseHeader returns the header of a frame after checking everything that can
// be checked without unpacking it: size, magic, version, checksum, and that
// the numbers are possible. frame is the whole frame and nothing else. Errors
// wrap [ErrMalformed], [ErrOversized] or [ErrVersion].
func ParseHeader(frame []byte) (Header, error) {
	h, _, err := parseHeader(frame)
	return h, err
}

// parseHeader also returns how many bytes of content the payload holds.
func parseHeader(frame []byte) (h Header, content int, err error) {
	switch {
	case len(frame) > MaxFrame:
		return h, 0, fmt.Errorf("frame of %d bytes: %w: at most %d", len(frame), ErrOversized, MaxFrame)
	case len(frame) < HeaderSize:
		return h, 0, fmt.Errorf("frame of %d bytes: %w: shorter than its header", len(frame), ErrMalformed)
	case string(frame[:len(Magic)]) != Magic:
		return h, 0, fmt.Errorf("frame: %w: does not begin with %q", ErrMalformed, Magic)
	case frame[4] != Version:
		return h, 0, fmt.Errorf("frame of protocol version %d: %w: this side speaks %d", frame[4], ErrVersion, Version)
	case frame[5] != encodingCBOR || frame[6] != 0 || frame[7] != 0:
		return h, 0, fmt.Errorf("frame: %w: unknown encoding %d", ErrMalformed, frame[5])
	case int64(binary.BigEndian.Uint32(frame[48:])) != int64(len(frame)-HeaderSize):
		return h, 0, fmt.Errorf("frame of %d bytes: %w: its header tells another size", len(frame), ErrMalformed)
	case binary.BigEndian.Uint32(frame[checksumAt:]) != checksum(frame):
		return h, 0, fmt.Errorf("frame: %w: checksum does not match", ErrMalformed)
	}
	size := binary.BigEndian.Uint32(frame[44:])
	if size > MaxContent {
		return h, 0, fmt.Errorf("frame with content of %d bytes: %w: at most %d", size, ErrOversized, MaxContent)
	}
	h = Header{
		Epoch:    Epoch(frame[8:16]),
		Sequence: binary.BigEndian.Uint64(frame[16:]),
		First:    binary.BigEndian.Uint64(frame[24:]),
		Count:    binary.BigEndian.Uint32(frame[40:]),
		Made:     time.UnixMilli(int64(binary.BigEndian.Uint64(frame[32:]))).UTC(),
	}
	return h, int(size), h.check()
}

// FrameSize returns the bytes of the frame that begins with start, which holds
// at least [HeaderSize] bytes. It believes the header: [ParseHeader] of the
// whole frame tells whether that was right. It is for readers of files in which
// frames follow each other.
func FrameSize(start []byte) (int, error) {
	if len(start) < HeaderSize || string(start[:len(Magic)]) != Magic {
		return 0, fmt.Errorf("frame: %w: does not begin with a header", ErrMalformed)
	}
	payload := binary.BigEndian.Uint32(start[48:])
	if payload > MaxFrame-HeaderSize {
		return 0, fmt.Errorf("frame with a payload of %d bytes: %w: at most %d in all", payload, ErrOversized, MaxFrame)
	}
	return HeaderSize + int(payload), nil
}

// check reports numbers that no agent gives.
func (h Header) check() error {
	switch {
	case h.Sequence == 0 || h.First == 0 || h.Count == 0:
		return fmt.Errorf("frame header: %w: sequence, first and count begin with 1", ErrMalformed)
	case h.Count > MaxEvents:
		return fmt.Errorf("frame of %d events: %w: at most %d", h.Count, ErrOversized, MaxEvents)
	case h.First < h.Sequence || h.First+uint64(h.Count) < h.First:
		return fmt.Errorf("frame header: %w: sequence %d cannot begin with event %d", ErrMalformed, h.Sequence, h.First)
	}
	return nil
}

// putHeader fills the first [HeaderSize] bytes of a frame whose payload is in
// place.
func putHeader(frame []byte, h Header, content int) {
	copy(frame, Magic)
	frame[4], frame[5], frame[6], frame[7] = Version, encodingCBOR, 0, 0
	copy(frame[8:16], h.Epoch[:])
	binary.BigEndian.PutUint64(frame[16:], h.Sequence)
	binary.BigEndian.PutUint64(frame[24:], h.First)
	binary.BigEndian.PutUint64(frame[32:], uint64(h.Made.UnixMilli()))
	binary.BigEndian.PutUint32(frame[40:], h.Count)
	binary.BigEndian.PutUint32(frame[44:], uint32(content))
	binary.BigEndian.PutUint32(frame[48:], uint32(len(frame)-HeaderSize))
	binary.BigEndian.PutUint32(frame[checksumAt:], checksum(frame))
}

func checksum(frame []byte) uint32 {
	sum := crc32.Update(0, castagnoli, frame[checkedFrom:checksumAt])
	return crc32.Update(sum, castagnoli, frame[HeaderSize:])
}
