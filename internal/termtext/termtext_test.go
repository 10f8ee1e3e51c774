package termtext

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain text stays":           {"bash -i", "bash -i"},
		"letters stay":               {"Grüße Привет 你好", "Grüße Привет 你好"},
		"empty":                      {"", ""},
		"newline":                    {"a\nb", `a\nb`},
		"carriage return":            {"a\rb", `a\rb`},
		"tab":                        {"a\tb", `a\tb`},
		"nul":                        {"a\x00b", `a\x00b`},
		"delete":                     {"a\x7fb", `a\x7fb`},
		"colour sequence":            {"\x1b[31mred", `\x1b[31mred`},
		"window title":               {"\x1b]0;owned\x07", `\x1b]0;owned\x07`},
		"eight bit control sequence": {"\u009b31m", `\u009b31m`},
		"right to left override":     {"exe\u202etxt", `exe\u202etxt`},
		"isolate":                    {"a\u2066b\u2069", `a\u2066b\u2069`},
		"zero width space":           {"pass\u200bwd", `pass\u200bwd`},
		"byte order mark":            {"\ufeffx", `\ufeffx`},
		"soft hyphen":                {"a\u00adb", `a\u00adb`},
		"no-break space":             {"a\u00a0b", `a\u00a0b`},
		"line separator":             {"a\u2028b", `a\u2028b`},
		"Hangul filler":              {"a\u3164b", `a\u3164b`},
		"blank Braille":              {"a\u2800b", `a\u2800b`},
		"variation selector":         {"a\ufe0fb", `a\ufe0fb`},
		"tag character":              {"a\U000e0041b", `a\U000e0041b`},
		"private use":                {"\ue000", `\ue000`},
		"unassigned":                 {"\u0378", `\u0378`},
		"invalid UTF-8":              {"a\xff\xfeb", `a\xff\xfeb`},
		"cut UTF-8":                  {"a\xe4\xbd", `a\xe4\xbd`},
		"replacement character":      {"a\ufffdb", "a\ufffdb"},
		"one accent":                 {"e\u0301", "e\u0301"},
		"too many accents":           {"e" + strings.Repeat("\u0301", 5), "e" + strings.Repeat("\u0301", 3) + `\u0301\u0301`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Escape(c.in); got != c.want {
				t.Errorf("Escape(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestWidth(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "你好": 4, "ﾊﾟ": 2, "🎣": 2, "…": 1} {
		if got := Width(in); got != want {
			t.Errorf("Width(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestBound(t *testing.T) {
	for name, c := range map[string]struct {
		f       func(string, int) string
		in      string
		columns int
		want    string
	}{
		"fits":                       {Bound, "abcdef", 6, "abcdef"},
		"cut":                        {Bound, "abcdefg", 6, "abcde…"},
		"no room":                    {Bound, "abc", 0, ""},
		"one column":                 {Bound, "abc", 1, "…"},
		"wide character not split":   {Bound, "你好吗", 4, "你…"},
		"escape not split":           {Bound, "abc\x1bdef", 6, "abc…"},
		"middle fits":                {BoundMiddle, "abcdefgh", 8, "abcdefgh"},
		"middle cut keeps the end":   {BoundMiddle, "abcdefghijkl", 8, "abcde…kl"},
		"middle with hostile end":    {BoundMiddle, "abcdefghijkl\n", 8, `abcde…\n`},
		"middle, wide end not split": {BoundMiddle, "abcdefghijk你", 8, "abcde…你"},
		"middle of one column":       {BoundMiddle, "abc", 1, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.f(c.in, c.columns); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	for name, c := range map[string]struct {
		in             string
		columns, limit int
		want           []string
	}{
		"empty":             {"", 10, 0, []string{""}},
		"one line":          {"one two", 10, 0, []string{"one two"}},
		"at spaces":         {"one two three", 8, 0, []string{"one two", "three"}},
		"long word":         {"abcdefghij kl", 4, 0, []string{"abcd", "efgh", "ij", "kl"}},
		"hostile newline":   {"a\nb c", 10, 0, []string{`a\nb c`}},
		"wide, no room":     {"你好", 1, 0, []string{"你", "好"}},
		"limit":             {"one two three four", 8, 2, []string{"one two", "three …"}},
		"limit in one word": {strings.Repeat("x", 100), 10, 2, []string{"xxxxxxxxxx", "xxxxxxxxx…"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Wrap(c.in, c.columns, c.limit)
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPad(t *testing.T) {
	for in, want := range map[string]string{"a": "a   ", "你": "你  ", "abcde": "abcde"} {
		if got := Pad(in, 4); got != want {
			t.Errorf("Pad(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "bash -i", "\x1b]0;x\x07", "a\u202eb", "\xff\xfe", "e\u0301\u0301\u0301\u0301\u0301", "你好", "\u200b"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, columns int) {
		columns %= 200
		out := Escape(s)
		assertSafe(t, out)
		for _, cut := range []string{Bound(s, columns), BoundMiddle(s, columns)} {
			assertSafe(t, cut)
			if w := Width(cut); w > max(columns, 0) {
				t.Errorf("%q takes %d columns, more than %d", cut, w, columns)
			}
		}
		for _, line := range Wrap(s, columns, 3) {
			assertSafe(t, line)
			if w := Width(line); w > max(columns, 2) {
				t.Errorf("line %q takes %d columns, more than %d", line, w, columns)
			}
		}
	})
}

// assertSafe fails on anything that a terminal would not simply draw.
func assertSafe(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not valid UTF-8", s)
	}
	for _, r := range s {
		if r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			t.Errorf("%q holds %U", s, r)
		}
	}
}

func BenchmarkEscape(b *testing.B) {
	line := strings.Repeat("/usr/bin/python3 -m http.server 8000 ", 4)
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Escape(line)
		}
	})
	b.Run("hostile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Escape(line + "\x1b[31m")
		}
	})
	b.Run("bound a megabyte", func(b *testing.B) {
		big := strings.Repeat("x\n", 1<<19)
		b.ReportAllocs()
		for b.Loop() {
			BoundMiddle(big, 80)
		}
	})
}
