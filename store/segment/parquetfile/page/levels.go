package page

import (
	"encoding/binary"
	"math/bits"
)

// hybrid decodes the run-length and bit-packed encoding of levels and keys,
// https://parquet.apache.org/docs/file-format/data-pages/encodings/, into all
// of dst, and reports whether src has that much.
func hybrid[T byte | int32](dst []T, src []byte, width int) bool {
	for len(dst) > 0 {
		header, n := binary.Uvarint(src)
		if n <= 0 {
			return false
		}
		src = src[n:]
		count, size := header>>1, uint64(width+7)/8
		packed := header&1 == 1
		if packed { // in groups of eight
			if count > uint64(len(dst)) {
				count = uint64(len(dst)+7) / 8 // the rest is of no interest, but may be missing
			}
			size = count * uint64(width)
			count *= 8
		}
		if size > uint64(len(src)) {
			return false
		}
		run := dst[:min(count, uint64(len(dst)))]
		if packed {
			unpack(run, src, width)
		} else {
			fillRun(run, src[:size])
		}
		dst, src = dst[len(run):], src[size:]
	}
	return true
}

func fillRun[T byte | int32](dst []T, src []byte) {
	var word uint32
	for i, b := range src {
		word |= uint32(b) << (8 * i)
	}
	if len(dst) == 0 {
		return
	}
	dst[0] = T(word)
	for n := 1; n < len(dst); n *= 2 { // copying is faster than a loop
		copy(dst[n:], dst[:n])
	}
}

// unpack decodes values of so many bits, at most 32, the lowest first. What is
// behind them in src is read where that is faster, and not used.
func unpack[T byte | int32](dst []T, src []byte, width int) {
	if width == 0 {
		clear(dst)
		return
	}
	mask := uint64(1)<<width - 1
	i, bit := 0, 0
	if width <= 8 { // eight at once
		for ; i+8 <= len(dst); i, bit = i+8, bit+8*width {
			word, group := word64(src[bit/8:]), dst[i:i+8:i+8]
			for j := range group {
				group[j] = T(word & mask)
				word >>= width
			}
		}
	}
	for ; i < len(dst); i++ {
		dst[i] = T(word64(src[bit/8:]) >> (bit % 8) & mask)
		bit += width
	}
}

// word64 returns the first eight bytes as a number, with zeros for what is not
// there.
func word64(src []byte) uint64 {
	if len(src) >= 8 {
		return binary.LittleEndian.Uint64(src)
	}
	var last [8]byte
	copy(last[:], src)
	return binary.LittleEndian.Uint64(last[:])
}

// levels decodes n levels, of which none is above most.
func levels(dst, src []byte, n int, most byte) ([]byte, bool) {
	dst = sized(dst, n)
	if !hybrid(dst, src, bits.Len8(most)) {
		return dst, false
	}
	if most&(most+1) == 0 { // the width allows no more
		return dst, true
	}
	for _, level := range dst {
		if level > most {
			return dst, false
		}
	}
	return dst, true
}

// sized returns a slice of n elements in the memory of s, where that suffices.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// deltas reports whether data begins with n numbers in the delta encoding, of
// which no difference takes more bits than width. The decoder of the library
// believes both.
func deltas(data []byte, n, width int) bool {
	d := decoder{b: data}
	block, parts := d.uvarint(), d.uvarint()
	if d.uvarint() != uint64(n) || parts == 0 || block > 64<<10 || block%128 != 0 || block/parts == 0 || block/parts%32 != 0 {
		return false
	}
	d.varint() // the first number
	for left := n - 1; left > 0 && !d.bad; {
		d.varint() // the least difference
		for _, bits := range d.take(parts) {
			if left <= 0 { // what is not needed is not there
				break
			}
			if int(bits) > width {
				return false
			}
			d.take(block / parts * uint64(bits) / 8)
			left -= int(block / parts)
		}
	}
	return !d.bad
}
