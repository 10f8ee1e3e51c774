package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// rule returns the YAML of a rule with the given detection, indented as a map.
func rule(detection string) string {
	return "title: t\nlogsource: {product: linux}\ndetection:\n  " + strings.ReplaceAll(strings.TrimSpace(detection), "\n", "\n  ") + "\n"
}

func compile(t testing.TB, texts ...string) *detect.Ruleset {
	t.Helper()
	rules, err := sigma.Parse("test.yml", []byte(strings.Join(texts, "\n---\n")))
	if err != nil {
		t.Fatal(err)
	}
	set, errs := detect.Compile(rules)
	for _, err := range errs {
		t.Fatal(err)
	}
	return set
}

// fill resets the document to a linux event with the given values.
func fill(d *detect.Document, set *detect.Ruleset, values map[string]any) {
	fillAt(d, set, time.Unix(0, 0), values)
}

func fillAt(d *detect.Document, set *detect.Ruleset, at time.Time, values map[string]any) {
	d.Reset(set.Source(sigma.LogSource{Product: "linux"}), at, nil, nil)
	for name, v := range values {
		id := set.Field(name)
		if name == "" {
			id = detect.Keywords
		}
		switch v := v.(type) {
		case string:
			d.SetString(id, v)
		case []string:
			d.SetStrings(id, v)
		case int:
			d.SetInt(id, int64(v))
		case float64:
			d.SetFloat(id, v)
		case bool:
			d.SetBool(id, v)
		}
	}
}

