// Package words says in plain English what incidents are told with.
package words

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/evidence"
)

const (
	minute = int64(60e9) // nanoseconds
	hour   = 60 * minute
	day    = 24 * hour
)

// Sentence makes a Sentence of words.
func Sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// Quote quotes a value that a reader could take for words of ours, and bounds it.
func Quote(s string) string {
	const limit = 96
	if len(s) > limit {
		s = evidence.Cut(s, limit) + "…"
	}
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-:@+…", r)
	})
	if plain {
		return s
	}
	return strconv.Quote(s)
}

// Within says how long a gap is.
func Within(gap int64) string {
	switch {
	case gap < minute:
		return "within a minute"
	case gap < 2*hour:
		return fmt.Sprintf("within %d minutes", gap/minute+1)
	case gap < 2*day:
		return fmt.Sprintf("within %d hours", gap/hour+1)
	}
	return fmt.Sprintf("within %d days", gap/day+1)
}

// Often says how Often something is expected.
func Often(rate float64) string {
	switch days := 1 / rate; {
	case days < 1.5:
		return "once a day"
	case days < 1000:
		return fmt.Sprintf("once in %.0f days", days)
	}
	return "once in years"
}

// Louder says that something happened so many times as often as before.
func Louder(times float64) string {
	return fmt.Sprintf(" (in one hour about %.0f times as often as ever before on this host)", times)
}

// Tactics name what an attack led to.
var Tactics = map[finding.Tactic]string{
	"reconnaissance": "reconnaissance", "resource-development": "preparation", "initial-access": "a way in", "execution": "code run",
	"persistence": "a lasting foothold", "privilege-escalation": "higher privileges", "defense-evasion": "hiding",
	"credential-access": "credential access", "discovery": "a look around", "lateral-movement": "movement to other hosts",
	"collection": "data gathered", "command-and-control": "remote control", "exfiltration": "data sent out", "impact": "damage",
}

// Plural returns the word for a number of things.
func Plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// Remedy returns what is done about a thing that an attack used, with a place
// for its name; "" where there is nothing.
func Remedy(ent finding.Entity) string {
	switch ent.Kind {
	case finding.EntityAddress:
		if evidence.Private(ent.Value) {
			return "Find out which host has the address %s and whether it is under attack too."
		}
		return "Block %s at the firewall and look for other hosts that talked to it."
	case finding.EntityDomain:
		return "Block the domain %s and look for other hosts that asked for it."
	case finding.EntityAccount:
		return "End the sessions of the account %s and change its password and keys."
	case finding.EntityKey:
		return "Remove the key %s wherever it may log on."
	case finding.EntityHash, finding.EntityFile:
		return "Quarantine %s after a copy was kept as evidence."
	case finding.EntityImage:
		return "Stop containers of the image %s and rebuild it from a trusted source."
	case finding.EntityProcess:
		return "Collect evidence of the process %s and its descendants, then end them."
	}
	return ""
}

// maxEnded bounds the processes that people are told to end.
const maxEnded = 3

// ActedOn returns the entities that tie lines together and that something can be
// done about. Of processes that tie the same lines the nearest is enough, which
// comes first: the others are its ancestors.
func ActedOn(entities []finding.Entity) []finding.Entity {
	var chosen []finding.Entity
	ended := 0
	for _, ent := range entities {
		if ent.Common || len(ent.Lines) < 2 {
			continue
		}
		if ent.Kind == finding.EntityProcess {
			alike := func(o finding.Entity) bool { return o.Kind == ent.Kind && slices.Equal(o.Lines, ent.Lines) }
			if ended == maxEnded || slices.ContainsFunc(chosen, alike) {
				continue
			}
			ended++
		}
		chosen = append(chosen, ent)
	}
	return chosen
}
