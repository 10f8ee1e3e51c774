package sigma_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/finding"
)

const head = "title: t\nlogsource: {product: linux}\n"

// detection returns a rule whose detection map has the given lines.
func detection(lines string) string {
	return head + "detection:\n  " + strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n  ") + "\n"
}

func TestRuleIsReadWhole(t *testing.T) {
	rules, err := sigma.Parse("dir/r.yml", []byte(`# a comment
title: Reverse shell
id: 7e4bfe58-4a47-4709-828d-d86c78b7cc1f
name: shell
status: stable
description: |
    Two
    lines.
author: The Holdfast authors
date: 2026-01-02
references: [https://example.com/a]
tags: [attack.execution, attack.defense_evasion, attack.t1059.004, attack.g0032, cve.2021-1]
falsepositives: [none]
logsource: {product: Linux, category: process_creation, definition: x}
detection:
  sel:
    Image|endswith: ['/sh', '/bash']
  condition: sel
level: critical
custom: {ignored: true}
holdfast:
  alert_type: VM_ReverseShell
  story: "{User} did it"
  remediation: [one, two]
`))
	if err != nil {
		t.Fatal(err)
	}
	r := rules[0]
	if r.Title != "Reverse shell" || r.Line != 2 || r.Path != "dir/r.yml" || r.Name != "shell" || r.Status != "stable" ||
		r.Description != "Two\nlines." || r.Date != "2026-01-02" || r.Level.Severity() != finding.High ||
		r.LogSource != (sigma.LogSource{Product: "linux", Category: "process_creation"}) {
		t.Errorf("rule is %+v", r)
	}
	if diff := cmp.Diff([]finding.Tactic{"execution", "defense-evasion"}, r.Tactics()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]finding.Technique{"T1059.004"}, r.Techniques()); diff != "" {
		t.Error(diff)
	}
	want := sigma.Holdfast{AlertType: "VM_ReverseShell", Story: "{User} did it", Remediation: []string{"one", "two"}}
	if diff := cmp.Diff(want, r.Holdfast); diff != "" {
		t.Error(diff)
	}
	if s := r.Detection.Selections[0]; s.Name != "sel" || s.Line != 16 || s.Groups[0][0].Line != 17 || len(s.Groups[0][0].Values) != 2 {
		t.Errorf("selection is %+v", s)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	ok := "s: {a: x}\ncondition: "
	corr := func(body string) string { return "title: t\ncorrelation:\n  " + strings.ReplaceAll(body, "\n", "\n  ") }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "f.yml: the file holds no rule"},
		{"only comments", "# nothing\n", "f.yml: the file holds no rule"},
		{"not YAML", "title: [", "f.yml:1: not YAML"},
		{"not a map", "- a\n- b", "f.yml:1: a rule must be a map"},
		{"no title", "logsource: {product: x}\ndetection: {s: {a: x}, condition: s}", "no title"},
		{"no logsource", "title: t\ndetection: {s: {a: x}, condition: s}", "no logsource"},
		{"no detection", head, "neither a detection nor a correlation"},
		{"no condition", detection("s: {a: x}"), "f.yml:4: the detection has no condition"},
		{"no selection", detection("condition: s"), "no selection"},
		{"bad level", head + "level: severe", `f.yml:3: level "severe" is not one of`},
		{"bad id", head + "id: 12\ndetection: {s: {a: x}, condition: s}", `id "12" is not a UUID`},
		{"key twice", head + "detection:\n  s: {a: x}\n  s: {a: y}\n  condition: s", `f.yml:5: the key "s" is there twice`},
		{"alias", head + "detection:\n  s: &a {a: x}\n  r: *a\n  condition: s", "YAML aliases"},
		{"merge key", head + "detection:\n  s: {<<: {a: x}}\n  condition: s", "merge keys"},
		{"deep", "title: " + strings.Repeat("[", 40) + strings.Repeat("]", 40), "nested deeper"},
		{"holdfast", head + "holdfast: {alert: x}", `holdfast has no "alert"`},
		{"unknown action", "action: merge\n" + head, `f.yml:1: action "merge" is none of a collection: use global, reset or repeat`},
		{"repeat of nothing", "action: repeat\n" + head, "f.yml:1: action: repeat needs a rule before it"},
		{"only a global document", "action: global\n" + head, "f.yml: the file holds no rule"},
		{"global says otherwise", "action: global\nlevel: low\n---\nlevel: high\n" + detection(ok+"s"), "f.yml:4: the global document has level, too, with another value (line 2)"},
		{"filter without rules", head + "filter: {s: {a: x}, condition: not s}", "f.yml:3: the filter does not say for which rules"},
		{"filter of no rules", head + "filter:\n  rules: []\n  s: {a: x}\n  condition: not s", "f.yml:4: the filter names no rules"},
		{"filter without condition", head + "filter: {rules: any, s: {a: x}}", "has no condition"},
		{"filter without logsource", "title: t\nfilter: {rules: any, s: {a: x}, condition: not s}", "no logsource"},
		{"filter and detection", head + "filter: {rules: any, s: {a: x}, condition: not s}\ndetection: {s: {a: x}, condition: s}", "not several"},
		{"pipeline", "name: p\nvars: {a: b}", "f.yml:2: vars belongs to a processing pipeline: name the file pipeline.yml"},
		{"timeframe", detection("timeframe: 5m\n" + ok + "s"), "timeframe is Sigma 1"},

		{"unknown selection", detection(ok + "s and t"), `names selection "t", which the detection does not have: it has s`},
		{"aggregation", detection(ok + "s | count() > 5"), `aggregations in a condition ("| count() > 5") are Sigma 1`},
		{"no operator", detection(ok + "s s"), `"s" in the condition is not expected here`},
		{"open parenthesis", detection(ok + "(s"), "lacks a closing parenthesis"},
		{"closing parenthesis", detection(ok + "s)"), `")" in the condition is not expected`},
		{"ends early", detection(ok + "s and"), "ends where a selection is expected"},
		{"operator first", detection(ok + "and s"), `"and" in the condition stands where a selection is expected`},
		{"them alone", detection(ok + "them"), `needs "1 of" or "all of" before it`},
		{"glob alone", detection(ok + "s*"), `needs "1 of" or "all of" before it`},
		{"no such glob", detection(ok + "1 of x*"), `no selection is named like "x*"`},
		{"no quantity", detection(ok + "some of s*"), "is no quantity"},
		{"too many", detection(ok + "2 of s*"), "only 1 selections are named so"},
		{"nothing after of", detection(ok + "1 of"), "needs a selection pattern"},
		{"strange character", detection(ok + "s & s"), `'&' cannot be in a condition`},
		{"too deep", detection(ok + strings.Repeat("not ", 100) + "s"), "nested deeper than 64"},
		{"condition is a map", detection("s: {a: x}\ncondition: {a: b}"), "a condition must be text"},

		{"unknown modifier", detection("s: {a|has: x}\ncondition: s"), `f.yml:4: "has" is not a modifier of Sigma: use one of all,`},
		{"modifier in capitals", detection("s: {a|Contains: x}\ncondition: s"), "write it in lower case"},
		{"two places", detection("s: {a|contains|endswith: x}\ncondition: s"), "only one of contains, startswith and endswith"},
		{"two operations", detection("s: {a|re|cidr: x}\ncondition: s"), "only one of re, cidr"},
		{"flag without re", detection("s: {a|i: x}\ncondition: s"), "write re|i"},
		{"parenthesis out of place", detection("s: {a|re|startswith: 'x)(y'}\ncondition: s"), "regular expression"},
		{"bad hour", detection("s: {a|hour: 24}\ncondition: s"), "f.yml:4: a|hour: the hour of a time is a whole number from 0 to 23, not 24"},
		{"two parts of a time", detection("s: {a|hour|day: 3}\ncondition: s"), "only one of minute, hour"},
		{"part of a time as text", detection("s: {a|hour|contains: 3}\ncondition: s"), "leave the modifiers for text out"},
		{"part of a time as network", detection("s: {a|hour|cidr: 10.0.0.0/8}\ncondition: s"), "go with lt, lte, gt, gte and neq only"},
		{"no number", detection("s: {a|gt: .nan}\ncondition: s"), `".nan" is not a number`},
		{"lookahead", detection("s: {a|re: 'a(?=b)'}\ncondition: s"), `uses lookahead, which RE2 does not have: test for each part`},
		{"negative lookbehind", detection("s: {a|re: '(?<!a)b'}\ncondition: s"), "negative lookbehind"},
		{"back reference", detection(`s: {a|re: '(a)\1'}` + "\ncondition: s"), "back reference"},
		{"broken regexp", detection("s: {a|re: 'a('}\ncondition: s"), `regular expression "a(": missing closing )`},
		{"exploding regexp", detection("s: {a|re: '((a{100}){100}){100}'}\ncondition: s"), "regular expression"},
		{"bad network", detection("s: {a|cidr: 10.0.0.0/33}\ncondition: s"), "is not a network like 10.0.0.0/8"},
		{"bad number", detection("s: {a|gt: ten}\ncondition: s"), `"ten" is not a number`},
		{"bad exists", detection("s: {a|exists: 1}\ncondition: s"), `"1" is neither true nor false`},
		{"exists twice", detection("s: {a|exists: [true, false]}\ncondition: s"), "takes one value"},
		{"placeholder", detection("s: {a|expand: '%x%'}\ncondition: s"), "f.yml:4: a|expand: placeholder %x% has no values: give it some in a file pipeline.yml"},
		{"open placeholder", detection("s: {a|expand: 'x%'}\ncondition: s"), "begins no placeholder"},
		{"base64 of a wildcard", detection("s: {a|base64: 'x*'}\ncondition: s"), "wildcards cannot be encoded in base64"},
		{"encoded null", detection("s: {a|contains: null}\ncondition: s"), "null has no text"},
		{"empty list", detection("s: {a: []}\ncondition: s"), "the list of values of"},
		{"empty map", detection("s: {}\ncondition: s"), "the selection is empty"},
		{"list in list", detection("s: {a: [[x]]}\ncondition: s"), "not a list or a map"},
		{"empty keyword", detection("s: ['']\ncondition: s"), "empty keyword"},
		{"keyword with gt", detection("s: {'|gt': 1}\ncondition: s"), "needs a field before it"},
		{"too many dashes", detection("s: {a|windash: '-a -b -c -d -e'}\ncondition: s"), "windash varies at most 4"},

		{"correlation type", corr("type: magic"), `f.yml:3: "magic" is no type of correlation: use event_count,`},
		{"no rules", corr("type: event_count\ntimespan: 1m\ncondition: {gte: 1}"), "names no rules"},
		{"timespan", corr("type: event_count\ntimespan: 1 fortnight"), `timespan "1 fortnight" is not a number`},
		{"no timespan", corr("type: event_count\nrules: [a]\ncondition: {gte: 1}"), "has no timespan"},
		{"no bound", corr("type: event_count\nrules: [a]\ntimespan: 1m"), "has no condition"},
		{"impossible bounds", corr("type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {gt: 5, lt: 3}"), "no count satisfies"},
		{"value_count without field", corr("type: value_count\nrules: [a]\ntimespan: 1m\ncondition: {gt: 5}"), "value_count needs the field in its condition"},
		{"sum of two fields", corr("type: value_sum\nrules: [a]\ntimespan: 1m\ncondition: {field: [x, y], gt: 5}"), "measures one field"},
		{"sum that cannot be", corr("type: value_sum\nrules: [a]\ntimespan: 1m\ncondition: {field: x, gt: 5, lt: 5}"), "no value satisfies"},
		{"percentile of a count", corr("type: value_count\nrules: [a]\ntimespan: 1m\ncondition: {field: x, gt: 5, percentile: 5}"), "use value_percentile"},
		{"percentile", corr("type: value_percentile\nrules: [a]\ntimespan: 1m\ncondition: {field: x, gt: 5, percentile: 101}"), `percentile "101" is not a number above 0`},
		{"count of a part", corr("type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {gt: 1.5}"), "is not a whole number"},
		{"field of a sequence", corr("type: temporal\nrules: [a, b]\ntimespan: 1m\ncondition: {field: x, gte: 1}"), "counts no field"},
		{"part of a sequence", corr("type: temporal_ordered\nrules: [a, b, c]\ntimespan: 1m\ncondition: {gte: 2}"), "needs every rule"},
		{"few rules", corr("type: temporal\nrules: [a, b]\ntimespan: 1m\ncondition: {lte: 1}"), "use gt or gte alone"},
		{"too many rules", corr("type: temporal\nrules: [a, b]\ntimespan: 1m\ncondition: {gte: 3}"), "joins 2 rules, which never satisfies"},
		{"temporal of one", corr("type: temporal\nrules: [a]\ntimespan: 1m"), "joins at least two rules"},
		{"unknown key", corr("type: temporal\nwithin: 5m"), `a correlation has no "within"`},
		{"expression", corr("type: temporal\nrules: [a, b]\ntimespan: 1m\ncondition: a and not b"), "conditions over rule names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, err := sigma.Parse("f.yml", []byte(c.text))
			if err == nil {
				t.Fatalf("accepted as %+v", rules)
			}
			if problems := sigma.Problems(err); len(problems) != 1 {
				t.Fatalf("%d problems: %v", len(problems), err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not say %q", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has more than one line", err)
			}
		})
	}
}

