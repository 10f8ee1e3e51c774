package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/event"
)

var header = Header{
	Epoch: Epoch{1, 2, 3, 4, 5, 6, 7, 8}, Sequence: 7, First: 70, Count: 1,
	Made: time.Date(2026, 11, 23, 12, 0, 0, int(250*time.Millisecond), time.UTC),
}

func encode(t testing.TB, events ...*event.Event) []byte {
	t.Helper()
	frame, err := NewEncoder().AppendFrame(nil, header, events)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func decode(t testing.TB, frame []byte) []event.Event {
	t.Helper()
	_, events, err := NewDecoder().DecodeFrame(frame)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func pointers(events []event.Event) []*event.Event {
	list := make([]*event.Event, len(events))
	for i := range events {
		list[i] = &events[i]
	}
	return list
}

// filler gives every field of a value a value of its own.
type filler struct{ n int64 }

func (f *filler) fill(t *testing.T, v reflect.Value, depth int) {
	f.n++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(1_700_000_000+f.n, f.n).UTC()
		return
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{10, 0, byte(f.n >> 8), byte(f.n)})
		return
	case *netip.AddrPort:
		*p = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 15: byte(f.n)}), uint16(f.n))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(t, v.Field(i), depth)
		}
	case reflect.Pointer:
		if depth < 5 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			f.fill(t, v.Index(i), depth)
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(t, v.Index(i), depth)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d \xff\x00\n", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-f.n)
	case reflect.Uint8:
		v.SetUint(uint64(f.n%250) + 1)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	default:
		t.Fatalf("%s: a kind of field that this test and perhaps the codec do not know", v.Type())
	}
}

var exactly = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

// A field that is added to an event and forgotten in the codec fails here.
func TestEveryFieldComesBack(t *testing.T) {
	var f filler
	events := make([]event.Event, 3)
	for i := range events {
		f.fill(t, reflect.ValueOf(&events[i]).Elem(), 0)
	}
	if diff := cmp.Diff(events, decode(t, encode(t, pointers(events)...)), exactly); diff != "" {
		t.Error(diff)
	}
}

// A field that is set alone must come back alone, and its absence as absence.
func TestFieldsAreIndependent(t *testing.T) {
	var f filler
	var events []event.Event
	add := func(part func(e *event.Event) reflect.Value) {
		var probe event.Event
		for i := range part(&probe).NumField() {
			var e event.Event
			f.fill(t, part(&e).Field(i), 4)
			events = append(events, e)
		}
	}
	add(func(e *event.Event) reflect.Value { return reflect.ValueOf(e).Elem() })
	add(func(e *event.Event) reflect.Value {
		e.Process = new(event.Process)
		return reflect.ValueOf(e.Process).Elem()
	})
	add(func(e *event.Event) reflect.Value { e.File = new(event.File); return reflect.ValueOf(e.File).Elem() })
	add(func(e *event.Event) reflect.Value {
		e.Process = &event.Process{Effective: &event.User{}, Login: &event.User{}, Container: &event.Container{}, Executable: &event.File{}}
		return reflect.ValueOf(e.Process.Container).Elem()
	})
	add(func(e *event.Event) reflect.Value { e.Logon = new(event.Logon); return reflect.ValueOf(e.Logon).Elem() })
	add(func(e *event.Event) reflect.Value {
		e.Network = new(event.Network)
		return reflect.ValueOf(e.Network).Elem()
	})
	add(func(e *event.Event) reflect.Value {
		e.Kernel = new(event.Kernel)
		return reflect.ValueOf(e.Kernel).Elem()
	})
	add(func(e *event.Event) reflect.Value { e.Exit = new(event.Exit); return reflect.ValueOf(e.Exit).Elem() })
	events = append(events, event.Event{}, event.Event{User: &event.User{}, Group: &event.Group{}})
	if diff := cmp.Diff(events, decode(t, encode(t, pointers(events)...)), exactly); diff != "" {
		t.Error(diff)
	}
}

