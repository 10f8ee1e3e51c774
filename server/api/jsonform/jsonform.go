// Package jsonform writes the JSON of answers as their description promises:
// lists and maps that are always there are empty, never null.
package jsonform

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Write writes v with lists and maps that are empty, never null, where
// the document promises them.
func Write(w io.Writer, v any) error {
	filled := reflect.ValueOf(v)
	if filled.IsValid() && lacking(filled.Type()) {
		if filled.Kind() != reflect.Pointer {
			p := reflect.New(filled.Type())
			p.Elem().Set(filled)
			filled = p
		}
		fill(filled)
		v = filled.Interface()
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Indent returns JSON that people can read, with a line feed at the end.
func Indent(compact []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// whole are types that leave out what is empty, or write themselves.
var whole = map[reflect.Type]bool{
	reflect.TypeFor[event.Event](): true, reflect.TypeFor[event.Process](): true, reflect.TypeFor[time.Time](): true,
}

var lackingTypes sync.Map // reflect.Type → bool

// lacking reports whether values of type t may hold a list or map that has to
// be filled.
func lacking(t reflect.Type) bool {
	if known, ok := lackingTypes.Load(t); ok {
		return known.(bool)
	}
	found := mayLack(t, make(map[reflect.Type]bool))
	lackingTypes.Store(t, found)
	return found
}

func mayLack(t reflect.Type, seen map[reflect.Type]bool) bool {
	if whole[t] || seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		return true
	case reflect.Pointer, reflect.Array:
		return mayLack(t.Elem(), seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.IsExported() && mayLack(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

// fill puts empty lists and maps in the place of nil ones in v, which is
// addressable where it is a struct, and in what it holds.
func fill(v reflect.Value) {
	if !lacking(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		if lacking(v.Type().Elem()) {
			for i := range v.Len() {
				fill(v.Index(i))
			}
		}
	case reflect.Map:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	}
}
