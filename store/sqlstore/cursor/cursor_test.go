package cursor

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/store"
)

func TestCursorComesBack(t *testing.T) {
	text := Encode("hosts", "web-1", Int(-7))
	keys, err := Decode("hosts", text, 2)
	if err != nil || !slices.Equal(keys, []string{"web-1", "-7"}) {
		t.Fatalf("got %q, %v", keys, err)
	}
	numbers, err := ParseInts(keys[1:])
	if err != nil || numbers[0] != -7 {
		t.Fatalf("got %v, %v", numbers, err)
	}
}

func TestForeignCursorIsRefused(t *testing.T) {
	tests := map[string]string{
		"other list":      Encode("users", "a"),
		"too many keys":   Encode("hosts", "a", "b"),
		"too few keys":    Encode("hosts"),
		"not base64":      "%%%",
		"not JSON":        "AAAA",
		"too long":        strings.Repeat("A", maxText+1),
		"padded":          Encode("hosts", "a") + "=",
		"nothing decoded": "",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode("hosts", text, 1); !errors.Is(err, store.ErrCursor) {
				t.Errorf("error is %v", err)
			}
		})
	}
	if _, err := ParseInts([]string{"1x"}); !errors.Is(err, store.ErrCursor) {
		t.Errorf("error is %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode("hosts", "web-1"))
	f.Add("")
	f.Add("bnVsbA")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := Decode("hosts", text, 1)
		if err != nil {
			if !errors.Is(err, store.ErrCursor) {
				t.Errorf("error is %v", err)
			}
			return
		}
		again, err := Decode("hosts", Encode("hosts", keys...), 1)
		if err != nil || !slices.Equal(again, keys) {
			t.Errorf("%q came back as %q, %v", keys, again, err)
		}
	})
}
