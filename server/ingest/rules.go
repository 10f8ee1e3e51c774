package ingest

import (
	"fmt"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

// RulesError says why a set of rules is not taken. It is refused as a whole:
// what is in force stays so.
type RulesError struct{ Refused []rulefiles.Refusal }

// Error returns the first reason and how many there are.
func (e *RulesError) Error() string {
	if n := len(e.Refused); n > 1 {
		return fmt.Sprintf("%d rules cannot be used, the first is %s", n, e.Refused[0])
	}
	return fmt.Sprintf("a rule cannot be used: %s", e.Refused[0])
}

// LoadRules reads and compiles Holdfast's own rules and those in the given
// files and directories. One rule that cannot be used refuses them all, with a
// [*RulesError] that lists each. Read, where it is not nil, is given each file
// as it is used, with the one of the paths that it was found by.
func LoadRules(paths []string, read func(root, path string, data []byte)) (*detect.Ruleset, error) {
	set := rulefiles.Embedded()
	for _, root := range paths {
		if read != nil {
			set.Keep = func(path string, data []byte) { read(root, path, data) }
		}
		if err := set.Add(root); err != nil {
			return nil, err
		}
	}
	rules := set.Compile()
	if len(set.Refused) > 0 {
		return nil, &RulesError{set.Refused}
	}
	return rules, nil
}
