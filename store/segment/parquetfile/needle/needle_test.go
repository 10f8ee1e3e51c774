package needle

import (
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
)

func TestNeedle(t *testing.T) {
	for _, test := range []struct {
		text, in string
		want     bool
	}{
		{"", "", true},
		{"", "anything", true},
		{"curl", "/usr/bin/CURL -s", true},
		{"Curl", "curl", true},
		{"curl", "cur", false},
		{"curl", "cucurl", true},
		{"ÄRGER", "viel ärger", true},
		{"äx", "ÄX\x00", true},
		{"k", "\u212a", true}, // the Kelvin sign, whose lower case is a k
		{"x", "\xff", false},
	} {
		n := New(test.text)
		if got := n.In(test.in); got != test.want {
			t.Errorf("%q in %q: %v", test.text, test.in, got)
		}
		if got := n.InColumn([]byte(escape.Text(test.in))); got != test.want {
			t.Errorf("%q in a column's %q: %v", test.text, test.in, got)
		}
	}
}

// FuzzInColumn holds the search in escaped bytes against that in the text.
func FuzzInColumn(f *testing.F) {
	f.Add("curl", "/usr/bin/CURL")
	f.Add("ä", "Ä\xff\x00")
	f.Fuzz(func(t *testing.T, text, in string) {
		if strings.ToValidUTF8(text, "") != text {
			t.Skip("a text that is asked for is valid")
		}
		n := New(text)
		if got, want := n.InColumn([]byte(escape.Text(in))), n.In(escape.Undo(escape.Text(in))); got != want {
			t.Errorf("%q in %q: %v in the column, %v in the text", text, in, got, want)
		}
	})
}
