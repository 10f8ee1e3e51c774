package inotify

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func record(watch int32, mask Mask, cookie uint32, name string) []byte {
	n := binary.NativeEndian
	size := (len(name) + 15) / 16 * 16
	data := n.AppendUint32(nil, uint32(watch))
	data = n.AppendUint32(data, uint32(mask))
	data = n.AppendUint32(data, cookie)
	data = n.AppendUint32(data, uint32(size))
	return append(append(data, name...), make([]byte, size-len(name))...)
}

func TestParse(t *testing.T) {
	good := append(record(1, MovedFrom|IsDir, 77, "a\nb\xff"), record(2, DeleteSelf, 0, "")...)
	for name, test := range map[string]struct {
		data []byte
		want int
		ok   bool
	}{
		"nothing":        {ok: true},
		"two":            {data: good, want: 2, ok: true},
		"overflow":       {data: record(-1, Overflow, 0, ""), want: 1, ok: true},
		"cut short":      {data: good[:len(good)-1], want: 1},
		"name too long":  {data: binary.NativeEndian.AppendUint32(make([]byte, 12), 0xffffffff)},
		"slash in names": {data: record(1, Create, 0, "a/b")},
	} {
		t.Run(name, func(t *testing.T) {
			got := 0
			ok := Parse(test.data, func(r Record) {
				if got++; r.Watch == 1 && (string(r.Name) != "a\nb\xff" || r.Cookie != 77 || r.Mask != MovedFrom|IsDir) {
					t.Errorf("got %+v", r)
				}
			})
			if got != test.want || ok != test.ok {
				t.Errorf("got %d records, %v; want %d, %v", got, ok, test.want, test.ok)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(record(1, MovedFrom|IsDir, 77, "name"))
	f.Add(record(-1, Overflow, 0, ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		ok := Parse(data, func(r Record) {
			total += headerLength + len(r.Name)
			if bytes.ContainsAny(r.Name, "/\x00") {
				t.Fatalf("a name %q", r.Name)
			}
		})
		if total > len(data) || ok && len(data) > 0 && total == 0 {
			t.Fatalf("%d bytes of records in %d bytes", total, len(data))
		}
	})
}
