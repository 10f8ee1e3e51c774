package sigma_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/sigma/pipeline"
)

// items returns a detection with a field for each text.
func items(n int, text func(i int) string) string {
	var b strings.Builder
	b.WriteString("s:\n")
	for i := range n {
		fmt.Fprintf(&b, "  %s\n", text(i))
	}
	b.WriteString("condition: s")
	return b.String()
}

// selections returns n of them, named s0, s1 …
func selections(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "s%d: {a: x}\n", i)
	}
	return b.String()
}

// TestSmallFilesDoNotBecomeLarge reads files of which a few bytes ask for much
// memory.
func TestSmallFilesDoNotBecomeLarge(t *testing.T) {
	words := "[" + strings.Repeat("'-a -b -c -d', ", 70) + "'-a']"
	many := func(n int, text string) string { return strings.Repeat(text, n) }
	for _, c := range []struct{ name, text, want string }{
		{"one regular expression", detection(`s: {a|re: '` + many(200, `.{1000}`) + "'}\ncondition: s"), "takes more than 10000 instructions"},
		{"repeats of repeats", detection(`s: {a|re: '((a{30}){30}(b{25}){40}){11}'}` + "\ncondition: s"), "invalid repeat count"},
		{"many regular expressions", detection(items(2000, func(i int) string { return fmt.Sprintf("a%d|re: '.{900}'", i) })), "take more than 200000 patterns, terms and instructions"},
		{"dashes", detection(items(100, func(i int) string { return fmt.Sprintf("a%d|windash: %s", i, words) })), "take more than 200000 patterns"},
		{"one list of dashes", detection("s: {a|windash: [" + many(200, "'-a -b -c -d', ") + "x]}\ncondition: s"), "has more than 50000 values"},
		{"quantities", detection(selections(8) + "condition: [" + many(3000, "4 of s*, ") + "s1]"), "take more than 200000 patterns"},
		{"one quantity", detection(selections(40) + "condition: 20 of s*"), "more than 10000 terms"},
		{"long condition", detection("s: {a: x}\ncondition: " + many(20000, "s or ") + "s"), "longer than 65536 bytes"},
		{"parentheses", detection("s: {a: x}\ncondition: " + many(20000, "(") + "s" + many(20000, ")")), "nested deeper than 64"},
		{"long expression in a message", detection("s: {a|re: '(" + many(30000, "x") + "'}\ncondition: s"), "missing closing )"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sigma.Parse("f.yml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %.300v does not say %q", err, c.want)
			}
			if len(err.Error()) > 500 || strings.Contains(err.Error(), "\n") {
				t.Errorf("message of %d bytes: %.600v", len(err.Error()), err)
			}
		})
	}
}

func TestPipelinesDoNotMultiplyWithoutBound(t *testing.T) {
	var values strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&values, "v%d, ", i)
	}
	p, err := pipeline.Parse("p.yml", []byte("vars: {v: ["+values.String()+"x]}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, modifier := range []string{"contains", "re"} {
		text := detection(items(100, func(i int) string { return fmt.Sprintf("a%d|%s|expand: '%%v%%'", i, modifier) }))
		if _, err := sigma.Parse("f.yml", []byte(text), p); err == nil || !strings.Contains(err.Error(), "take more than 200000 patterns") {
			t.Errorf("%s: error is %v", modifier, err)
		}
	}
}
