package literals_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/literals"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

func TestRequirementOf(t *testing.T) {
	for _, c := range []struct {
		expr  string
		want  string // texts by place, in order
		plain bool
	}{
		{`^/dev/`, "start:/dev/", false},
		{`(?i)^/dev/`, "start:/dev/", true},
		{`^[/]+2{3}$`, "end:/222 start:/", false},
		{`(?i)/(john|lin_?peas(\.sh)?)$`, "end:/john,/linpeas,/lin_peas,/linpeas.sh,/lin_peas.sh", true},
		{`^(GCC|cc)$`, "whole:cc,gcc", false},
		{`\bsocket\b`, "anywhere:socket", false},
		{`(?s)\bperl\b.*\bSocket\b`, "anywhere:socket anywhere:perl", false},
		{`/tmp/(\S*/)?\.x`, "anywhere:/tmp/ anywhere:/.x", false},
		{`^a|^b`, "start:a,b", false},
		{`\S+`, "", false},
		{`(abcd)?`, "", false},
		{`abcd|\d`, "", false},
		{`[\x{fffd}]abcd*`, "", false},
		{`bad(`, "", false},
	} {
		r := literals.RequirementOf(c.expr)
		var got []string
		for _, set := range r.Sets {
			got = append(got, [...]string{"whole", "start", "end", "anywhere"}[set.Place]+":"+strings.Join(set.Texts, ","))
		}
		if all := strings.Join(got, " "); all != c.want || r.Plain != c.plain {
			t.Errorf("%s: got %q, plain %t; want %q, plain %t", c.expr, all, r.Plain, c.want, c.plain)
		}
	}
}

// holds reports whether a text has what is required.
func holds(r *literals.Requirement, text string) bool {
	folded := literals.Fold(text)
	return r.Possible(text) && !slices.ContainsFunc(r.Sets, func(set literals.Set) bool {
		return !slices.ContainsFunc(set.Texts, func(part string) bool {
			switch set.Place {
			case sigma.PlaceWhole:
				return folded == part
			case sigma.PlaceStart:
				return strings.HasPrefix(folded, part)
			case sigma.PlaceEnd:
				return strings.HasSuffix(folded, part)
			}
			return strings.Contains(folded, part)
		})
	})
}

func TestPossible(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		want       bool
	}{
		{`[a-z][A-Z]`, "aB", true},
		{`[a-z][A-Z]`, "/Usr/Bin -A", false},
		{`[a-z][A-Z]`, "", false},
		{`([a-z][A-Z])+x`, "ab-X", false},
		{`([a-z][A-Z])*x`, "x", true},
		{`[é-ü][A-Z]`, "éA", true},
		{`[0-9a-f]{8}`, "0123abc", false},
		{`[0-9a-f]{8}`, "x0123abcd", true},
	} {
		if got := literals.RequirementOf(c.expr).Possible(c.text); got != c.want {
			t.Errorf("%s on %q: got %t, want %t", c.expr, c.text, got, c.want)
		}
	}
}

// FuzzRequirementOf checks that every match has what is required.
func FuzzRequirementOf(f *testing.F) {
	f.Add(`^(\S*/)?(ba|da)?sh\s+(-\S+\s+)*-c`, "/bin/BASH -x -c")
	f.Add(`(?i)k{2}[sS]$`, "K\u212a\u017f")
	f.Add(`[\x{fffd}b]x|y{9,}`, "\xffx")
	f.Add(`x([a-z][A-Z])+|(?i)[kx][sy]`, "xaB\u212a\u017f")
	f.Fuzz(func(t *testing.T, expr, text string) {
		re, err := regexp.Compile(expr)
		if err != nil {
			return
		}
		r := literals.RequirementOf(expr)
		matches, has := re.MatchString(text), holds(r, text)
		if matches && !has || r.Plain && matches != has {
			t.Errorf("%q on %q: matches %t, has what is required %t: %q", expr, text, matches, has, r.Sets)
		}
	})
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{"": "", "AbC": "abc", "\u212aÄ": "kÄ", "a\xffB": "a\xffb", "ſS": "ss"} {
		if got := literals.Fold(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzEqualFold checks that texts are equal just when their folded forms are.
func FuzzEqualFold(f *testing.F) {
	f.Add("/usr/BIN/x", "/USR/bin/x")
	f.Add("a\u212aB", "Akb")
	f.Add("a\xff", "A\xff")
	f.Add("ab", "abc")
	f.Fuzz(func(t *testing.T, a, b string) {
		if got, want := literals.EqualFold(a, b), literals.Fold(a) == literals.Fold(b); got != want {
			t.Errorf("%q and %q: got %t, want %t", a, b, got, want)
		}
	})
}
