package wording_test

import (
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/wording"
)

func item(t *testing.T, text string) *sigma.Item {
	t.Helper()
	rules, err := sigma.Parse("r.yml", []byte("title: t\nlogsource: {product: linux}\ndetection: {s: {"+text+"}, condition: s}"))
	if err != nil {
		t.Fatal(err)
	}
	return &rules[0].Detection.Selections[0].Groups[0][0]
}

func TestItem(t *testing.T) {
	for text, want := range map[string]string{
		"a: x":                              `is "x"`,
		"a|contains: [x, y]":                `contains "x" or contains "y"`,
		"a|startswith: x":                   `starts with "x"`,
		"a: 'x*y'":                          `matches "x*y"`,
		"a: ''":                             "is empty",
		"a: '*'":                            "has any value",
		"a: null":                           "is absent",
		"a|exists: true":                    "is present",
		"a|exists: false":                   "is absent",
		"a|re: 'x+'":                        "matches /x+/",
		"a|cidr: 10.0.0.0/8":                "lies in 10.0.0.0/8",
		"a|gte: 3":                          "is at least 3",
		"a|hour|lt: 6":                      "is a time whose hour is less than 6",
		"a|week: 6":                         "is a time whose week is 6",
		"a|fieldref|endswith: b":            "ends with the field b",
		"a|neq: [x, y]":                     `not: is "x" or is "y"`,
		"a: ['1', '2', '3', '4', '5', '6']": `is "1" or is "2" or is "3" or is "4" or is "5" or 1 more`,
	} {
		if got := wording.Item(item(t, text), nil); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestOnlyNamedValues(t *testing.T) {
	i := item(t, "a: [x, y, z]")
	if got := wording.Item(i, func(v *sigma.Value) bool { return v.Text == "y" }); got != `is "y"` {
		t.Errorf("got %q", got)
	}
	if got := wording.Item(i, func(*sigma.Value) bool { return false }); got != `is "x" or is "y" or is "z"` {
		t.Errorf("got %q", got)
	}
}

func TestBound(t *testing.T) {
	if got := wording.Bound(strings.Repeat("ä", 1000)); got != strings.Repeat("ä", 256)+"…" {
		t.Errorf("got %q", got)
	}
}