func TestGoodDocumentsSurviveBadOnes(t *testing.T) {
	rules, err := sigma.Parse("f.yml", []byte(detection("s: {a: x}\ncondition: s")+"---\ntitle: bad\n---\n"+detection("s: {a: y}\ncondition: s")))
	if len(rules) != 2 || rules[1].Line != 9 {
		t.Errorf("got %d rules, the second at line %d", len(rules), rules[1].Line)
	}
	problems := sigma.Problems(err)
	if len(problems) != 1 || problems[0].Line != 7 || problems[0].Path != "f.yml" {
		t.Errorf("problems are %v", err)
	}
}

func TestTooLargeFile(t *testing.T) {
	if _, err := sigma.Parse("f.yml", make([]byte, sigma.MaxFileBytes+1)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error is %v", err)
	}
}

// holds evaluates a condition given which selections hold.
func holds(x sigma.Expr, on map[int]bool) bool {
	switch x := x.(type) {
	case sigma.And:
		for _, p := range x {
			if !holds(p, on) {
				return false
			}
		}
		return true
	case sigma.Or:
		for _, p := range x {
			if holds(p, on) {
				return true
			}
		}
		return false
	case sigma.Not:
		return !holds(x.X, on)
	case sigma.Ref:
		return on[int(x)]
	}
	panic("unknown expression")
}

