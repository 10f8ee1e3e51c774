package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

func TestReasons(t *testing.T) {
	set := compile(t, rule(`
shell:
  Image|endswith: [/sh, /bash]
  Args|contains|all: [-i, "&"]
odd:
- Port|gte: 4000
- Peer|cidr: 10.0.0.0/8
none: {User: root}
other: {Image: nothing}
condition: shell and (odd or other) and not none`))
	d := set.NewDocument()
	fill(d, set, map[string]any{"Image": "/usr/bin/BASH", "Args": []string{"-i", ">&"}, "Port": 4444, "User": "www"})
	want := []detect.Reason{
		{Field: "Image", Value: "/usr/bin/BASH", Condition: `ends with "/bash"`, Selection: "shell"},
		{Field: "Args", Value: "-i", Condition: `contains "-i"`, Selection: "shell"},
		{Field: "Args", Value: ">&", Condition: `contains "&"`, Selection: "shell"},
		{Field: "Port", Value: "4444", Condition: "is at least 4000", Selection: "odd"},
	}
	if diff := cmp.Diff(want, d.Reasons(set.Rules()[0])); diff != "" {
		t.Error(diff)
	}
}

func TestExplainSaysWhyNot(t *testing.T) {
	set := compile(t, rule("a: {Image|endswith: /sh}\nb: {User: [root, null]}\ncondition: a and not b"))
	d := set.NewDocument()
	fill(d, set, map[string]any{"Image": "/bin/sh", "User": "root"})
	root, empty := "root", "/bin/sh"
	want := detect.Explanation{Text: "all of", Parts: []detect.Explanation{
		{Text: "selection a", Holds: true, Line: 4, Parts: []detect.Explanation{
			{Text: `Image ends with "/sh"`, Holds: true, Field: "Image", Value: &empty, Line: 4},
		}},
		{Text: "not", Parts: []detect.Explanation{
			{Text: "selection b", Holds: true, Line: 5, Parts: []detect.Explanation{
				{Text: `User is "root"`, Holds: true, Field: "User", Value: &root, Line: 5},
			}},
		}},
	}}
	if diff := cmp.Diff(want, d.Explain(set.Rules()[0])); diff != "" {
		t.Error(diff)
	}
}

func TestExplainNamesTheLogSource(t *testing.T) {
	set := compile(t, strings.Replace(rule("a: {b: c}\ncondition: a"), "linux", "windows, category: x", 1))
	d := set.NewDocument()
	fill(d, set, map[string]any{"b": "c"})
	if e := d.Explain(set.Rules()[0]); e.Holds || e.Text != "the rule is for log source windows/x/*, the event is from linux/*/*" {
		t.Errorf("explained as %+v", e)
	}
}

