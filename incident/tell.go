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
		Related: e.related(g),
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
	pattern := ""
	if p := patternOf(g); p != nil {
		pattern = p.Name
	}
	inc.Title, inc.Missing = words.Title(&inc, pattern), present(words.Missing(&inc))
	inc.Steps = present(words.Steps(&inc, func(line int) []string { return nodes[line].steps }))
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
	if loud(n.burst) {
		line.Text += words.Louder(n.burst)
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
