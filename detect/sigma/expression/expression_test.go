package expression_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma/expression"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		text, flags string
		anchor      expression.Anchor
		matches     string
		differs     string // a text without a match
	}{
		{"cu?rl", "", expression.Anywhere, "/bin/crl x", "CURL"},
		{"cu?rl", "i", expression.Anywhere, "/bin/CURL", "cul"},
		{"a|b", "", expression.AtStart, "bc", "cb"},
		{"a|b", "i", expression.AtEnd, "cB", "bc"},
		{"a.b", "s", expression.AtEnd, "xa\nb", "xa\nbc"},
	} {
		e, err := expression.Read(c.text, c.flags, c.anchor)
		if err != nil {
			t.Fatal(err)
		}
		if !e.MatchString(c.matches) || e.MatchString(c.differs) {
			t.Errorf("%s: %q matches: %t, %q does: %t", e, c.matches, e.MatchString(c.matches), c.differs, e.MatchString(c.differs))
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		text, want string
		anchor     expression.Anchor
	}{
		{"a(?!b)", "negative lookahead", expression.Anywhere},
		{"(", "missing closing )", expression.Anywhere},
		{"a)|(b", "unexpected )", expression.AtStart}, // which it would not be in the parentheses of the anchor
		{strings.Repeat("(", 1000) + strings.Repeat(")", 1000), "nests too deeply", expression.AtEnd},
		{strings.Repeat("a", 40_000), "longer than", expression.Anywhere},
		{"((abcdefghijk){30}){32}", "more than 10000 instructions", expression.Anywhere},
	} {
		if e, err := expression.Read(c.text, "", c.anchor); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: got %v and the error %v, want one with %q", c.text, e, err, c.want)
		}
	}
}

// TestConcurrentFirstUse runs one expression on several goroutines at once.
func TestConcurrentFirstUse(t *testing.T) {
	e, err := expression.Read("b+", "", expression.Anywhere)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if !e.MatchString("abb") {
				t.Error("no match")
			}
		})
	}
	group.Wait()
}

// FuzzRead checks that what is read compiles, and says what package regexp does.
func FuzzRead(f *testing.F) {
	f.Add(`^(\S*/)?(ba|da)?sh\s+-c`, "is", uint8(1), "/bin/BASH -c")
	f.Add("(((a{2}){3}))|)", "m", uint8(2), "aa")
	f.Add("(?i)\xff", "", uint8(0), "\xff")
	f.Fuzz(func(t *testing.T, text, flags string, anchor uint8, value string) {
		e, err := expression.Read(text, flags, expression.Anchor(anchor%3))
		if err != nil {
			return
		}
		if got, want := e.MatchString(value), regexp.MustCompile(e.String()).MatchString(value); got != want {
			t.Errorf("%s on %q: got %t, want %t", e, value, got, want)
		}
	})
}