func TestExpand(t *testing.T) {
	text := strings.Replace(rule("a: {b: c}\ncondition: a"), "title: t", "title: t\nholdfast: {story: '{User} ran {Image} {List} {Long} {Missing} {not a field}'}", 1)
	set := compile(t, text)
	d := set.NewDocument()
	fill(d, set, map[string]any{"User": "eve\n", "Image": "{User}", "List": []string{"x", "y"}, "Long": strings.Repeat("ä", 1000)})
	got := detect.Expand(set.Rules()[0].Holdfast.Story, d)
	want := "eve\n ran {User} x y " + strings.Repeat("ä", 256) + "… ? {not a field}"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExpandLeavesOut(t *testing.T) {
	for template, want := range map[string]string{
		"process {Pid}[ ({Image})].":                  "process 7 (/bin/sh).",
		"process {Pid}[ ({Missing})].":                "process 7.",
		"process {Pid}[ {Image} {Missing}].":          "process 7.",
		"process {Pid}[ {Empty}].":                    "process 7.",
		"[no field] {Pid} [[ {Missing}]]":             "[no field] 7 []",
		"{User} as {EffectiveUser}, not {TargetUser}": "user 33 as root, not 7",
		"{Brackets}": "[ {Missing}]",
	} {
		set := compile(t, strings.Replace(rule("a: {b: c}\ncondition: a"), "title: t", "title: t\nholdfast: {story: '"+template+"'}", 1))
		d := set.NewDocument()
		fill(d, set, map[string]any{
			"User": "33", "EffectiveUser": "root", "TargetUser": "7", "Pid": 7, "Image": "/bin/sh", "Empty": "", "Brackets": "[ {Missing}]",
		})
		if got := detect.Expand(set.Rules()[0].Holdfast.Story, d); got != want {
			t.Errorf("%s: got %q, want %q", template, got, want)
		}
	}
}

// fuzzRules uses every kind of predicate on few fields, so that fuzzed
// documents meet them.
const fuzzRules = `title: literals
logsource: {product: linux}
detection: {s: {a|contains: [ab, 'ÄÖ', "k"], b|endswith: b}, f: {a|startswith: x}, condition: s and not f}
---
title: globs
logsource: {product: linux}
detection: {s: {a: 'a*b?c*'}, t: {b|cased: 'A*b'}, condition: s or t}
---
title: regexps
logsource: {product: linux}
detection: {s: {a|re: '(?i)k[aA]{1,3}(x|yz)'}, t: {b|re: '^[a-f]{9,}\s'}, u: {a|re|s: 'a.+b|ÄC'}, condition: 1 of them}
---
title: absent and compared
logsource: {product: linux}
detection: {s: {a: null}, t: {b|gte: 12}, u: {a|fieldref: b}, v: {a: ''}, condition: s and t or u or v}
---
title: keywords
logsource: {product: linux}
detection: {k: [foo, b*r, '?x'], condition: k}
---
title: long list
logsource: {product: linux}
detection: {s: {a|contains: [q1, q2, q3, q4, q5, q6, q7, q8, q9, r1, r2, r3, r4, r5, r6, r7, r8, r9, s1, s2, s3, s4, s5, s6, s7, s8, s9, "0123456789abcdefX"]}, t: {b|neq: [x, y]}, condition: s and t}
---
title: long patterns only
logsource: {product: linux}
detection: {s: {c|contains: [0123456789abcdefghij, "IMPHASH=00112233445566778899"]}, condition: s}
---
title: times and places
logsource: {product: linux}
detection: {s: {a|hour|gte: 5}, t: {b|re|startswith: 'x|y\d'}, u: {c|fieldref|contains: b}, v: {a|minute: [0, 30]}, condition: s and not v or t or u}
---
title: without witness
logsource: {product: linux}
detection: {s: {a|endswith: z}, condition: not s}
`

// FuzzMatchersAgree holds the index against the evaluation of every rule.
func FuzzMatchersAgree(f *testing.F) {
	f.Add("xaby", "b", "foo", uint8(0))
	f.Add("KAyz", "abcdefabc \n", "bär", uint8(3))
	f.Add("äö", "12.5", "1x", uint8(1))
	f.Add("axbüc", "A\xffb", "\u212ax", uint8(7))
	f.Add("2026-01-02T05:06:07Z", "y1", "xy1", uint8(0))
	f.Add("1767326460", "Xy", "ax", uint8(1))
	f.Add("ſK", "K", "x0123456789ABCDEFGHIJ imphash=00112233445566778899", uint8(4))
	set := compile(f, fuzzRules)
	m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
	f.Fuzz(func(t *testing.T, a, b, c string, shape uint8) {
		values := map[string]any{"a": a, "b": b, "c": c, "": c}
		if shape&1 != 0 {
			values["a"] = strings.Split(a, "x")
		}
		if shape&2 != 0 {
			delete(values, "b")
		}
		if shape&4 != 0 {
			values["b"] = len(b)
		}
		fill(d, set, values)
		var got, want []string
		m.Match(d, func(match detect.Match) {
			got = append(got, match.Rule.Title)
			if match.Evidence()[0].Reasons == nil && match.Rule.Title != "without witness" {
				t.Errorf("%s matches without a reason", match.Rule.Title)
			}
		})
		for _, r := range set.Rules() {
			if detect.HoldsPlainly(d, r) {
				want = append(want, r.Title)
			}
			if e := d.Explain(r); e.Holds != detect.HoldsPlainly(d, r) {
				t.Errorf("%s is explained as %t", r.Title, e.Holds)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-plain +index)\n%s", fmt.Sprint(values), diff)
		}
	})
}

// FuzzRulesAgree lets the rule be fuzzed, too.
func FuzzRulesAgree(f *testing.F) {
	f.Add("s:\n  a|re: 'x{9,}[a-c]+'\ncondition: s", "xxxxxxxxxxa")
	f.Add("s:\n  a|contains|all: ['a*b', c]\nt: [k]\ncondition: s or not t", "axbc k")
	f.Add("s:\n  a|hour|neq: [5, 6]\n  a|re|endswith: 'b|c'\ncondition: s", "2026-01-02 05:00:00")
	f.Add("s:\n  a|windash: '-x'\n  b: null\ncondition: all of them", "/x")
	f.Fuzz(func(t *testing.T, detection, text string) {
		rules, err := sigma.Parse("f.yml", []byte(rule(detection)))
		if err != nil {
			return
		}
		set, _ := detect.Compile(rules)
		m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
		fill(d, set, map[string]any{"a": text, "": text})
		for _, r := range set.Rules() {
			matched := len(matchedIDs(m, d)) > 0
			if want := detect.HoldsPlainly(d, r); matched != want {
				t.Errorf("%q on %q: the index says %t, the evaluation %t", detection, text, matched, want)
			}
		}
	})
}

func TestRemediationShowsFieldsThatNothingElseNames(t *testing.T) {
	set := compile(t, rule("s: {a: x}\ncondition: s")+"holdfast: {remediation: ['kill {Pid}']}\n")
	d := set.NewDocument()
	fill(d, set, map[string]any{"a": "x", "Pid": 12})
	if got := detect.Expand(set.Rules()[0].Holdfast.Remediation[0], d); got != "kill 12" {
		t.Errorf("got %q", got)
	}
}