func TestExtremeValuesComeBack(t *testing.T) {
	base := time.Date(2026, 11, 23, 12, 0, 0, 1, time.UTC)
	for name, e := range map[string]event.Event{
		"before the base":   {Time: base, Last: base.Add(-time.Nanosecond)},
		"the base again":    {Time: base, Last: base},
		"1970":              {Time: base, Last: time.Unix(0, 0).UTC()},
		"first is 1970":     {Time: time.Unix(0, 0).UTC(), Last: base},
		"no first time":     {Last: base},
		"1850":              {Time: base, Last: time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC)},
		"largest numbers":   {Serial: 1<<64 - 1, Count: 1<<32 - 1, User: &event.User{UID: event.UnsetUID}, Group: &event.Group{GID: event.UnsetUID}},
		"unknown numbers":   {Class: 65535, Activity: 255, Status: 255},
		"exit by signal":    {Exit: &event.Exit{Code: -1 << 31, Signal: "SIGKILL"}},
		"mapped address":    {Logon: &event.Logon{Address: netip.MustParseAddr("::ffff:10.0.0.1")}},
		"zone":              {Logon: &event.Logon{Address: netip.MustParseAddr("fe80::1%eth0")}},
		"port, no address":  {Network: &event.Network{Local: netip.AddrPortFrom(netip.Addr{}, 22)}},
		"long text":         {Message: strings.Repeat("\xfe", 1<<20)},
		"odd uid":           {Process: &event.Process{PID: 5, UID: event.ProcessUID{PID: 6}}},
		"record, no fields": {Records: []event.Record{{Type: "EOE"}, {}, {Fields: []event.Pair{{}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(e, decode(t, encode(t, &e))[0], exactly); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimesBeyondTheScaleAreMoved(t *testing.T) {
	e := event.Event{Time: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), Last: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	got := decode(t, encode(t, &e))[0]
	if got.Time.Year() != 1823 && got.Time.Year() != 1824 || got.Last.Year() != 2116 {
		t.Errorf("got %s and %s; want the bounds of the scale", got.Time, got.Last)
	}
}

func TestHeaderComesBack(t *testing.T) {
	frame := encode(t, &event.Event{}, &event.Event{})
	want := header
	want.Count = 2
	got, err := ParseHeader(frame)
	if err != nil || got != want {
		t.Errorf("header %+v, %v; want %+v", got, err, want)
	}
	if decoded, _, err := NewDecoder().DecodeFrame(frame); err != nil || decoded != want {
		t.Errorf("decoded header %+v, %v; want %+v", decoded, err, want)
	}
}

func TestFrameSize(t *testing.T) {
	frame := encode(t, &event.Event{Key: "key"})
	if n, err := FrameSize(frame[:HeaderSize]); err != nil || n != len(frame) {
		t.Errorf("%d, %v; want %d", n, err, len(frame))
	}
	large := bytes.Clone(frame)
	large[48] = 1
	for name, start := range map[string][]byte{"short": frame[:HeaderSize-1], "no frame": make([]byte, HeaderSize), "large": large} {
		if n, err := FrameSize(start); err == nil || n != 0 {
			t.Errorf("%s: %d, %v; want an error", name, n, err)
		}
	}
}

func TestFramesAreAppended(t *testing.T) {
	e := NewEncoder()
	both, err := e.AppendFrame(nil, header, []*event.Event{{Key: "one"}})
	if err != nil {
		t.Fatal(err)
	}
	n := len(both)
	if both, err = e.AppendFrame(both, header, []*event.Event{{Key: "two"}}); err != nil {
		t.Fatal(err)
	}
	d := NewDecoder()
	for i, frame := range [][]byte{both[:n], both[n:]} {
		_, events, err := d.DecodeFrame(frame)
		if want := []string{"one", "two"}[i]; err != nil || events[0].Key != want {
			t.Errorf("frame %d: %v %v; want %q", i, events, err, want)
		}
	}
}

// lineage returns a process with n-1 ancestors.
func lineage(n int) *event.Process {
	var p *event.Process
	for i := range n {
		p = &event.Process{PID: uint32(i + 1), Parent: p}
	}
	return p
}

func TestImagesAreSharedAgain(t *testing.T) {
	parent := lineage(3)
	parent.Executable = &event.File{Path: "/bin/sh"}
	one, two := &event.Process{PID: 10, Parent: parent}, &event.Process{PID: 11, Parent: parent, Executable: parent.Executable}
	got := decode(t, encode(t, &event.Event{Process: one}, &event.Event{Process: two, Target: one}))
	a, b := got[0].Process, got[1].Process
	if a.Parent != b.Parent || got[1].Target != a || a.Parent.Executable != b.Executable || len(b.Lineage()) != 4 {
		t.Error("what was one image or file is several")
	}
}

func TestLineagesEnd(t *testing.T) {
	cyclic := &event.Process{PID: 1}
	cyclic.Parent = cyclic
	long := lineage(event.MaxLineage + 10)
	child := &event.Process{Parent: lineage(event.MaxLineage)}
	events := []*event.Event{{Process: cyclic}, {Process: long}, {Process: child.Parent}, {Process: child}, {Process: lineage(event.MaxLineage)}}
	for i, e := range decode(t, encode(t, events...)) {
		n := 0
		for p := e.Process; p != nil; p = p.Parent {
			if n++; n > event.MaxLineage {
				t.Fatalf("event %d: a lineage of more than %d", i, event.MaxLineage)
			}
		}
		if i == 4 && n != event.MaxLineage {
			t.Errorf("the longest lineage came back with %d images", n)
		}
	}
}

func TestTooMuchForOneFrame(t *testing.T) {
	incompressible := func(n int) *event.Event {
		b, x := make([]byte, n), uint64(88172645463325252)
		for i := range b {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			b[i] = byte(x)
		}
		return &event.Event{Message: string(b)}
	}
	for name, events := range map[string][]*event.Event{
		"events":    make([]*event.Event, MaxEvents+1),
		"content":   {{Message: strings.Repeat("a", MaxContent)}},
		"frame":     {incompressible(MaxFrame)},
		"list":      {{Process: &event.Process{Arguments: make([]string, maxList+1)}}},
		"lists":     {{Process: &event.Process{Arguments: make([]string, maxList), Environment: make([]string, maxList), Parent: &event.Process{Arguments: make([]string, maxList), Environment: make([]string, maxList), Parent: &event.Process{Arguments: make([]string, 1)}}}}},
		"records":   {{Records: make([]event.Record, maxList/2+1)}},
		"processes": overlong(MaxEvents, 20),
	} {
		t.Run(name, func(t *testing.T) {
			e, before := NewEncoder(), []byte("before")
			frame, err := e.AppendFrame(before, header, events)
			if !errors.Is(err, ErrOversized) || !bytes.Equal(frame, before) {
				t.Errorf("got %d bytes and %v; want dst and ErrOversized", len(frame), err)
			}
			if frame, err = e.AppendFrame(nil, header, []*event.Event{{Key: "next"}}); err != nil || decode(t, frame)[0].Key != "next" {
				t.Errorf("the next frame: %v", err)
			}
		})
	}
}

// overlong returns n events, each with a lineage of its own.
func overlong(n, depth int) []*event.Event {
	events := make([]*event.Event, n)
	for i := range events {
		events[i] = &event.Event{Process: lineage(depth)}
	}
	return events
}

func TestNoEvents(t *testing.T) {
	if _, err := NewEncoder().AppendFrame(nil, header, nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("a frame without events: %v", err)
	}
}

// reseal puts the right checksum into a frame that was tampered with, as a
// hostile sender does.
func reseal(frame []byte) []byte {
	binary.BigEndian.PutUint32(frame[checksumAt:], checksum(frame))
	return frame
}

func TestBadFrames(t *testing.T) {
	good := encode(t, &event.Event{Key: "a key"})
	tampered := func(change func(f []byte) []byte) []byte { return change(bytes.Clone(good)) }
	put := func(at int, b ...byte) []byte {
		return tampered(func(f []byte) []byte { copy(f[at:], b); return reseal(f) })
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"empty", nil, ErrMalformed},
		{"header only in part", good[:HeaderSize-1], ErrMalformed},
		{"cut", good[:len(good)-1], ErrMalformed},
		{"too long", append(bytes.Clone(good), 0), ErrMalformed},
		{"oversized", make([]byte, MaxFrame+1), ErrOversized},
		{"magic", put(0, 'x'), ErrMalformed},
		{"version", put(4, Version+1), ErrVersion},
		{"encoding", put(5, 9), ErrMalformed},
		{"reserved", put(6, 1), ErrMalformed},
		{"flipped bit", tampered(func(f []byte) []byte { f[len(f)-1] ^= 1; return f }), ErrMalformed},
		{"sequence 0", put(16, make([]byte, 8)...), ErrMalformed},
		{"first 0", put(24, make([]byte, 8)...), ErrMalformed},
		{"first below sequence", put(24, 0, 0, 0, 0, 0, 0, 0, 1), ErrMalformed},
		{"numbers overflow", put(24, bytes.Repeat([]byte{255}, 8)...), ErrMalformed},
		{"count 0", put(40, 0, 0, 0, 0), ErrMalformed},
		{"count too large", put(40, 0, 1, 0, 0), ErrOversized},
		{"content too large", put(44, 255, 0, 0, 0), ErrOversized},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseHeader(c.frame); !errors.Is(err, c.want) {
				t.Errorf("header: %v; want %v", err, c.want)
			}
			if _, events, err := NewDecoder().DecodeFrame(c.frame); !errors.Is(err, c.want) || events != nil {
				t.Errorf("frame: %v; want %v", err, c.want)
			}
		})
	}
	for name, frame := range map[string][]byte{
		"wrong count":   put(40, 0, 0, 0, 2),
		"wrong content": put(44, 0, 1, 0, 0),
		"no content":    put(44, 0, 0, 0, 0),
		"not zstd":      put(HeaderSize, 1, 2, 3, 4),
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := NewDecoder().DecodeFrame(frame); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v; want ErrMalformed", err)
			}
		})
	}
}

