package page

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// footer returns a file of nothing but a footer.
func footer(b ...byte) []byte {
	file := append([]byte("PAR1"), b...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(b)))
	return append(file, "PAR1"...)
}

func TestFootersThatClaimTooMuchAreRefused(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x07} // 2^31-1
	nested := bytes.Repeat([]byte{0x1c}, 100_000)
	lists := bytes.Repeat([]byte{0x19}, 100_000)
	for name, data := range map[string][]byte{
		"empty":                         nil,
		"no footer":                     []byte("PAR1PAR1"),
		"a footer longer than the file": append(binary.LittleEndian.AppendUint32([]byte("PAR1"), 1<<30), "PAR1"...),
		"a list of 2^31 structures":     footer(append([]byte{0x29, 0xfc}, huge...)...),
		"a text of 2^31 bytes":          footer(append([]byte{0x18}, huge...)...),
		"structures without end":        footer(nested...),
		"lists without end":             footer(lists...),
		"bytes left over":               footer(0, 0),
		"a map":                         footer(0x1b, 0x01, 0x55, 0, 0, 0),
	} {
		if err := CheckFooter(bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if whole := footer(0x15, 0x04, 0x19, 0x1c, 0x00, 0x00); CheckFooter(bytes.NewReader(whole), int64(len(whole))) != nil {
		t.Error("a footer with a number and a list is refused")
	}
}

// encoded returns values in the hybrid encoding: those of eight that are equal
// as a run, others packed.
func encoded(list []int32, width int) []byte {
	var out []byte
	for ; len(list) > 0; list = list[min(8, len(list)):] {
		part := make([]int32, 8)
		n := copy(part, list)
		if n == 8 && slices.Max(part) == slices.Min(part) {
			word := binary.LittleEndian.AppendUint32(nil, uint32(part[0]))
			out = append(append(out, 8<<1), word[:(width+7)/8]...)
			continue
		}
		packed := make([]byte, width)
		for i, v := range part {
			for bit := range width {
				packed[(i*width+bit)/8] |= byte(v>>bit&1) << ((i*width + bit) % 8)
			}
		}
		out = append(append(out, 1<<1|1), packed...)
	}
	return out
}

func TestLevelsAndKeysComeBack(t *testing.T) {
	for width := 1; width <= 31; width++ {
		for _, n := range []int{1, 7, 8, 9, 64, 1000} {
			list := make([]int32, n)
			for i := range list {
				list[i] = int32(uint32(i*i/50*2654435761) & (1<<width - 1))
			}
			data, got := encoded(list, width), make([]int32, n)
			if !hybrid(got, data, width) || !slices.Equal(got, list) {
				t.Fatalf("%d values of %d bits do not come back", n, width)
			}
			if hybrid(got, data[:len(data)-1], width) && n > 8 {
				t.Errorf("%d values of %d bits are taken from too few bytes", n, width)
			}
		}
	}
	if got := make([]byte, 4); hybrid(got, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 1) {
		t.Error("a packed run longer than any data is taken")
	}
}

func FuzzFooter(f *testing.F) {
	f.Add(footer(0x15, 0x04, 0x19, 0x1c, 0x00, 0x00))
	f.Fuzz(func(_ *testing.T, data []byte) { _ = CheckFooter(bytes.NewReader(data), int64(len(data))) })
}

func FuzzIndexes(f *testing.F) {
	f.Add([]byte{0x19, 0x1c, 0x16, 0x08, 0x15, 0x08, 0x16, 0x00, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, size := bytes.NewReader(data), int64(len(data))
		all := Section{0, size}
		pages, _ := Locations(r, size, all)
		for _, p := range pages {
			if !p.Within(size) {
				t.Errorf("a page at %+v in %d bytes", p, size)
			}
		}
		_, _, _ = Bounds(r, size, all)
		_ = Lacks(r, size, 0, 7)
	})
}

func FuzzHybrid(f *testing.F) {
	f.Add(encoded([]int32{1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}, 2), 2, 17)
	f.Fuzz(func(_ *testing.T, data []byte, width, n int) {
		if width >= 0 && width <= 32 && n >= 0 && n < 1<<16 {
			hybrid(make([]int32, n), data, width)
			_, _ = levels(nil, data, n, byte(width))
			_ = deltas(data, n, width)
		}
	})
}

// FuzzPage reads one page of each kind of column.
func FuzzPage(f *testing.F) {
	f.Add([]byte{0x15, 0x06, 0x15, 0x08, 0x15, 0x08, 0x5c, 0x15, 0x02, 0x15, 0x00, 0x15, 0x02, 0x15, 0x00, 0x15, 0x00, 0x15, 0x00, 0x12, 0x00, 0x00, 1, 2, 3, 4}, byte(Int32), byte(0), byte(0), 1)
	f.Fuzz(func(_ *testing.T, data []byte, kind, def, rep byte, rows int) {
		if rows < 0 || rows > 1<<13 {
			return
		}
		defer func() { _ = recover() }() // the library's decoders may, and the caller answers for it
		whole := Section{0, int64(len(data))}
		r := NewReader(bytes.NewReader(data), Chunk{Section: whole, Kind: Kind(kind % 4), MaxDef: def, MaxRep: rep, Compressed: kind&4 > 0})
		defer r.Close()
		p, err := r.Page(whole, rows)
		if err != nil {
			return
		}
		for i := range p.Len() {
			if Kind(kind%4) == Text {
				_ = p.Text(i)
			} else {
				_ = p.Num(i)
			}
		}
	})
}
