//go:build linux

package main

import "testing"

func TestBestOf(t *testing.T) {
	for _, c := range []struct {
		unit, note string
		value      float64
		want       string
	}{
		{"events/s", "", 3, "one core, largest of 3"},
		{"s", "cold", 1, "one core, smallest of 3; cold"},
	} {
		got := bestOf(row{Unit: c.unit, Note: c.note}, []float64{2, 3, 1})
		if got.Value != c.value || got.Note != c.want {
			t.Errorf("%s: got %v, %q, want %v, %q", c.unit, got.Value, got.Note, c.value, c.want)
		}
	}
}