// sealed returns a frame around any content.
func sealed(t testing.TB, content []byte, count uint32) []byte {
	t.Helper()
	e := NewEncoder()
	frame := e.zstd.EncodeAll(content, make([]byte, HeaderSize))
	h := header
	h.Count = count
	putHeader(frame, h, len(content))
	return frame
}

func TestBadBatches(t *testing.T) {
	one := []occurrence{{}}
	chain := make([]process, event.MaxLineage+1)
	for i := range chain {
		chain[i].Parent = processRef(i)
	}
	lists := make([]process, 5)
	for i := range lists {
		lists[i].Args = make([]text, maxList)
	}
	for name, b := range map[string]any{
		"not a batch":       []int{1, 2},
		"no events":         batch{},
		"text too long":     batch{Events: one, Lengths: []uint32{5}, Text: []byte("four")},
		"texts too long":    batch{Events: one, Lengths: []uint32{4, 1<<32 - 1}, Text: []byte("fours")},
		"no such text":      batch{Events: []occurrence{{Key: 1}}},
		"no such file":      batch{Events: []occurrence{{File: 1}}},
		"no such process":   batch{Events: []occurrence{{Process: 1}}},
		"own parent":        batch{Events: one, Processes: []process{{Parent: 1}}},
		"younger parent":    batch{Events: one, Processes: []process{{Parent: 2}, {}}},
		"long lineage":      batch{Events: one, Processes: chain},
		"boot id":           batch{Events: one, Lengths: []uint32{1}, Text: []byte("a"), Processes: []process{{Boot: 1}}},
		"account":           batch{Events: []occurrence{{User: 1<<32 + 1}}},
		"container":         batch{Events: one, Processes: []process{{Container: []text{0}}}},
		"descriptors":       batch{Events: one, Processes: []process{{Descriptors: []int64{1}}}},
		"descriptor's text": batch{Events: one, Processes: []process{{Descriptors: []int64{1, -1, 1 << 40}}}},
		"records":           batch{Events: []occurrence{{Records: []text{0}}}},
		"fields":            batch{Events: []occurrence{{Records: []text{0, 1<<32 - 1, 0, 0}}}},
		"address":           batch{Events: []occurrence{{Logon: &logon{Address: 1}}}, Lengths: []uint32{3}, Text: []byte("abc")},
		"long lists":        batch{Events: one, Processes: lists},
		"long list":         batch{Events: one, Lengths: make([]uint32, maxList+1)},
		"number too large":  map[int]any{6: []any{map[int]any{2: 1 << 17}}},
		"wrong type":        map[int]any{6: []any{map[int]any{2: "process"}}},
		"tagged":            map[int]any{6: cbor.Tag{Number: 1, Content: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := cbor.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			_, events, err := NewDecoder().DecodeFrame(sealed(t, content, 1))
			if !errors.Is(err, ErrMalformed) || events != nil {
				t.Errorf("got %v; want ErrMalformed", err)
			}
		})
	}
}