func TestItems(t *testing.T) {
	type doc = map[string]any
	for _, c := range []struct {
		name      string
		selection string // of the detection
		yes, no   []doc
	}{
		{"equal", "a: FOO", []doc{{"a": "foo"}, {"a": "Foo"}, {"a": []string{"x", "foo"}}}, []doc{{}, {"a": ""}, {"a": "foox"}, {"b": "foo"}}},
		{"list is or", "a: [x, y]", []doc{{"a": "x"}, {"a": "Y"}}, []doc{{"a": "xy"}}},
		{"map is and", "a: x\nb: y", []doc{{"a": "x", "b": "y"}}, []doc{{"a": "x"}, {"b": "y"}}},
		{"contains", "a|contains: Bar", []doc{{"a": "foobarx"}, {"a": "BAR"}}, []doc{{"a": "ba r"}, {}}},
		{"startswith", "a|startswith: /tmp/", []doc{{"a": "/TMP/x"}, {"a": "/tmp/"}}, []doc{{"a": "/var/tmp/"}}},
		{"endswith", `a|endswith: '\cmd.exe'`, []doc{{"a": `C:\CMD.EXE`}}, []doc{{"a": "cmd.exe"}, {"a": `\cmd.exe.bak`}}},
		{"all", "a|contains|all: [x, y]", []doc{{"a": "yx"}, {"a": []string{"1x", "y1"}}}, []doc{{"a": "xx"}, {}}},
		{"cased", "a|contains|cased: Foo", []doc{{"a": "aFoo"}}, []doc{{"a": "afoo"}, {"a": "FOO"}}},
		{"cased in unicode", "a|cased: Äß", []doc{{"a": "Äß"}}, []doc{{"a": "äß"}}},
		{"unicode folds", "a: ÄRGERK", []doc{{"a": "ärgerk"}, {"a": "ÄRGER\u212a"}}, []doc{{"a": "argerk"}}},
		{"wildcards", "a: 'x*y?z'", []doc{{"a": "x12ybz"}, {"a": "XyYz"}, {"a": "xyyéz"}}, []doc{{"a": "x12yz"}, {"a": "xybzz"}}},
		{"escaped wildcards", `a: 'a\*b\?c\\*'`, []doc{{"a": `a*b?c\`}, {"a": `A*b?c\tail`}}, []doc{{"a": `axb?c\`}, {"a": `a*b?c`}}},
		{"backslash stays", `a: 'C:\Windows\\x'`, []doc{{"a": `c:\windows\x`}}, []doc{{"a": `c:\windows\\x`}}},
		{"only a star", "a: '*'", []doc{{"a": "x"}, {"a": ""}}, []doc{{}}},
		{"one character", "a: '?'", []doc{{"a": "x"}, {"a": "é"}, {"a": "\xff"}}, []doc{{"a": ""}, {"a": "xx"}}},
		{"null", "a: null", []doc{{}, {"b": "x"}}, []doc{{"a": "x"}, {"a": ""}}},
		{"null or value", "a: [null, x]", []doc{{}, {"a": "x"}}, []doc{{"a": "y"}}},
		{"empty", "a: ''", []doc{{"a": ""}, {"a": []string{"x", ""}}}, []doc{{}, {"a": " "}}},
		{"number", "a: 4688", []doc{{"a": 4688}, {"a": "4688"}}, []doc{{"a": 46880}, {"a": "04688"}}},
		{"fraction", "a: 1.5", []doc{{"a": 1.5}}, []doc{{"a": 15}}},
		{"true", "a: true", []doc{{"a": true}, {"a": "True"}}, []doc{{"a": false}, {"a": 1}}},
		{"re", `a|re: 'f[o0]+\d$'`, []doc{{"a": "xxfo01"}}, []doc{{"a": "FO01"}, {"a": "fo01x"}}},
		{"re without literal", `a|re: '^\d+$'`, []doc{{"a": "12"}}, []doc{{"a": "1x"}, {}}},
		{"re|i", "a|re|i: 'k(ey|not)s'", []doc{{"a": "MONKEYS"}, {"a": "\u212aeyſ"}}, []doc{{"a": "kes"}}},
		{"re|m", "a|re|m: '^b$'", []doc{{"a": "a\nb\nc"}}, []doc{{"a": "ab"}}},
		{"re|i|m|s", "a|re|i|m|s: '^B.C$'", []doc{{"a": "x\nb\nc\ny"}}, []doc{{"a": "xb\nc"}}},
		{"re|startswith", "a|re|startswith: 'x|y\\d'", []doc{{"a": "xa"}, {"a": "y1"}}, []doc{{"a": "ax"}, {"a": "ay1"}}},
		{"re|endswith", "a|re|endswith: 'x|y\\d'", []doc{{"a": "ax"}, {"a": "ay1"}}, []doc{{"a": "xa"}, {"a": "y1a"}}},
		{"re|contains", "a|re|contains: 'x\\d'", []doc{{"a": "ax1b"}}, []doc{{"a": "xb"}}},
		{"re|neq", "a|re|neq: '^x'", []doc{{"a": "ax"}, {}}, []doc{{"a": "xa"}}},
		{"keywords re", "'|re': ['x\\d', 'y$']", []doc{{"": "ax1b"}, {"": "zy"}}, []doc{{"": "ya"}, {"a": "x1"}}},
		{"re|s", "a|re|s: 'a.b'", []doc{{"a": "a\nb"}}, []doc{{"a": "ab"}}},
		{"cidr", "a|cidr: [10.0.0.0/8, 'fe80::/10', 192.0.2.1]", []doc{{"a": "10.2.3.4"}, {"a": "::ffff:10.1.1.1"}, {"a": "fe80::1%eth0"}, {"a": "192.0.2.1"}}, []doc{{"a": "11.0.0.1"}, {"a": "x"}, {}}},
		{"base64", "a|base64|contains: 'foo bar'", []doc{{"a": "x Zm9vIGJhcg== y"}}, []doc{{"a": "foo bar"}}},
		{"base64offset", "a|base64offset|contains: 'http://'", []doc{{"a": "aHR0cDovL3g="}, {"a": "eGh0dHA6Ly94"}, {"a": "eHhodHRwOi8veA=="}}, []doc{{"a": "http://"}}},
		{"wide base64offset", "a|wide|base64offset|contains: 'ping'", []doc{{"a": "cABpAG4AZwA="}}, []doc{{"a": "cGluZw=="}}},
		{"utf16be", "a|utf16be|contains: 'hi'", []doc{{"a": "x\x00h\x00i"}}, []doc{{"a": "hi"}}},
		{"utf16", "a|utf16: 'hi'", []doc{{"a": "\xff\xfeh\x00i\x00"}}, []doc{{"a": "h\x00i\x00"}}},
		{"windash", "a|contains|windash: ' -enc'", []doc{{"a": "p /enc x"}, {"a": "p -ENC"}, {"a": "p \u2013enc"}, {"a": "p \u2015enc"}}, []doc{{"a": "p enc"}}},
		{"windash with all", "a|windash|contains|all: [' -a ', ' -b ']", []doc{{"a": "x /a -b "}}, []doc{{"a": "x /a -a "}}},
		{"windash leaves words alone", "a|windash|contains: 'foo-bar'", []doc{{"a": "foo-bar"}}, []doc{{"a": "foo/bar"}}},
		{"exists", "a|exists: true", []doc{{"a": ""}}, []doc{{}}},
		{"exists not", "a|exists: false", []doc{{}}, []doc{{"a": "x"}}},
		{"gt", "a|gt: 10", []doc{{"a": 11}, {"a": "10.5"}}, []doc{{"a": 10}, {"a": "x"}, {}}},
		{"gte", "a|gte: 10", []doc{{"a": 10}}, []doc{{"a": 9}}},
		{"lt", "a|lt: 10", []doc{{"a": -1}, {"a": 9.9}}, []doc{{"a": 10}}},
		{"lte", "a|lte: 10", []doc{{"a": "10"}}, []doc{{"a": 11}}},
		{"minute", "a|minute: 5", []doc{{"a": "2026-01-02T03:05:09Z"}, {"a": "2026-01-02 03:05:09.25"}}, []doc{{"a": "2026-01-02T05:03:09Z"}, {"a": "5"}, {"a": 3600}, {}}},
		{"hour", "a|hour: [3, 4]", []doc{{"a": "2026-01-02T03:05:09+02:00"}, {"a": 1767326400}}, []doc{{"a": "2026-01-02T01:05:09Z"}, {"a": "3"}}},
		{"hour range", "a|hour|gte: 22", []doc{{"a": "2026-01-02T22:00:00Z"}}, []doc{{"a": "2026-01-02T21:59:59Z"}}},
		{"hour range the other way round", "a|lt|hour: 6", []doc{{"a": "2026-01-02T05:59:59Z"}}, []doc{{"a": "2026-01-02T06:00:00Z"}}},
		{"day", "a|day: 31", []doc{{"a": "2026-01-31"}}, []doc{{"a": "2026-01-30"}}},
		{"day neq", "a|day|neq: 31", []doc{{"a": "2026-01-30"}, {}, {"a": "no time"}}, []doc{{"a": "2026-01-31"}}},
		{"week", "a|week: 53", []doc{{"a": "2026-12-31"}, {"a": "2027-01-03"}}, []doc{{"a": "2027-01-04"}}},
		{"month", "a|month: 12", []doc{{"a": "2026-12-31"}, {"a": 1798675200000}}, []doc{{"a": "2027-01-04"}}},
		{"year", "a|year|gt: 2026", []doc{{"a": "2027-01-04"}, {"a": "1798761600000000000"}}, []doc{{"a": "2026-12-31"}}},
		{"neq null", "a|neq: null", []doc{{"a": ""}, {"a": "x"}}, []doc{{}}},
		{"neq of a number", "a|neq: 5", []doc{{"a": 6}, {}}, []doc{{"a": 5}, {"a": "5"}}},
		{"neq list with all", "a|contains|all|neq: [x, y]", []doc{{"a": "x"}, {}}, []doc{{"a": "xy"}}},
		{"empty contains", "a|contains: ''", []doc{{"a": "x"}, {"a": ""}}, []doc{{}}},
		{"three backslashes", `a: 'x\\\y'`, []doc{{"a": `x\\y`}}, []doc{{"a": `x\y`}, {"a": `x\\\y`}}},
		{"four backslashes", `a: 'x\\\\y'`, []doc{{"a": `x\\y`}}, []doc{{"a": `x\y`}}},
		{"escaped backslash and star", `a: 'x\\\*y'`, []doc{{"a": `x\*y`}}, []doc{{"a": `x\ay`}, {"a": `x*y`}}},
		{"backslash at the end", `a|endswith: 'x\'`, []doc{{"a": `ax\`}}, []doc{{"a": `ax`}}},
		{"fieldref startswith", "a|fieldref|startswith: b", []doc{{"a": "x/y", "b": "X"}}, []doc{{"a": "yx", "b": "x"}}},
		{"fieldref contains", "a|fieldref|contains: b", []doc{{"a": "1x2", "b": "X"}}, []doc{{"a": "12", "b": "x"}}},
		{"fieldref neq", "a|fieldref|neq: b", []doc{{"a": "x", "b": "y"}, {"a": "x"}}, []doc{{"a": "x", "b": "X"}}},
		{"fieldref cased", "a|fieldref|cased: b", []doc{{"a": "x", "b": "x"}}, []doc{{"a": "x", "b": "X"}}},
		{"cidr neq", "a|cidr|neq: 10.0.0.0/8", []doc{{"a": "11.0.0.1"}, {}}, []doc{{"a": "10.0.0.1"}}},
		{"base64 of wide", "a|utf16le|base64|contains: 'hi'", []doc{{"a": "xaABpAA=="}}, []doc{{"a": "aGk="}}},
		{"fieldref", "a|fieldref: b", []doc{{"a": "x", "b": "X"}}, []doc{{"a": "x", "b": "y"}, {"a": "x"}, {}}},
		{"fieldref endswith", "a|fieldref|endswith: b", []doc{{"a": "/bin/x", "b": "x"}}, []doc{{"a": "x", "b": "/bin/x"}}},
		{"neq", "a|neq: [x, y]", []doc{{"a": "z"}, {}}, []doc{{"a": "x"}, {"a": "Y"}}},
		{"neq contains", "a|contains|neq: x", []doc{{"a": "z"}}, []doc{{"a": "axb"}}},
		{"keywords", "- foo\n- b*r", []doc{{"": "a FOO"}, {"": []string{"x", "beer"}}}, []doc{{"a": "foo"}, {"": "br"}}[:1]},
		{"keywords all", "'|all': [dd, if=]", []doc{{"": "dd if=x"}, {"": []string{"dd", "if=x"}}}, []doc{{"": "dd"}}},
		{"list of maps", "- a: x\n- b: y", []doc{{"a": "x"}, {"b": "y"}}, []doc{{"a": "y"}}},
		{"maps and keywords", "- a: x\n- kw", []doc{{"a": "x"}, {"": "has kw"}}, []doc{{"a": "kw"}}},
		{"long list", "a|contains: [l1x, l2x, l3x, l4x, l5x, l6x, l7x, l8x, l9x, m1x, m2x, m3x, m4x, m5x, m6x, m7x, m8x, m9x, n1x, n2x, n3x, n4x, n5x, n6x, n7x, n8x, n9x]", []doc{{"a": "--l9x"}}, []doc{{"a": "l10x"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := compile(t, rule("selection:\n  "+strings.ReplaceAll(c.selection, "\n", "\n  ")+"\ncondition: selection"),
				rule("selection:\n  "+strings.ReplaceAll(c.selection, "\n", "\n  ")+"\ncondition: not selection"))
			m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
			for want, docs := range map[bool][]doc{true: c.yes, false: c.no} {
				for _, values := range docs {
					fill(d, set, values)
					var got []*sigma.Rule
					m.Match(d, func(match detect.Match) { got = append(got, match.Rule) })
					if len(got) != 1 || (got[0] == set.Rules()[0]) != want {
						t.Errorf("%q: matched %t, want %t", values, !want, want)
					}
					if e := d.Explain(set.Rules()[0]); e.Holds != want {
						t.Errorf("%q: explained as %t, want %t", values, e.Holds, want)
					}
				}
			}
		})
	}
}

// TestPresence holds the index against the plain evaluation of rules that ask
// whether a field has a value, of which none is evaluated without one.
func TestPresence(t *testing.T) {
	set := compile(
		t,
		rule("s: {a|exists: true}\ncondition: s"), rule("s: {a: '*'}\ncondition: s"),
		rule("s: {a|exists: true}\nn: {b|exists: true}\ncondition: s and not n"),
		rule("s: {a|exists: false}\nn: {b: null}\ncondition: not s and not n"),
		rule("s: {a|exists: true, a|startswith: x}\ncondition: s"), rule("s: [{a|exists: true}, {b|contains: seldom}]\ncondition: s"),
	)
	if always := set.Stats().Always; always != 0 {
		t.Errorf("%d rules are evaluated for every event", always)
	}
	m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
	long := strings.Repeat("x", 300)
	values := []any{nil, "", "x", "é", long, 7, []string{"", "y"}, []string{"a", "b", "c", "d", "x", long}}
	for _, a := range values {
		for _, b := range values {
			fields := make(map[string]any)
			for name, v := range map[string]any{"a": a, "b": b} {
				if v != nil {
					fields[name] = v
				}
			}
			fill(d, set, fields)
			m.Match(d, func(detect.Match) {})
			got := detect.MatchedRules(m)
			for _, r := range set.Rules() {
				if want := detect.HoldsPlainly(d, r); slices.Contains(got, r) != want {
					t.Errorf("line %d on %.40q: the index says %t, the rule %t", r.Line, fmt.Sprint(fields), !want, want)
				}
			}
		}
	}
}
