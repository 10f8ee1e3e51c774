package detect_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// regexpRules are rules around one expression: alone, without regard to case,
// negated, and beside another test.
func regexpRules(t testing.TB, expr string) *detect.Ruleset {
	t.Helper()
	var texts []string
	for _, selection := range []string{
		"{a|re: %s}", "{a|re|i: %s}", "{a|re|m|s: %s}", "{a|re: %s, a|contains: b}", "[{a|re: %s}, {b: x}]",
	} {
		for _, condition := range []string{"s", "not s"} {
			texts = append(texts, rule(fmt.Sprintf("s: "+selection+"\ncondition: %s", strconv.Quote(expr), condition)))
		}
	}
	rules, err := sigma.Parse("r.yml", []byte(strings.Join(texts, "\n---\n")))
	if err != nil {
		return nil
	}
	set, _ := detect.Compile(rules)
	return set
}

// regexpAgrees holds the index against the expression, on one text and on it as
// part of a list.
func regexpAgrees(t *testing.T, set *detect.Ruleset, m *detect.Matcher, d *detect.Document, text string) {
	t.Helper()
	for _, value := range []any{text, []string{"b", text}} {
		fill(d, set, map[string]any{"a": value})
		m.Match(d, func(detect.Match) {})
		matched := make(map[*sigma.Rule]bool)
		for _, r := range detect.MatchedRules(m) {
			matched[r] = true
		}
		for _, r := range set.Rules() {
			if want := detect.HoldsPlainly(d, r); matched[r] != want {
				t.Errorf("line %d: %q on %q: the index says %t, the expression %t", r.Line, r.Detection.Selections[0].Groups[0][0].Values[0].Regexp, value, matched[r], want)
			}
		}
	}
}

// grammar makes expressions and texts of few letters, so that they often meet.
type grammar struct{ *rand.Rand }

var (
	letters = []string{"a", "b", "B", "k", "\u212a", "é", "É", "/", ".", " ", "-", "x", "sh", "\n", "\xff"}
	classes = []string{`\s`, `\S`, `\w`, `[ab]`, `[^a]`, `[a-z]`, `.`, `[k/]`, `[\x{fffd}a]`}
	anchors = []string{"^", "$", `\b`, `\B`, `\A`, `\z`, "(?m:^)", "(?m:$)"}
	repeats = []string{"*", "+", "?", "{2}", "{0,2}", "{1,3}", "*?", "+?"}
)

func (g grammar) of(list []string) string { return list[g.IntN(len(list))] }

func (g grammar) expression(depth int) string {
	switch n := g.IntN(12); {
	case depth == 0 || n < 3:
		return regexp.QuoteMeta(strings.ToValidUTF8(g.of(letters), "z"))
	case n < 4:
		return g.of(classes)
	case n < 5:
		return g.of(anchors)
	case n < 7:
		return "(" + g.expression(depth-1) + "|" + g.expression(depth-1) + ")"
	case n < 9:
		return "(?:" + g.expression(depth-1) + ")" + g.of(repeats)
	case n < 10:
		return "(?i:" + g.expression(depth-1) + ")"
	}
	return g.expression(depth-1) + g.expression(depth-1)
}

func (g grammar) text() string {
	var b strings.Builder
	for range g.IntN(9) {
		b.WriteString(g.of(letters))
	}
	return b.String()
}

// TestRegexpsAgree holds the index against expressions made at random.
func TestRegexpsAgree(t *testing.T) {
	g := grammar{rand.New(rand.NewPCG(1, 2))}
	compiled := 0
	for range 1500 {
		expr := g.expression(5)
		switch g.IntN(4) {
		case 0:
			expr = "^" + expr
		case 1:
			expr = "^(" + expr + ")$"
		}
		set := regexpRules(t, expr)
		if set == nil || len(set.Rules()) == 0 {
			continue
		}
		compiled++
		m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
		for range 25 {
			regexpAgrees(t, set, m, d, g.text())
		}
		if t.Failed() {
			t.Fatalf("expression %q", expr)
		}
	}
	if compiled < 1000 {
		t.Errorf("only %d expressions compile", compiled)
	}
}

// FuzzRegexpsAgree holds the index against any expression.
func FuzzRegexpsAgree(f *testing.F) {
	f.Add(`^(\S*/)?(ba|da|z|k)?sh\s+(-\S+\s+)*-[a-z]*i`, "/bin/bash -x -i")
	f.Add(`(?i)/(xmrig[^/]*|t-rex|lin_?peas(_\w+)?(\.sh)?)$`, "/tmp/LinPEAS_x.sh")
	f.Add(`^(gcc|g\+\+|cc)$`, "g++")
	f.Add(`(^|/|\s)nft\s+(-\S+\s+)*['"]?(flush\s+ruleset|delete\s+table)`, "nft -a flush ruleset")
	f.Add(`k{2,}|[^\x00-\x{fffc}]`, "\xff\u212ak")
	f.Fuzz(func(t *testing.T, expr, text string) {
		if set := regexpRules(t, expr); set != nil {
			regexpAgrees(t, set, set.NewMatcher(detect.Limits{}), set.NewDocument(), text)
		}
	})
}
