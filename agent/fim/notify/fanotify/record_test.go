package fanotify

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// info makes an information record.
func info(kind byte, body []byte) []byte {
	for (len(body)+headerLength)%4 != 0 {
		body = append(body, 0)
	}
	return append(binary.NativeEndian.AppendUint16([]byte{kind, 0}, uint16(headerLength+len(body))), body...)
}

// fid makes the body of a record with a handle and a name.
func fid(handle, name string) []byte {
	body := binary.NativeEndian.AppendUint64(nil, 0x1122334455667788)
	body = binary.NativeEndian.AppendUint32(body, uint32(len(handle)))
	body = binary.NativeEndian.AppendUint32(body, 1)
	body = append(body, handle...)
	if name != "" {
		body = append(append(body, name...), 0)
	}
	return body
}

// message makes an event of the given records.
func message(mask Mask, pid int32, infos ...[]byte) []byte {
	records := bytes.Join(infos, nil)
	n := binary.NativeEndian
	m := n.AppendUint32(nil, uint32(metadataLength+len(records)))
	m = append(m, metadataVersion, 0)
	m = n.AppendUint16(m, metadataLength)
	m = n.AppendUint64(m, uint64(mask))
	m = n.AppendUint32(m, 0xffffffff)
	m = n.AppendUint32(m, uint32(pid))
	return append(m, records...)
}

func pidfd(fd int32) []byte {
	return info(infoPIDFD, binary.NativeEndian.AppendUint32(nil, uint32(fd)))
}

// kept is an event with copies in place of slices.
type kept struct {
	mask                      Mask
	pid, pidfd                int32
	dir, name, from, old, obj string
}

func parse(data []byte) (events []kept, bad int) {
	bad = Parse(data, func(e *Event) {
		events = append(events, kept{
			e.Mask, e.PID, e.PIDFD, string(e.At.Dir), string(e.At.Name), string(e.From.Dir), string(e.From.Name), string(e.Object),
		})
	})
	return events, bad
}

func raw(handle string) string {
	return string(fid(handle, "")[fsidLength:])
}

func TestParse(t *testing.T) {
	rename := message(Rename, 7, info(infoOldDFIDName, fid("dir1", "old\nname")), info(infoNewDFIDName, fid("dir2", "\xffnew")), info(infoFID, fid("file", "")), pidfd(9))
	tests := map[string]struct {
		data []byte
		want []kept
		bad  int
	}{
		"nothing": {},
		"create": {
			data: message(Create|OnDir, 42, info(infoDFIDName, fid("dir1", "name")), info(infoFID, fid("obj1", "")), pidfd(NoPIDFD)),
			want: []kept{{mask: Create | OnDir, pid: 42, pidfd: NoPIDFD, dir: raw("dir1"), name: "name", obj: raw("obj1")}},
		},
		"a rename and another": {
			data: append(bytes.Clone(rename), message(Modify, 8, info(infoDFID, fid("dir3", "")))...),
			want: []kept{
				{mask: Rename, pid: 7, pidfd: 9, dir: raw("dir2"), name: "\xffnew", from: raw("dir1"), old: "old\nname", obj: raw("file")},
				{mask: Modify, pid: 8, pidfd: NotAsked, dir: raw("dir3")},
			},
		},
		"overflow":              {data: message(Overflow, 0), want: []kept{{mask: Overflow, pidfd: NotAsked}}},
		"unknown record":        {data: message(Modify, 1, info(99, []byte("whatever"))), want: []kept{{mask: Modify, pid: 1, pidfd: NotAsked}}},
		"a slash in a name":     {data: message(Create, 1, info(infoDFIDName, fid("d", "../x"))), want: []kept{{mask: Create, pid: 1, pidfd: NotAsked}}, bad: 1},
		"record beyond the end": {data: message(Create, 1, []byte{2, 0, 255, 0}), want: []kept{{mask: Create, pid: 1, pidfd: NotAsked}}, bad: 1},
		"record of no length":   {data: message(Create, 1, []byte{2, 0, 0, 0}), want: []kept{{mask: Create, pid: 1, pidfd: NotAsked}}, bad: 1},
		"handle too long":       {data: message(Create, 1, info(infoFID, fid(string(make([]byte, maxHandle+1)), ""))), want: []kept{{mask: Create, pid: 1, pidfd: NotAsked}}, bad: 1},
		"cut short":             {data: rename[:len(rename)-1], bad: 1},
		"half a header":         {data: rename[:10], bad: 1},
		"another version":       {data: append(append(bytes.Clone(rename[:4]), 4), rename[5:]...), bad: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, bad := parse(test.data)
			if bad != test.bad || len(got) != len(test.want) {
				t.Fatalf("got %+v and %d bad ones, want %+v and %d", got, bad, test.want, test.bad)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("got %+v, want %+v", got[i], test.want[i])
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message(Create|OnDir, 42, info(infoDFIDName, fid("dir1", "name")), info(infoFID, fid("obj1", "")), pidfd(3)))
	f.Add(message(Rename, 7, info(infoOldDFIDName, fid("dir1", "old")), info(infoNewDFIDName, fid("dir2", "new"))))
	f.Add(message(Overflow, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		events := 0
		Parse(data, func(e *Event) {
			events++
			for _, h := range []Handle{e.At.Dir, e.From.Dir, e.Object} {
				if len(h) != 0 && (len(h) < handleHead || len(h) > handleHead+maxHandle || len(h.Bytes()) != len(h)-handleHead) {
					t.Fatalf("a handle of %d bytes", len(h))
				}
				if len(h) != 0 {
					h.Type()
				}
			}
			for _, name := range [][]byte{e.At.Name, e.From.Name} {
				if bytes.ContainsAny(name, "/\x00") {
					t.Fatalf("a name %q", name)
				}
			}
		})
		if events*metadataLength > len(data) {
			t.Fatalf("%d events in %d bytes", events, len(data))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data := bytes.Repeat(message(Create, 42, info(infoDFIDName, fid("directory", "some-file-name.conf")), info(infoFID, fid("theobject", "")), pidfd(NoPIDFD)), 200)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Parse(data, func(*Event) {})
	}
}