// A newer sender may add parts.
func TestUnknownPartsAreSkipped(t *testing.T) {
	content, err := cbor.Marshal(map[int]any{
		2: []int{3}, 3: []byte("key"), 6: []any{map[int]any{10: 1, 60: []byte("new")}}, 9: map[int]any{1: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := decode(t, sealed(t, content, 1)); got[0].Key != "key" {
		t.Errorf("got %+v", got[0])
	}
}

// What a frame holds must not show in the next one that the decoder reads.
func TestDecoderForgets(t *testing.T) {
	var f filler
	full := make([]event.Event, 2)
	for i := range full {
		f.fill(t, reflect.ValueOf(&full[i]).Elem(), 0)
	}
	fullFrame, empty := encode(t, pointers(full)...), encode(t, &event.Event{Process: &event.Process{}, File: &event.File{}})
	bad := sealed(t, []byte{0xa1, 0x06, 0x81, 0xa2, 0x02, 0x01, 0x0a, 0x05}, 1)
	d := NewDecoder()
	for i := range 3 {
		if _, _, err := d.DecodeFrame(bad); !errors.Is(err, ErrMalformed) {
			t.Fatalf("bad frame: %v", err)
		}
		_, got, err := d.DecodeFrame(fullFrame)
		if diff := cmp.Diff(full, got, exactly); err != nil || diff != "" {
			t.Fatalf("round %d: %v %s", i, err, diff)
		}
		_, got, err = d.DecodeFrame(empty)
		if diff := cmp.Diff([]event.Event{{Process: &event.Process{}, File: &event.File{}}}, got, exactly); err != nil || diff != "" {
			t.Fatalf("round %d: %v %s", i, err, diff)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	good := encode(f, &event.Event{Key: "key"})
	f.Add(good)
	f.Add(good[:HeaderSize])
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := ParseHeader(frame)
		if err == nil && h.check() != nil {
			t.Errorf("accepted %+v", h)
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	content := func(events ...*event.Event) []byte {
		e := NewEncoder()
		e.fill(events)
		b, err := cbor.Marshal(e.batch)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	f.Add(content(&event.Event{Key: "key"}), uint32(1))
	f.Add(content(&event.Event{Process: lineage(3)}, &event.Event{Process: lineage(2)}), uint32(2))
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, content []byte, count uint32) {
		if len(content) > 1<<16 {
			return
		}
		h, events, err := d.DecodeFrame(sealed(t, content, count))
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOversized) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		frame, err := NewEncoder().AppendFrame(nil, h, pointers(events))
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		_, again, err := NewDecoder().DecodeFrame(frame)
		if err != nil || len(again) != len(events) {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
	})
}
