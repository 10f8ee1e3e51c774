package dfa_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/dfa"
)

// expressions are of every kind of part that there is.
var expressions = []string{
	``, `a`, `^`, `$`, `^$`, `abc`, `a|b|cd`, `a*b+c?`, `^abc$`, `\Aabc\z`, `(?m)^b$`, `(?s)a.b`, `a.b`, `(?i)kelvin`, `(?i:k)S`, `[^a-c]x`,
	`\bword\b`, `\Bord`, `\B`, `\b`, `(?i)\bcurl\s+(-\S+\s+)*https?://`, `x{3,5}y`, `(a|ab)(c|bcd)(d*)`, `[\x{FFFD}]`, `\x{e9}+`, `(^|\s)/tmp/\S*$`,
	`(a+)+$`, `(a|a)*b`, `[a-z][A-Z]`, `a(b|$)`, `(?m)a$\n^b`, `[[:word:]]+@`, `.*`, `a{0}`, `(?:)`, `[^\x00-\x{10FFFF}]`, `(?i)[k-s]+\z`,
	`(x+x+)+y`, `(a?){20}a{20}`, `[ab]*a[ab]{8}c`,
}

var texts = []string{
	"", "a", "b", "abc", "xabcx", "aab", "ab\n", "a\nb", "b\n", "\nb\n", "word", "a word.", "sword", "words", "KELVIN", "\u212aelvin", "ks", "\u017fS",
	"cx", "dx", "xxxy", "xxxxxxy", "abcd", "\xff", "\xef\xbf\xbd", "\xc3", "é", "é\xe9", "/tmp/x", " /tmp/x y", "curl -s https://x", "CURL  http://",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "aB", "Ab", "x@", "_@", "\x00", "日本", "ababababacbabc", "abaaaaaaaac", "a\u2028b", strings.Repeat("x", 300) + "y",
}

// agree holds the machine of an expression against package regexp.
func agree(t *testing.T, m *dfa.Machine, re *regexp.Regexp, text string) {
	t.Helper()
	if got, ok := m.Match(text); ok && got != re.MatchString(text) {
		t.Errorf("%q in %q: %v, by package regexp %v", re, text, got, !got)
	}
}

func TestMatchAgreesWithRegexp(t *testing.T) {
	for _, expr := range expressions {
		re, m := regexp.MustCompile(expr), dfa.New(expr)
		if m == nil {
			t.Errorf("%q has no machine", expr)
			continue
		}
		for range 2 { // with states to be made, and made
			for _, text := range texts {
				agree(t, m, re, text)
				if _, ok := m.Match(text); !ok {
					t.Errorf("%q gives up on %q", expr, text)
				}
			}
		}
	}
}

func TestNew(t *testing.T) {
	for name, expr := range map[string]string{
		"no expression": `(`, "too many instructions": strings.Repeat("abc", 2000), "too many classes": classes(400),
	} {
		if dfa.New(expr) != nil {
			t.Errorf("%s: there is a machine", name)
		}
	}
}

// classes returns an expression that tells n runes apart.
func classes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(string([]rune{rune(0x4e00 + 2*i)}))
	}
	return b.String()
}

// TestExplosionIsBounded runs an expression that has a million states.
func TestExplosionIsBounded(t *testing.T) {
	expr := `[ab]*a[ab]{20}c`
	re, m := regexp.MustCompile(expr), dfa.New(expr)
	state, gaveUp := uint32(1), false
	for range 3000 {
		text := make([]byte, 100)
		for i := range text {
			state = state*1664525 + 1013904223
			text[i] = 'a' + byte(state>>31)
		}
		matched, ok := m.Match(string(text))
		if ok && matched != re.Match(text) {
			t.Fatalf("%q: %v", text, matched)
		}
		gaveUp = gaveUp || !ok
	}
	if !gaveUp {
		t.Error("the machine never gave up")
	}
}

type always struct{}

func (always) Possible(string) bool { return true }

func TestExpression(t *testing.T) {
	re := regexp.MustCompile(`[ab]*a[ab]{12}c`)
	var e dfa.Expression
	state := uint32(1)
	for range 2000 {
		text := make([]byte, 60)
		for i := range text {
			state = state*1664525 + 1013904223
			text[i] = "abababac"[state>>29]
		}
		if got := e.Match(re, always{}, string(text)); got != re.Match(text) {
			t.Fatalf("%q: %v", text, got)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for i, expr := range expressions {
		f.Add(expr, texts[i%len(texts)])
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		re, err := regexp.Compile(expr)
		m := dfa.New(expr)
		if err != nil || m == nil {
			return
		}
		for range 2 {
			agree(t, m, re, text)
			agree(t, m, re, text+"\n"+text)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	expr := `(^|[\s"'/])(curl|wget)["']?\s(.*\s)?--socks(4a?|5(-hostname)?)[ =]`
	re, m := regexp.MustCompile(expr), dfa.New(expr)
	text := "/usr/bin/curl -fsSL https://deb.example.org/key.gpg -o /usr/share/keyrings/example.gpg"
	b.Run("machine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Match(text)
		}
	})
	b.Run("regexp", func(b *testing.B) {
		for b.Loop() {
			re.MatchString(text)
		}
	})
}