func TestConditions(t *testing.T) {
	names := []string{"a1", "a2", "a3", "b", "_c"}
	for _, c := range []struct{ condition, yes, no string }{
		{"a1", "a1", "a2"},
		{"a1 and b", "a1,b", "a1"},
		{"a1 or a2 and b", "a1; a2,b", "a2; b"},
		{"(a1 or a2) and b", "a1,b", "a1"},
		{"not a1 and b", "b", "a1,b;"},
		{"not (a1 and b)", "a1;b;", "a1,b"},
		{"not not b", "b", ""},
		{"1 of a*", "a1;a3", "b"},
		{"any of a*", "a2", "b"},
		{"all of a*", "a1,a2,a3", "a1,a2"},
		{"2 of a*", "a1,a3;a2,a3", "a1;b,a1"},
		{"1 of them", "b", "_c"},
		{"all of them", "a1,a2,a3,b", "a1,a2,a3,_c"},
		{"1 of _*", "_c", "a1"},
		{"1 of *1", "a1", "a2"},
		{"a1 AND NOT b", "a1", "a1,b"},
		{"b and not 1 of a*", "b", "b,a2"},
		{"a1\n  or b", "b", "a2"},
	} {
		t.Run(c.condition, func(t *testing.T) {
			text := detection("a1: {x: x}\na2: {x: x}\na3: {x: x}\nb: {x: x}\n_c: {x: x}\ncondition: " + fmt.Sprintf("%q", c.condition))
			rules, err := sigma.Parse("f.yml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			for want, sets := range map[bool]string{true: c.yes, false: c.no} {
				for _, set := range strings.Split(sets, ";") {
					on := map[int]bool{}
					for i, name := range names {
						for _, s := range strings.Split(set, ",") {
							on[i] = on[i] || strings.TrimSpace(s) == name
						}
					}
					if got := holds(rules[0].Detection.Condition, on); got != want {
						t.Errorf("with {%s}: %t, want %t", set, got, want)
					}
				}
			}
		})
	}
}

