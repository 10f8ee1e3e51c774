package client

import (
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"time"
)

// add adds a parameter to a query unless it is zero; a list is added value by
// value.
func add(v url.Values, name string, value any) {
	r := reflect.ValueOf(value)
	if r.IsZero() {
		return
	}
	if r.Kind() == reflect.Slice {
		for i := range r.Len() {
			v.Add(name, text(r.Index(i).Interface()))
		}
		return
	}
	v.Add(name, text(value))
}

// text returns a value as a query has it.
func text(value any) string {
	switch value := value.(type) {
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano)
	case encoding.TextMarshaler:
		if b, err := value.MarshalText(); err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(value)
}
