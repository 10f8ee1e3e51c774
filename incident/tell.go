package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/attack"
	"github.com/holdfast-security/holdfast/incident/words"
)

// Bounds of what is told of an incident.
const (
	maxToldEntities = 64
	maxToldSteps    = 16
	maxToldHosts    = 64
)

// Incident returns the incident with an id or alias, false where there is
// none. The value is the caller's. A group of one signal is told too.
func (e *Engine) Incident(id string) (finding.Incident, bool) {
	g := e.find(id)
	if g == nil {
		return finding.Incident{}, false
	}
	nodes, s := byTime(g.nodes), e.score(g)
	line := make(map[*node]int, len(nodes))
	for i, n := range nodes {
		line[n] = i
	}
	inc := finding.Incident{
		ID: g.id, Aliases: present(slices.Clone(g.aliases)), Score: s.total, Severity: severity(g, s),
		Hosts: []event.HostID{}, Tactics: []finding.Tactic{}, Omitted: g.omitted, Count: g.omitted,
		Missing: present(missing(nodes, s)), Related: e.related(g),
	}
	for i, n := range nodes {
		inc.Story = append(inc.Story, tellLine(n, slices.Contains(s.chain, n)))
		inc.Count += n.count
		if i == 0 || n.first < inc.Time.UnixNano() {
			inc.Time = at(n.first)
		}
		inc.LastTime = latest(inc.LastTime, at(n.last))
		if !slices.Contains(inc.Hosts, n.host.id) && len(inc.Hosts) < maxToldHosts {
			inc.Hosts = append(inc.Hosts, n.host.id)
		}
	}
	for _, p := range s.steps {
		inc.Tactics = append(inc.Tactics, attack.KillChain[p])
	}
	inc.Links = present(e.tellLinks(nodes, line))
	inc.Entities = present(tellEntities(nodes, line))
	inc.Title = title(g, nodes, s)
	inc.Steps = present(actions(nodes, s, inc.Entities))
	return inc, true
}

// present returns list, or an empty one for nil, which JSON would show as null.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func at(ns int64) time.Time { return time.Unix(0, ns).UTC() }

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func tellLine(n *node, inChain bool) finding.StoryLine {
	line := finding.StoryLine{
		Time: at(n.first), LastTime: at(n.last), Count: n.count, Host: n.host.id, HostName: n.host.name,
		Title: n.rule.title, Text: n.text, Severity: n.severity, Tactics: present(slices.Clone(n.tactics)),
		Key: inChain, Hidden: n.hidden,
	}
	for _, r := range n.reports {
		line.Signals = append(line.Signals, r.id)
	}
	return line
}

// related lists the joins that were refused and are still of interest.
func (e *Engine) related(g *group) []finding.Relation {
	told := []finding.Relation{}
	for _, r := range g.related {
		other := e.find(r.id)
		if other != nil && other != g && !slices.ContainsFunc(told, func(t finding.Relation) bool { return t.ID == other.id }) {
			told = append(told, finding.Relation{ID: other.id, Reason: r.reason})
		}
	}
	return told
}

// tellLinks lists the kept edges in the order of the story.
func (e *Engine) tellLinks(nodes []*node, line map[*node]int) []finding.Link {
	var links []finding.Link
	for _, n := range nodes {
		for _, d := range n.edges {
			if d.b == n {
				links = append(links, e.tellLink(d, line))
			}
		}
	}
	slices.SortFunc(links, func(x, y finding.Link) int {
		return cmp.Or(cmp.Compare(x.To, y.To), cmp.Compare(x.From, y.From))
	})
	return links
}

func (e *Engine) tellLink(d *edge, line map[*node]int) finding.Link {
	from, to := line[d.a], line[d.b]
	l := finding.Link{From: min(from, to), To: max(from, to), Strength: d.strength}
	var reasons []string
	for _, r := range d.reasons {
		if !slices.Contains(l.Kinds, r.kind) {
			l.Kinds = append(l.Kinds, r.kind)
		}
		reasons = append(reasons, e.explain(d, r))
	}
	l.Reason = words.Sentence(strings.Join(reasons, "; "))
	return l
}

