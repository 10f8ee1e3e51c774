package syntax

import (
	"fmt"
	"strings"
	"testing"
)

// written returns an expression with all its brackets.
func written(e Expr) string {
	list := func(exprs []Expr) string {
		var all []string
		for _, e := range exprs {
			all = append(all, written(e))
		}
		return strings.Join(all, ", ")
	}
	not := func(n bool) string { return map[bool]string{true: "!"}[n] }
	switch e := e.(type) {
	case *Ref:
		return e.Text
	case *Literal:
		return e.Kind.String() + ":" + e.Value.String()
	case *Call:
		return e.Function.Text + "(" + list(e.Arguments) + ")"
	case *Binary:
		return "(" + written(e.Left) + " " + e.Op.Text + " " + written(e.Right) + ")"
	case *Not:
		return "(not " + written(e.Operand) + ")"
	case *Negative:
		return "(-" + written(e.Operand) + ")"
	case *In:
		return fmt.Sprintf("(%s %sin fold=%v [%s])", written(e.Operand), not(e.Not), e.Fold, list(e.List))
	case *Between:
		return fmt.Sprintf("(%s %sbetween %s..%s)", written(e.Operand), not(e.Not), written(e.Low), written(e.High))
	}
	return "?"
}

func TestConditions(t *testing.T) {
	for query, want := range map[string]string{
		`a == "x" or b == 1 and not c > 2.5`:                                     `((a == text:x) or ((b == int:1) and (not (c > real:2.5))))`,
		`(a == 1 or b == 2) and c == 3`:                                          `(((a == int:1) or (b == int:2)) and (c == int:3))`,
		`a + 2 * b - -1 < c % 0x1f`:                                              `(((a + (int:2 * b)) - (-int:1)) < (c % int:31))`,
		`user.name !in~ ("a", 'b')`:                                              `(user.name !in fold=true [text:a, text:b])`,
		`time between (ago(1d) .. now())`:                                        `(time between ago(duration:24h0m0s)..now())`,
		`x matches regex @"^\d+""$"`:                                             `(x matches regex text:^\d+"$)`,
		`x !CONTAINS "a\"\x41\n" // why`:                                         "(x !contains text:a\"A\n)",
		`t > datetime(2026-11-23) and t < datetime("2026-11-23T10:00:00+02:00")`: `((t > time:2026-11-23T00:00:00Z) and (t < time:2026-11-23T08:00:00Z))`,
		`exists(a.b.c)`:                                                          `exists(a.b.c)`,
		`a == true`:                                                              `(a == bool:true)`,
		`d > 1.5h`:                                                               `(d > duration:1h30m0s)`,
		`x == ""`:                                                                `(x == text:)`,
	} {
		q, p := Parse("events | where " + query)
		if p != nil {
			t.Errorf("%s: %v", query, p)
			continue
		}
		if got := written(q.Stages[0].(*Where).Condition); got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestStages(t *testing.T) {
	q, p := Parse(`process
	| where a == 1
	| search "x"
	| extend n = strlen(a), m = 2
	| project a, n, k = a
	| summarize count(), c = dcount(a) by b, bin(time, 1h)
	| sort by c desc, b asc
	| top 5 by c
	| distinct a
	| take 10
	| count`)
	if p != nil {
		t.Fatal(p)
	}
	var kinds []string
	for _, s := range q.Stages {
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", s), "*syntax."))
	}
	if got := strings.Join(kinds, " "); got != "Where Search Extend Project Summarize Sort Sort Distinct Take Count" {
		t.Errorf("stages are %s", got)
	}
	sum := q.Stages[4].(*Summarize)
	if len(sum.Values) != 2 || sum.Values[1].Name.Text != "c" || len(sum.By) != 2 {
		t.Errorf("summarize is %+v", sum)
	}
	if keys := q.Stages[5].(*Sort).Keys; !keys[0].Descending || keys[1].Descending {
		t.Errorf("keys are %+v", keys)
	}
	if top := q.Stages[6].(*Sort); top.Take != 5 || !top.Keys[0].Descending {
		t.Errorf("top is %+v", top)
	}
}

func TestProblemsSayWhereAndWhatToDo(t *testing.T) {
	for query, want := range map[string]string{
		"":                                         `line 1, column 1: the end of the query stands where the source should; begin with events`,
		"where a == 1":                             `line 1, column 1: "where" is a stage, not a source; begin with events | where`,
		"events | wher a == 1":                     `line 1, column 10: "wher" is no stage; did you mean where?`,
		"events where a == 1":                      `line 1, column 8: "where" stands where the stage should end; put a | before where`,
		"events\n| where a = 1":                    `line 2, column 11: "=" stands where the stage should end; write == to compare`,
		"events | where a == \"x":                  `line 1, column 21: the text has no end; close it with "`,
		"events | where ä == 1":                    `line 1, column 16: 'ä' has no meaning here`,
		"events | where a == “x”":                  `straight quotes`,
		"events | where a == 1 && b == 2":          `line 1, column 23: '&' has no meaning here; write "and"`,
		"events | where (a == 1":                   `the end of the query stands where ")" should; a bracket is open`,
		"events | where a == 5x":                   `"5x" is neither a number nor a length of time; lengths of time are written`,
		"events | where a == \"\\d\"":              `a backslash begins an escape, and this is none; double it`,
		"events | take x":                          `"x" is not a number of rows`,
		"events | take 99999999":                   `is not a number of rows`,
		"events | sort a":                          `"a" stands where "by" should; write sort by column desc`,
		"events | extend strlen(a)":                `extend needs a name for what it computes`,
		"events | where a matches \"x\"":           `stands where "regex" should; write matches regex "pattern"`,
		"events | where a in \"x\"":                `write in ("one", "two")`,
		"events | where a between (1, 2)":          `write between (low .. high)`,
		"events | where t > datetime(x)":           `"x" is no moment; write datetime(2026-11-23)`,
		"events | where a cntains \"x\"":           `did you mean contains?`,
		"events | project *":                       `name the fields`,
		"events | search curl":                     `"curl" is not a text to search for; write search "text"`,
		"events | where a == 99999999999999999999": `is not a number that fits 64 bits`,
		"events |":                                 `the end of the query is no stage`,
		"events | where a == \xff":                 `not valid UTF-8`,
	} {
		_, p := Parse(query)
		if p == nil {
			t.Errorf("%q is accepted", query)
		} else if !strings.Contains(p.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", query, p, want)
		}
	}
}

func TestBounds(t *testing.T) {
	for name, query := range map[string]string{
		"length":   "events | where a == \"" + strings.Repeat("x", MaxLength) + "\"",
		"brackets": "events | where " + strings.Repeat("(", 1000) + "a" + strings.Repeat(")", 1000),
		"nots":     "events | where " + strings.Repeat("not ", 1000) + "a",
		"minus":    "events | where a == " + strings.Repeat("-", 1000) + "1",
		"stages":   "events" + strings.Repeat("| count", MaxStages+1),
		"ors":      "events | where a" + strings.Repeat(" or a", MaxList+1),
		"list":     "events | where a in (1" + strings.Repeat(",1", MaxList) + ")",
		"columns":  "events | project a" + strings.Repeat(",a", MaxColumns),
		"calls":    "events | where " + strings.Repeat("f(", 1000),
	} {
		if _, p := Parse(query); p == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`process | where a contains "x" and b in (1, 2) | summarize count() by bin(time, 1h) | sort by count_`)
	f.Add(`events | where t between (datetime(2026-01-01) .. ago(1d)) or not x matches regex @"a\b" | take 5`)
	f.Add("events // comment\n| extend a = -1.5 * 0x1f % 3 | top 3 by a asc")
	f.Fuzz(func(t *testing.T, query string) {
		q, p := Parse(query)
		switch {
		case p == nil && q == nil:
			t.Fatal("neither a tree nor a problem")
		case p != nil && (p.Line < 1 || p.Column < 1 || p.Length < 0 || p.Reason == ""):
			t.Fatalf("problem %+v", p)
		}
	})
}
