package telemetrytest

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Filler gives every field of a value something of its own, so that a field
// which is added to the model and forgotten by an encoding does not stay
// unnoticed. The zero Filler is ready.
type Filler struct{ n int }

// Fill fills what p points to. Processes have as many ancestors as depth says.
// It panics at a type that it does not know.
func (f *Filler) Fill(p any, depth int) { f.fill(reflect.ValueOf(p).Elem(), depth) }

func (f *Filler) fill(v reflect.Value, depth int) {
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
		f.parts(v, depth)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.parts(v, depth)
	case reflect.Pointer:
		if depth > 0 || v.Type() != reflect.TypeFor[*event.Process]() {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth-1)
		}
	default:
		panic(fmt.Sprintf("a %s cannot be filled", v.Type()))
	}
}

func (f *Filler) parts(v reflect.Value, depth int) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			f.fill(v.Field(i), depth)
		}
		return
	}
	for i := range v.Len() {
		f.fill(v.Index(i), depth)
	}
}
