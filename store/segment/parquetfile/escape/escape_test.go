package escape_test

import (
	"testing"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
)

func TestTextIsUTF8AndComesBack(t *testing.T) {
	for _, s := range []string{
		"", "plain", "é\u2028\U0010fffd", "\xff", "a\xc3", "\xed\xa0\x80", "\U0010ff00", "\U0010ffff\xfe", "\xf4\x8f\xbc", "\xf4\x90\x80\x80", "\ufffd",
	} {
		stored := escape.Text(s)
		if !utf8.ValidString(stored) {
			t.Errorf("%q is stored as %q, which is not UTF-8", s, stored)
		}
		if back := escape.Undo(stored); back != s {
			t.Errorf("%q comes back as %q", s, back)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\xff\U0010ff41")
	f.Fuzz(func(t *testing.T, s string) {
		stored := escape.Text(s)
		if !utf8.ValidString(stored) || escape.Undo(stored) != s {
			t.Errorf("%q is stored as %q and comes back as %q", s, stored, escape.Undo(stored))
		}
	})
}