// explain says one reason in words.
func (e *Engine) explain(d *edge, r reason) string {
	gap := d.a.gapTo(d.b)
	switch r.kind {
	case finding.LinkProcess:
		return explainProcess(d, r)
	case finding.LinkFile:
		return "the file " + show(r.key) + " was written by one and run by the other"
	case finding.LinkSession:
		return "both belong to the logon session " + show(r.key)
	case finding.LinkConnection:
		return "both are about the connection " + show(r.key)
	case finding.LinkMethod:
		return "the same rare thing happened on " + hostName(d.a.host) + " and " + hostName(d.b.host) + " " + words.Within(gap)
	case finding.LinkHost:
		return "both happened on " + hostName(d.a.host) + " " + words.Within(gap)
	case finding.LinkRarity:
		rate := max(e.rate(d.a.rule, d.a.host), e.rate(d.b.rule, d.b.host))
		return "that is rare on each of the hosts (about " + words.Often(rate) + " for the commoner), so that coincidence is unlikely"
	case finding.LinkOrder:
		return "the later one is a later step of an attack"
	}
	return "both have to do with the " + noun(r.key.id.kind) + " " + show(r.key) + ", which " + e.spreadWords(r.key)
}

func explainProcess(d *edge, r reason) string {
	if r.hops == 0 {
		return "both were done by the process " + show(r.key)
	}
	for _, n := range []*node{d.a, d.b} {
		for _, o := range n.refs {
			if o.key == r.key && o.hops == 0 {
				return "the process " + show(r.key) + " did one and is an ancestor of the process that did the other"
			}
		}
	}
	return "both were done by descendants of the process " + show(r.key)
}

func (e *Engine) spreadWords(k *key) string {
	if n := k.spread(); n > 1 {
		return fmt.Sprintf("occurs on %d of %d hosts", n, max(n, len(e.hosts)))
	}
	return "no other host has"
}

func noun(kind finding.EntityKind) string {
	if kind == finding.EntityHash {
		return "file content"
	}
	return show(&key{id: keyID{value: string(kind)}})
}

// show quotes a value that a reader could take for words of ours.
func show(k *key) string { return words.Quote(cmp.Or(k.name, k.id.value)) }

func hostName(h *host) string { return words.Quote(cmp.Or(h.name, string(h.id))) }

// title names what the best chain began with and led to, and where.
func title(g *group, nodes []*node, s score) string {
	p := patternOf(g)
	begin := ""
	switch {
	case p != nil:
		begin = p.Name
	case len(s.chain) > 0:
		begin = s.chain[0].rule.title
	default:
		begin = nodes[0].rule.title
	}
	if begin == "" {
		begin = "Unnamed signal"
	}
	last := nodes[len(nodes)-1]
	switch {
	case len(s.chain) > 1:
		last = s.chain[len(s.chain)-1]
		begin += " led to " + words.Tactics[attack.KillChain[s.steps[len(s.steps)-1]]]
	case len(nodes) > 1:
		begin += fmt.Sprintf(" and %d related %s", len(nodes)-1, words.Plural(len(nodes)-1, "signal"))
	}
	return begin + " on " + places(nodes, last.host)
}

// places names the host where it ended and counts the others.
func places(nodes []*node, last *host) string {
	others := make(map[*host]bool)
	for _, n := range nodes {
		if n.host != last {
			others[n.host] = true
		}
	}
	if len(others) == 0 {
		return hostName(last)
	}
	return fmt.Sprintf("%s and %d other %s", hostName(last), len(others), words.Plural(len(others), "host"))
}

