package notify

import (
	"bytes"
	"testing"
)

func TestStatOfAProcess(t *testing.T) {
	const rest = " S 17 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 100 200"
	for name, test := range map[string]struct {
		stat string
		want Who
	}{
		"plain":               {"5 (sh)" + rest, Who{Name: "sh", Parent: 17, Start: 4711}},
		"a name of all sorts": {"5 (a) S 1 (\n)" + rest, Who{Name: "a) S 1 (\n", Parent: 17, Start: 4711}},
		"no name":             {"5 sh S 17", Who{}},
		"cut short":           {"5 (sh) S 17 1 1", Who{}},
		"no numbers":          {"5 (sh)" + " S x 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 y 1", Who{}},
		"empty":               {"", Who{}},
	} {
		t.Run(name, func(t *testing.T) {
			var got Who
			if ok := got.parse([]byte(test.stat)); got != test.want || ok != (test.want.Start != 0) {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
}

func FuzzStatOfAProcess(f *testing.F) {
	f.Add([]byte("5 (sh) S 17 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 100 200"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		var who Who
		if who.parse(stat) && !bytes.Contains(stat, []byte(who.Name)) {
			t.Errorf("made the name %q of %q", who.Name, stat)
		}
	})
}
