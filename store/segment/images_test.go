package segment

import (
	"reflect"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
)

func TestImagesThatDifferAreKeptApart(t *testing.T) {
	var f telemetrytest.Filler
	var p event.Process
	f.Fill(&p, 0)
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
		f.Fill(field.Addr().Interface(), 1)
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