// missing says what an incident of that kind has and the evidence does not.
func missing(nodes []*node, s score) []string {
	var gaps []string
	begins := len(s.steps) > 0 && slices.ContainsFunc(nodes, func(n *node) bool { return attack.Position(n.tactics) >= 0 && attack.Position(n.tactics) <= 2 })
	if len(s.steps) > 0 && !begins {
		gaps = append(gaps, "Nothing shows how the attacker got in.")
	}
	hosts := make(map[*host]bool)
	crossed := false
	for _, n := range nodes {
		hosts[n.host] = true
		for _, d := range n.edges {
			crossed = crossed || d.a.host != d.b.host && d.cause()
		}
	}
	if len(hosts) > 1 && !crossed {
		gaps = append(gaps, fmt.Sprintf("The %d hosts are tied together by shared evidence; no connection between them was seen.", len(hosts)))
	}
	reached := func(t finding.Tactic) bool {
		return slices.ContainsFunc(nodes, func(n *node) bool { return slices.Contains(n.tactics, t) })
	}
	if reached("exfiltration") && !reached("collection") && !reached("credential-access") {
		gaps = append(gaps, "Nothing shows what was gathered before data was sent out.")
	}
	if reached("lateral-movement") && len(hosts) == 1 {
		gaps = append(gaps, "Nothing is known of the host that the attacker moved to.")
	}
	return gaps
}

// tellEntities lists what the nodes have to do with, most connected first.
// Ancestors are told where they tie two nodes together.
func tellEntities(nodes []*node, line map[*node]int) []finding.Entity {
	lines := make(map[*key][]int)
	own := make(map[*key]bool)
	var keys []*key
	for _, n := range nodes {
		for _, r := range n.refs {
			if r.key.id.kind == kindMethod {
				continue
			}
			if lines[r.key] == nil {
				keys = append(keys, r.key)
			}
			lines[r.key] = append(lines[r.key], line[n])
			own[r.key] = own[r.key] || r.hops == 0
		}
	}
	keys = slices.DeleteFunc(keys, func(k *key) bool { return !own[k] && len(lines[k]) < 2 })
	slices.SortStableFunc(keys, func(a, b *key) int { return cmp.Compare(len(lines[b]), len(lines[a])) })
	var told []finding.Entity
	for _, k := range keys[:min(len(keys), maxToldEntities)] {
		ent := finding.Entity{Kind: k.id.kind, Value: k.id.value, Name: k.name, Lines: lines[k], Common: !k.binds()}
		for _, i := range lines[k] {
			if h := nodes[i].host.id; !slices.Contains(ent.Hosts, h) {
				ent.Hosts = append(ent.Hosts, h)
			}
		}
		told = append(told, ent)
	}
	return told
}

// actions lists what to do: first about what the whole incident hangs on, then
// what the rules of the chain say, worst first.
func actions(nodes []*node, s score, entities []finding.Entity) []string {
	var steps []string
	add := func(format string, args ...any) {
		if step := fmt.Sprintf(format, args...); len(steps) < maxToldSteps && !slices.Contains(steps, step) {
			steps = append(steps, step)
		}
	}
	worst := finding.Informational
	var hosts []*host
	for _, n := range nodes {
		worst = max(worst, n.severity)
		if !slices.Contains(hosts, n.host) && !n.hidden {
			hosts = append(hosts, n.host)
		}
	}
	if len(s.steps) > 1 && worst >= finding.Medium {
		for _, h := range hosts[:min(len(hosts), 3)] {
			add("Isolate %s from the network until it is clear what was done there.", hostName(h))
		}
	}
	for _, ent := range words.ActedOn(entities) {
		if format := words.Remedy(ent); format != "" && len(steps) < maxToldSteps/2 {
			add(format, words.Quote(cmp.Or(ent.Name, ent.Value)))
		}
	}
	byWorth := slices.Clone(s.chain)
	slices.SortStableFunc(byWorth, func(a, b *node) int { return cmp.Compare(b.severity, a.severity) })
	for _, n := range byWorth {
		for _, step := range n.steps {
			add("%s", step)
		}
	}
	return steps
}
