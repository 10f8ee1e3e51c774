package words

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/attack"
)

const maxSteps = 16

// Host names the host of a line.
func Host(line *finding.StoryLine) string { return Quote(cmp.Or(line.HostName, string(line.Host))) }

// Title names what the best chain of an incident began with, or the pattern
// that it shows, and what it led to, and where. Its story is there, and its
// tactics.
func Title(inc *finding.Incident, pattern string) string {
	chain := keyLines(inc)
	first, last := &inc.Story[0], &inc.Story[len(inc.Story)-1]
	if len(chain) > 0 {
		first = chain[0]
	}
	title := cmp.Or(pattern, first.Title, "Unnamed signal")
	switch {
	case len(chain) > 1:
		last = chain[len(chain)-1]
		title += " led to " + Tactics[inc.Tactics[len(inc.Tactics)-1]]
	case len(inc.Story) > 1:
		title += fmt.Sprintf(" and %d related %s", len(inc.Story)-1, Plural(len(inc.Story)-1, "signal"))
	}
	return title + " on " + places(inc, last)
}

func keyLines(inc *finding.Incident) (chain []*finding.StoryLine) {
	for i := range inc.Story {
		if inc.Story[i].Key {
			chain = append(chain, &inc.Story[i])
		}
	}
	return chain
}

// places names the host where it ended and counts the others.
func places(inc *finding.Incident, last *finding.StoryLine) string {
	others := len(hosts(inc)) - 1
	if others == 0 {
		return Host(last)
	}
	return fmt.Sprintf("%s and %d other %s", Host(last), others, Plural(others, "host"))
}

func hosts(inc *finding.Incident) map[event.HostID]bool {
	all := make(map[event.HostID]bool)
	for i := range inc.Story {
		all[inc.Story[i].Host] = true
	}
	return all
}

// Missing says what an incident of that kind has and the evidence does not. Its
// story is there, its links and its tactics.
func Missing(inc *finding.Incident) []string {
	var gaps []string
	begins := slices.ContainsFunc(inc.Story, func(l finding.StoryLine) bool {
		p := attack.Position(l.Tactics)
		return p >= 0 && p <= 2
	})
	if len(inc.Tactics) > 0 && !begins {
		gaps = append(gaps, "Nothing shows how the attacker got in.")
	}
	many := len(hosts(inc))
	crossed := slices.ContainsFunc(inc.Links, func(l finding.Link) bool {
		return inc.Story[l.From].Host != inc.Story[l.To].Host && attack.Causal(l.Kinds[0])
	})
	if many > 1 && !crossed {
		gaps = append(gaps, fmt.Sprintf("The %d hosts are tied together by shared evidence; no connection between them was seen.", many))
	}
	reached := func(t finding.Tactic) bool {
		return slices.ContainsFunc(inc.Story, func(l finding.StoryLine) bool { return slices.Contains(l.Tactics, t) })
	}
	if reached("exfiltration") && !reached("collection") && !reached("credential-access") {
		gaps = append(gaps, "Nothing shows what was gathered before data was sent out.")
	}
	if reached("lateral-movement") && many == 1 {
		gaps = append(gaps, "Nothing is known of the host that the attacker moved to.")
	}
	return gaps
}

// Steps lists what to do: first about what the whole incident hangs on, then
// what the rules of the chain say, worst first. Of returns what the rule of a
// line says. The incident's story is there, its tactics and its entities.
func Steps(inc *finding.Incident, of func(line int) []string) []string {
	var steps []string
	add := func(format string, args ...any) {
		if step := fmt.Sprintf(format, args...); len(steps) < maxSteps && !slices.Contains(steps, step) {
			steps = append(steps, step)
		}
	}
	for _, host := range suspect(inc) {
		add("Isolate %s from the network until it is clear what was done there.", host)
	}
	for _, ent := range ActedOn(inc.Entities) {
		if format := Remedy(ent); format != "" && len(steps) < maxSteps/2 {
			add(format, Quote(cmp.Or(ent.Name, ent.Value)))
		}
	}
	var chain []int
	for i := range inc.Story {
		if inc.Story[i].Key {
			chain = append(chain, i)
		}
	}
	slices.SortStableFunc(chain, func(a, b int) int { return cmp.Compare(inc.Story[b].Severity, inc.Story[a].Severity) })
	for _, line := range chain {
		for _, step := range of(line) {
			add("%s", step)
		}
	}
	return steps
}

// suspect names the first hosts of an incident, where it is one to fear.
func suspect(inc *finding.Incident) (names []string) {
	const most = 3
	feared := slices.ContainsFunc(inc.Story, func(l finding.StoryLine) bool { return l.Severity >= finding.Medium })
	if len(inc.Tactics) < 2 || !feared {
		return nil
	}
	seen := make(map[event.HostID]bool)
	for i := range inc.Story {
		if l := &inc.Story[i]; !l.Hidden && !seen[l.Host] && len(names) < most {
			seen[l.Host] = true
			names = append(names, Host(l))
		}
	}
	return names
}
