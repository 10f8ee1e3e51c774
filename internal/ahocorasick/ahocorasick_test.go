package ahocorasick

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// plain finds patterns one by one.
func plain(patterns []string, text string, opts Options) []int32 {
	find := map[Mode]func(string, string) bool{
		Anywhere: strings.Contains, AtStart: strings.HasPrefix, AtEnd: strings.HasSuffix,
		Whole: func(text, p string) bool { return text == p },
	}[opts.Mode]
	var hits []int32
	for i, p := range patterns {
		if p != "" && find(text, p) {
			hits = append(hits, int32(i))
		}
	}
	return hits
}

func found(a *Automaton, text string) []int32 {
	hits := Find(a, []byte(text), nil)
	slices.Sort(hits)
	return slices.Compact(hits)
}

func check(t *testing.T, patterns []string, text string) {
	t.Helper()
	for _, mode := range []Mode{Anywhere, AtStart, AtEnd, Whole} {
		for _, table := range []int{1, 4096, 0} {
			opts := Options{Mode: mode, TableBytes: table}
			a := New(patterns, opts)
			want := plain(patterns, text, opts)
			if got := found(a, text); !slices.Equal(got, want) {
				t.Fatalf("%+v: %q in %q: got %v, want %v", opts, patterns, text, got, want)
			}
			if mode == Anywhere {
				checkGrams(t, patterns, text, opts, want)
			}
		}
	}
}

// checkGrams has short patterns and all others found by grams, whatever their
// number, with and without text to avoid.
func checkGrams(t *testing.T, patterns []string, text string, opts Options, want []int32) {
	t.Helper()
	for _, everyday := range []*Everyday{nil, NewEveryday(strings.Join(patterns, ""))} {
		opts.Everyday = everyday
		a := &Automaton{grams: newGrams(patterns, opts)}
		if got := found(a, text); !slices.Equal(got, want) {
			t.Fatalf("grams, %+v: %q in %q: got %v, want %v", opts, patterns, text, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name     string
		patterns []string
		text     string
	}{
		{"classic", []string{"he", "she", "his", "hers"}, "ushers"},
		{"suffix chain", []string{"a", "aa", "aaa", "aaaa"}, "xaaax"},
		{"inside a longer one that fails", []string{"abcd", "bc"}, "abce"},
		{"equal patterns", []string{"x", "x"}, "x"},
		{"empty pattern and text", []string{"", "a"}, ""},
		{"no patterns", nil, "abc"},
		{"case", []string{"PowerShell", "POWERSHELL", "powershell"}, "C:\\POWERSHELL.exe"},
		{"short at both ends", []string{"x", "ab", "abc", "bc", "yz"}, "abcxyz"},
		{"more on one gram than may share it", sharing(60), "aaaa-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"zero bytes and high bytes", []string{"\x00\xff", "\xff"}, "a\x00\xff"},
		{"long patterns", []string{"IMPHASH=32f5095c9bbd", "0123456789abcdefX", "9abcdef0123456789abcdef"}, "x,imphash=32F5095C9BBD,0123456789abcdef0123456789ABCDEFx0123456789abcdefx"},
		{"long pattern at the end", []string{"0123456789abcdefghij"}, "zz0123456789ABCDEFGHIJ"},
		{"few of eight bytes and more", []string{"sekurlsa", "lsadump::sam", "eo.oe.kiwi"}, "xx,sekurlsa::logonpasswords lsadump::sAlsadump::sameo.oe.kiwi"},
		{"whole text", []string{"/bin/sh"}, "/bin/sh"},
	} {
		t.Run(c.name, func(t *testing.T) { check(t, c.patterns, c.text) })
	}
}

// sharing returns n patterns that are made of one letter.
func sharing(n int) (patterns []string) {
	for i := range n {
		patterns = append(patterns, strings.Repeat("a", i))
	}
	return patterns
}

func TestEveryByteIsUsed(t *testing.T) {
	var patterns []string
	for c := range 256 {
		patterns = append(patterns, string([]byte{byte(c)}))
	}
	check(t, patterns, "\x00A\xffz")
}

func TestRandomSets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		b := make([]byte, rnd.IntN(n))
		for i := range b {
			b[i] = "abAB"[rnd.IntN(4)]
		}
		return string(b)
	}
	for range 1000 {
		patterns := make([]string, rnd.IntN(20))
		for i := range patterns {
			patterns[i] = word(6)
		}
		check(t, patterns, word(60))
	}
}

func TestRandomLongPatterns(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abAB\xc3"[rnd.IntN(5)]
		}
		return string(b)
	}
	for round := range 600 {
		shortest := 8 + 8*(round%2)
		text := word(200)
		patterns := []string{word(shortest + rnd.IntN(40))}
		for range rnd.IntN(8) {
			at := rnd.IntN(len(text) - 60)
			patterns = append(patterns, text[at:at+shortest+rnd.IntN(44)])
		}
		check(t, patterns, text)
	}
}

func TestAppendLower(t *testing.T) {
	for c := range 256 {
		text := strings.Repeat(string([]byte{byte(c)}), 8)
		want := byte(c)
		if c >= 'A' && c <= 'Z' {
			want += 'a' - 'A'
		}
		for n := range 20 {
			got, ascii := AppendLower([]byte("X"), text[:1]+strings.Repeat(text[:1], n))
			wanted := "X" + strings.Repeat(string([]byte{want}), n+1)
			if c >= 0x80 {
				wanted = "X"
			}
			if string(got) != wanted || ascii != len(wanted)-1 {
				t.Errorf("%d bytes %#x become %q, of %d bytes", n+1, c, got, ascii)
			}
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	var patterns []string
	for i := range 20_000 {
		patterns = append(patterns, fmt.Sprintf("pattern-%d-with-a-tail", i*7919))
	}
	a := New(append(patterns, "short"), Options{})
	if got := 4 * len(a.table); got > DefaultTable {
		t.Errorf("the table takes %d bytes, want at most %d", got, DefaultTable)
	}
	if got := found(a, "x pattern-7919-with-a-tail y"); !slices.Equal(got, []int32{1}) {
		t.Errorf("got %v, want [1]", got)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("he\nshe\nhis\nhers", "ushers")
	f.Add("\xff\x00\n\x80", "a\xff\x00")
	f.Fuzz(func(t *testing.T, patterns, text string) {
		if len(patterns) > 1000 {
			return
		}
		check(t, strings.Split(patterns, "\n"), text)
	})
}

func BenchmarkFind(b *testing.B) {
	var patterns []string
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		p := make([]byte, 6+rnd.IntN(20))
		for i := range p {
			p[i] = byte(' ' + rnd.IntN(64))
		}
		patterns = append(patterns, string(p))
	}
	text := strings.Repeat(`"C:\Windows\System32\cmd.exe" /c whoami /all & net user admin `, 4)
	for name, opts := range map[string]Options{"anywhere": {}, "end": {Mode: AtEnd}} {
		a, text := New(patterns, opts), []byte(text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			var hits []int32
			for b.Loop() {
				hits = Find(a, text, hits[:0])
			}
			_ = hits
		})
	}
}
