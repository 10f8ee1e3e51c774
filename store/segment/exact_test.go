package segment

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/event"
)

// filler gives every field of a value something of its own, so that a field
// which is added to the model and forgotten here does not stay unnoticed.
type filler struct{ n int }

func (f *filler) fill(t *testing.T, v reflect.Value, depth int) {
	f.n++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(int64(f.n), int64(f.n)).UTC()
		return
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{10, 0, byte(f.n >> 8), byte(f.n)})
		return
	case *netip.AddrPort:
		*p = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(f.n >> 8), byte(f.n)}), uint16(f.n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n%250 + 1))
	case reflect.Array, reflect.Struct:
		f.parts(t, v, depth)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.parts(t, v, depth)
	case reflect.Pointer:
		if depth > 0 || v.Type() != reflect.TypeFor[*event.Process]() {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(t, v.Elem(), depth-1)
		}
	default:
		t.Fatalf("the model has a %s, which this test cannot fill", v.Type())
	}
}

func (f *filler) parts(t *testing.T, v reflect.Value, depth int) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			f.fill(t, v.Field(i), depth)
		}
		return
	}
	for i := range v.Len() {
		f.fill(t, v.Index(i), depth)
	}
}

// written returns the file of events, whose hosts are in order.
func written(t testing.TB, events ...*event.Event) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := newFileWriter(&buf)
	for i, e := range events {
		if err := w.add(e, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestEveryFieldSurvives(t *testing.T) {
	f := &filler{}
	var full event.Event
	f.fill(t, reflect.ValueOf(&full).Elem(), 4)
	data := written(t, &full, &event.Event{Host: full.Host, Time: full.Time})
	got := eventsOf(t, data)
	want := []event.Event{full, {Host: full.Host, Time: full.Time}}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
		t.Errorf("what is stored changes (-want +got):\n%s", diff)
	}
}

func eventsOf(t testing.TB, data []byte) []event.Event {
	t.Helper()
	file, err := openFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got []event.Event
	err = (&search{query: newQuery(anyEvent), file: file}).events(t.Context(), func(events []event.Event) error {
		got = append(got, events...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestImagesThatDifferAreKeptApart(t *testing.T) {
	f := &filler{}
	var p event.Process
	f.fill(t, reflect.ValueOf(&p).Elem(), 0)
	in := newInterner()
	in.intern("h", &p)
	twin := p
	in.frame()
	if in.intern("h", &twin) != &p {
		t.Error("an equal image is not found")
	}
	in.frame()
	if in.intern("other", &twin) == &p {
		t.Error("hosts share an image")
	}
	for i := range reflect.TypeFor[event.Process]().NumField() {
		q := p
		field := reflect.ValueOf(&q).Elem().Field(i)
		f.n += 1000
		f.fill(t, field, 1)
		if field.Kind() == reflect.Bool {
			field.SetBool(false)
		}
		in.frame()
		if in.intern("h", &q) == &p {
			t.Errorf("images that differ in %s are taken for the same", reflect.TypeFor[event.Process]().Field(i).Name)
		}
	}
}

func TestLineagesAreBounded(t *testing.T) {
	in := newInterner()
	var p *event.Process
	for i := range uint32(300) {
		p = &event.Process{PID: i, UID: event.ProcessUID{PID: i, Start: 1}, Parent: p}
		in.frame()
		q := in.intern("h", p)
		n := 0
		for at := q; at != nil; at = at.Parent {
			n++
		}
		if n > event.MaxLineage {
			t.Fatalf("lineage of %d processes", n)
		}
	}
}

func TestTextIsUTF8AndComesBack(t *testing.T) {
	for _, s := range []string{
		"", "plain", "é\u2028\U0010fffd", "\xff", "a\xc3", "\xed\xa0\x80", "\U0010ff00", "\U0010ffff\xfe", "\xf4\x8f\xbc", "\xf4\x90\x80\x80", "\ufffd",
	} {
		stored := escaped(s)
		if !isText(stored) {
			t.Errorf("%q is stored as %q, which is not UTF-8", s, stored)
		}
		if back := unescaped(stored); back != s {
			t.Errorf("%q comes back as %q", s, back)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\xff\U0010ff41")
	f.Fuzz(func(t *testing.T, s string) {
		stored := escaped(s)
		if !isText(stored) || unescaped(stored) != s {
			t.Errorf("%q is stored as %q and comes back as %q", s, stored, unescaped(stored))
		}
	})
}

func TestArgumentsAreSplitOnlyWhereThatIsExact(t *testing.T) {
	for _, c := range []struct {
		line string
		args []string
		want bool
	}{
		{"a b", []string{"a", "b"}, true},
		{"a", []string{"a"}, true},
		{"a  b", []string{"a", "", "b"}, true},
		{"", []string{""}, true},
		{"", nil, false},
		{"a b", []string{"a b"}, false},
		{"a b", []string{"a"}, false},
		{"a b", []string{"a", "c"}, false},
		{"a", []string{"a", ""}, false},
	} {
		if got := splits(c.line, c.args); got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.line, c.args, got, c.want)
		}
	}
}
