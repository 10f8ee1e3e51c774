package attack_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/rules/attack"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

func TestTable(t *testing.T) {
	id := regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)
	tactics := attack.Tactics()
	known := make(map[finding.Technique]bool)
	last := finding.Technique("")
	for _, one := range attack.Techniques() {
		if !id.MatchString(string(one.ID)) || one.ID <= last || one.Name == "" || strings.TrimSpace(one.Name) != one.Name {
			t.Errorf("%q after %q is named %q", one.ID, last, one.Name)
		}
		main, _, sub := strings.Cut(string(one.ID), ".")
		if sub && !known[finding.Technique(main)] {
			t.Errorf("%s stands there without %s", one.ID, main)
		}
		if len(one.Tactics) == 0 {
			t.Errorf("%s is of no tactic", one.ID)
		}
		for _, tactic := range one.Tactics {
			if !slices.Contains(tactics, tactic) {
				t.Errorf("%s is of the unknown tactic %q", one.ID, tactic)
			}
		}
		known[one.ID], last = true, one.ID
	}
	if len(known) < 500 {
		t.Errorf("the table has %d techniques only", len(known))
	}
}

func TestOwnRulesNameWhatIsKnown(t *testing.T) {
	known := make(map[finding.Technique]bool)
	for _, one := range attack.Techniques() {
		known[one.ID] = true
	}
	for _, r := range rulefiles.Embedded().Rules {
		for _, one := range r.Techniques() {
			if !known[one] {
				t.Errorf("%s names %s, which the table does not have", r.Path, one)
			}
		}
		for _, tactic := range r.Tactics() {
			if !slices.Contains(attack.Tactics(), attack.Canonical(tactic)) {
				t.Errorf("%s names the tactic %q", r.Path, tactic)
			}
		}
	}
}
