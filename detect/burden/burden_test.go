package burden_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/burden"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// looking returns rules of which each looks for a value of so many bytes.
func looking(n, size int, field func(i int) string) (rules []*sigma.Rule) {
	value := sigma.Value{Pattern: sigma.ParsePattern(strings.Repeat("x", size))}
	for i := range n {
		item := sigma.Item{Field: field(i), Values: []sigma.Value{value}}
		rules = append(rules, &sigma.Rule{
			Path: fmt.Sprintf("r%d.yml", i), Line: 1, Title: "t",
			Detection: &sigma.Detection{Selections: []sigma.Selection{{Name: "s", Groups: []sigma.Group{{item}}}}, Condition: sigma.Ref(0)},
		})
	}
	return rules
}

func TestWithin(t *testing.T) {
	const size = 512 << 10
	perField, inAll := burden.MaxField/size, burden.MaxAll/size
	for _, c := range []struct {
		name  string
		n     int
		field func(i int) string
		kept  int
		want  string
	}{
		{"few", perField - 1, func(int) string { return "a" }, perField - 1, ""},
		{"too many in a field", perField + 3, func(int) string { return "a" }, perField - 1, `look for in the field "a" take more than 8 MB`},
		{"too many in all", inAll + 3, func(i int) string { return fmt.Sprint("f", i) }, inAll - 1, "all rules look for take more than 32 MB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept, refused := burden.Within(looking(c.n, size, c.field))
			if len(kept) != c.kept || len(refused) != c.n-c.kept {
				t.Fatalf("kept %d and refused %d of %d, want %d kept", len(kept), len(refused), c.n, c.kept)
			}
			for _, err := range refused {
				var of *sigma.Error
				if !errors.As(err, &of) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v is no error of a rule that says %q", err, c.want)
				}
			}
		})
	}
}

// TestALaterRuleMayFit refuses one rule and keeps a smaller one after it.
func TestALaterRuleMayFit(t *testing.T) {
	a := func(int) string { return "a" }
	rules := append(looking(9, 1000<<10, a), looking(1, 10, a)...)
	kept, refused := burden.Within(rules)
	if len(refused) != 1 || len(kept) != 9 || kept[8] != rules[9] {
		t.Errorf("kept %d, refused %v", len(kept), refused)
	}
}

// TestExpressionsWeigh counts expressions by what they become.
func TestExpressionsWeigh(t *testing.T) {
	text := "title: r\nlogsource: {product: linux}\ndetection:\n  s: {a|re: '" + strings.Repeat(".{900}", 5) + "'}\n  condition: s\n"
	parsed, err := sigma.Parse("r.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	rules := slices.Repeat(parsed, 80)
	if kept, refused := burden.Within(rules); len(kept) == 0 || len(refused) == 0 {
		t.Errorf("of %d rules with large expressions %d were kept and %d refused", len(rules), len(kept), len(refused))
	}
}