func TestPatternsKeepTheirText(t *testing.T) {
	for text, want := range map[string]string{
		`abc`: `abc`, `a*b`: `a*b`, `a**b`: `a*b`, `a*?b`: `a?*b`, `a\*b`: `a\*b`, `C:\x`: `C:\\x`, `a\\b`: `a\\b`, `a\\\*`: `a\\\*`, `\`: `\\`, `?`: `?`, ``: ``,
	} {
		if got := sigma.ParsePattern(text).String(); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if again := sigma.ParsePattern(want).String(); again != want {
			t.Errorf("%q reads back as %q", want, again)
		}
	}
}

func TestCorrelationIsRead(t *testing.T) {
	rules, err := sigma.Parse("f.yml", []byte(`title: t
correlation:
  type: value_count
  rules: [one, two]
  group-by: [who, host]
  timespan: 2h
  aliases: {who: {one: User, two: TargetUser}}
  condition: {field: ip, gt: 2, lte: 9}
  generate: true
`))
	if err != nil {
		t.Fatal(err)
	}
	c := rules[0].Correlation
	if c.Type != sigma.ValueCount || c.Timespan != 2*time.Hour || c.Fields[0] != "ip" || !c.Generate || c.Aliases["who"]["two"] != "TargetUser" || c.Lines[1] != 4 {
		t.Errorf("correlation is %+v", c)
	}
	for n, want := range map[float64]bool{2: false, 3: true, 9: true, 10: false} {
		if c.Holds(n) != want {
			t.Errorf("%v holds: %t, want %t", n, !want, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(detection("s: {a|contains|windash: ['-x', null], '|all': [k]}\nk: [x, {b|re|i: '^a'}]\ncondition: 1 of s* and not (k or s)")))
	f.Add([]byte("title: t\ncorrelation: {type: temporal, rules: [a, b], timespan: 1m, group-by: [x]}\n---\n- a\n"))
	f.Add([]byte(detection("s: {a|wide|base64offset|contains: x, b|cidr: '::/0', c|gte: 1e9, d|exists: no, e|fieldref: a, f|neq: ''}\ncondition: all of them")))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := sigma.Parse("f.yml", data)
		if len(rules) == 0 && err == nil {
			t.Error("no rules and no error")
		}
		for _, p := range sigma.Problems(err) {
			if p.Path != "f.yml" || p.Reason == "" {
				t.Errorf("problem %+v does not say where or what", p)
			}
		}
	})
}

func FuzzCondition(f *testing.F) {
	for _, c := range []string{"a and not (b or 1 of a*)", "2 of them", "not not a", "((a", "all of"} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, condition string) {
		sigma.Parse("f.yml", []byte(detection("a: {x: x}\nb: {x: x}\nab: {x: x}\ncondition: "+fmt.Sprintf("%q", condition))))
	})
}
