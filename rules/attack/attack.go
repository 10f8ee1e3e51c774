// Package attack knows the tactics and techniques of MITRE ATT&CK by name: those
// that Linux hosts and containers meet, and others that published rules name.
//
// Version 19 divides the tactic defense-evasion in two, stealth and
// defense-impairment, which rules name since. All three are one here, so that
// rules of any age stand side by side.
package attack

import (
	_ "embed" // the table
	"strings"
	"sync"

	"github.com/holdfast-security/holdfast/finding"
)

// Version is that of ATT&CK that the names follow.
const Version = "18"

// Technique is a technique or sub-technique.
type Technique struct {
	ID      finding.Technique
	Name    string
	Tactics []finding.Tactic // in the order of an attack
	Linux   bool             // Linux hosts or containers meet it
}

//go:embed techniques.tsv
var table string

// techniques reads the table, once.
var techniques = sync.OnceValue(func() []Technique {
	var list []Technique
	for line := range strings.Lines(table) {
		parts := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(parts) != 4 {
			continue // a comment
		}
		t := Technique{ID: finding.Technique(parts[0]), Linux: parts[1] == "linux", Name: parts[3]}
		for name := range strings.SplitSeq(parts[2], ",") {
			t.Tactics = append(t.Tactics, finding.Tactic(name))
		}
		list = append(list, t)
	}
	return list
})

// Techniques returns all techniques by id. They are not to be changed.
func Techniques() []Technique { return techniques() }

// Tactics returns the short names of all tactics in the order of an attack.
func Tactics() []finding.Tactic {
	return []finding.Tactic{
		"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation", Evasion,
		"credential-access", "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact",
	}
}

// Evasion is the tactic that version 19 divides.
const Evasion finding.Tactic = "defense-evasion"

// Canonical returns the tactic of [Tactics] that a name means.
func Canonical(t finding.Tactic) finding.Tactic {
	if t == "stealth" || t == "defense-impairment" {
		return Evasion
	}
	return t
}
