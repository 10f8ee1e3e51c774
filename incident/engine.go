package incident

import (
	"encoding/hex"
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/evidence"
	"github.com/holdfast-security/holdfast/incident/rarity"
	"github.com/holdfast-security/holdfast/incident/saved"
)

// Limits bound what an [Engine] remembers. Zero fields mean the defaults.
type Limits struct {
	Bytes   int64 // of everything, estimated: 256 MiB
	Hosts   int   // 65,536: signals of more are refused
	Rules   int   // 16,384: signals of more are refused
	Tallies int   // pairs of rule and host whose rate is learned: 1,000,000
	Members int   // signals of one incident that are told apart: 256; the least telling ones are summed up
}

func (l Limits) withDefaults() Limits {
	l.Bytes = orDefault(l.Bytes, 256<<20)
	l.Hosts = orDefault(l.Hosts, 1<<16)
	l.Rules = orDefault(l.Rules, 1<<14)
	l.Tallies = orDefault(l.Tallies, 1_000_000)
	l.Members = max(4, orDefault(l.Members, 256))
	return l
}

func orDefault[N int | int64](n, def N) N {
	if n <= 0 {
		return def
	}
	return n
}

// Counters say what an [Engine] did and what it had to leave out.
type Counters = saved.Counters

// Engine joins signals into incidents. Make it with [New] or [Restore]. It is
// for one goroutine.
type Engine struct {
	limits   Limits
	now      int64 // unix nanoseconds: the latest Seen
	began    int64 // the first
	swept    int64 // when expired things were last looked for
	serial   uint64
	bytes    int64
	hosts    map[event.HostID]*host
	rules    map[string]*rule
	tallies  map[pair]*tally
	keys     map[keyID]*key
	keyList  key // sentinel: next is the first to be forgotten
	spreads  rarity.Spreads
	repeats  map[digest]*node // the node that a repeat counts for
	actions  map[digest]*node // the node of an action that another sensor may report too
	groups   map[string]*group
	aliases  map[string]*group
	list     group // sentinel: next is the first to be evicted
	changed  []*group
	counters Counters
}

// New returns an engine that remembers nothing.
func New(limits Limits) *Engine {
	e := &Engine{
		limits: limits.withDefaults(), hosts: make(map[event.HostID]*host), rules: make(map[string]*rule),
		tallies: make(map[pair]*tally), keys: make(map[keyID]*key), repeats: make(map[digest]*node),
		actions: make(map[digest]*node), groups: make(map[string]*group), aliases: make(map[string]*group),
	}
	e.keyList.next, e.keyList.prev = &e.keyList, &e.keyList
	e.list.next, e.list.prev = &e.list, &e.list
	return e
}

// Counters returns the counters since the engine was made; a snapshot carries
// them on.
func (e *Engine) Counters() Counters { return e.counters }

// Bytes returns an estimate of the memory that the engine holds.
func (e *Engine) Bytes() int64 { return e.bytes }

// Result says what became of a signal.
type Result struct {
	Incident string // id of the group it belongs to, which is an incident once it has two members
	Members  int    // signals of that group that are told apart
	Signal   string // id of the signal that it repeats, its own where it is the first
	Repeat   bool   // it repeats a signal that was there
	Refused  bool   // it was left out: see Counters.RefusedSignals
}

// Add takes a signal in. Signals may come late and in any order.
func (e *Engine) Add(s Signal) Result {
	s = s.Clean()
	e.counters.Signals++
	e.advance(s.Seen.UnixNano())
	h, r := e.hostOf(&s), e.ruleOf(&s)
	if h == nil || r == nil {
		e.counters.RefusedSignals++
		return Result{Refused: true}
	}
	e.observe(r, h, s.Last.UnixNano())
	n, repeat := e.known(&s, r)
	if n == nil {
		n = e.insert(&s, r, h)
	}
	e.touch(n.group)
	e.mark(n.group)
	e.shrink()
	if n.group == nil { // a full incident counts it and keeps others
		return Result{Signal: n.reports[0].id, Repeat: repeat}
	}
	return Result{Incident: n.group.id, Members: len(n.group.nodes), Signal: n.reports[0].id, Repeat: repeat}
}

// advance moves the clock and, now and then, drops what has expired.
func (e *Engine) advance(seen int64) {
	if e.counters.Signals == 1 {
		e.began, e.now, e.swept = seen, seen, seen
	}
	e.now = max(e.now, seen)
	if e.now-e.swept >= hour {
		e.swept = e.now
		e.expire()
	}
}

func (e *Engine) hostOf(s *Signal) *host {
	h := e.hosts[s.Host]
	if h == nil {
		if s.Host == "" || len(e.hosts) >= e.limits.Hosts {
			return nil
		}
		h = &host{id: s.Host, first: e.now}
		e.hosts[s.Host] = h
		e.bytes += hostSize
	}
	h.name, h.asset, h.last = s.HostName, s.Asset, e.now
	return h
}

const (
	hostSize = 700
	ruleSize = 400
)

func (e *Engine) ruleOf(s *Signal) *rule {
	r := e.rules[s.Rule]
	if r == nil {
		if len(e.rules) >= e.limits.Rules {
			return nil
		}
		r = &rule{id: s.Rule, prior: priorRate[s.Severity], weight: priorDays}
		e.rules[s.Rule] = r
		e.bytes += ruleSize
	}
	if s.FalseAlarms > 0 {
		r.prior, r.weight = s.FalseAlarms, knownDays
	}
	r.title, r.last = s.Title, e.now
	return r
}

const (
	repeatGap    = hour       // a repeat comes within so long of the latest
	repeatSpan   = day        // and is told anew after so long
	duplicateGap = int64(5e9) // sensors report one action within so long
	maxReports   = 8          // ids of alerts that one node remembers
)

// known returns the node that s repeats or duplicates, counted, or nil.
func (e *Engine) known(s *Signal, r *rule) (n *node, repeat bool) {
	at, last := s.Time.UnixNano(), s.Last.UnixNano()
	if n = e.repeats[s.Circumstances()]; n != nil && n.gap(at) <= repeatGap && max(n.last, last)-min(n.first, at) <= repeatSpan {
		e.counters.Repeats++
	} else if n = e.actions[s.ActionDigest()]; s.Action != "" && n != nil && n.gap(at) <= duplicateGap && n.rule != r {
		e.counters.Duplicates++
	} else {
		return nil, false
	}
	before, counted := n.size(), n.count
	n.report(s)
	e.burst(n, n.count-counted, last)
	e.bytes += n.size() - before
	n.severity = max(n.severity, s.Severity)
	n.first, n.last = min(n.first, at), max(n.last, last)
	n.hidden = n.hidden && s.Suppressed
	n.confirmed = n.confirmed || s.Confirmed
	return n, true
}

// insert makes a node of a signal and joins it to what it belongs with.
func (e *Engine) insert(s *Signal, r *rule, h *host) *node {
	n := e.newNode(s, r, h)
	e.single(n, e.freeID(n))
	e.burst(n, n.count, s.Last.UnixNano())
	e.attach(n, s)
	e.connect(n, e.candidates(n))
	if e.rate(r, h) < rareRate {
		h.rare = append(slices.DeleteFunc(h.rare, func(p *node) bool { return p.group == nil }), n)
		h.rare = h.rare[max(0, len(h.rare)-maxRare):]
	}
	return n
}

const (
	rareRate = 1.0 // hours a day: what fires more often is never a reason by itself
	maxRare  = 32  // latest rare nodes of a host
)

// freeID derives a group's id from its first signal, so that the same signals
// read again give the same ids.
func (e *Engine) freeID(n *node) string {
	for i := 0; ; i++ {
		h := evidence.NewHash("incident").Text(string(n.host.id)).Text(n.rule.id).Text(n.reports[0].id)
		sum := h.Number(int64(i)).Number(n.first).Sum()
		id := hex.EncodeToString(sum[:])
		if e.groups[id] == nil && e.aliases[id] == nil {
			return id
		}
	}
}

// attach names the things that n shares with others.
func (e *Engine) attach(n *node, s *Signal) {
	for i, p := range s.Lineage {
		if p.UID == "" || evidence.Hub(s.Lineage, i) {
			break
		}
		id := keyID{kind: finding.EntityProcess, value: p.UID}
		name := p.Name
		if name == "" {
			name = p.Path
		}
		e.refer(n, ref{key: e.keyOf(id, name, false), hops: uint8(i)}, 0)
	}
	for _, ent := range s.Entities {
		if ent.Value == "" || ent.Kind == kindMethod {
			continue
		}
		id := keyID{kind: ent.Kind, value: ent.Value}
		if evidence.Local(ent.Kind) {
			id.host = n.host.id
		}
		e.refer(n, ref{key: e.keyOf(id, ent.Name, !ent.Binds()), role: ent.Role}, ent.Hosts)
	}
	id := keyID{kind: kindMethod, value: n.rule.id}
	e.refer(n, ref{key: e.keyOf(id, "", false)}, 0)
}

func (e *Engine) refer(n *node, r ref, known int) {
	if slices.ContainsFunc(n.refs, func(o ref) bool { return o.key == r.key }) {
		return
	}
	n.refs = append(n.refs, r)
	e.bytes += refSize
	e.use(r.key, n, known)
}

// Changed returns the ids of the incidents that changed since the last call,
// in the order of their first change. Those that became part of another, were
// split to single signals, or were forgotten are among them: [Engine.Incident]
// answers for the incident they are part of now, or nothing.
func (e *Engine) Changed() []string {
	var ids []string
	for _, g := range e.changed {
		g.dirty = false
		if len(g.nodes) > 1 || g.told {
			g.told = true
			ids = append(ids, g.id)
		}
	}
	e.changed = nil
	return ids
}

// mark notes that the caller has to hear of g. Single signals that were
// forgotten before anybody asked are dropped now and then.
func (e *Engine) mark(g *group) {
	if g == nil || g.dirty {
		return
	}
	g.dirty = true
	if len(e.changed) > 2*len(e.groups)+1024 {
		e.changed = slices.DeleteFunc(e.changed, func(c *group) bool { return len(c.nodes) == 0 && !c.told })
	}
	e.changed = append(e.changed, g)
}

// Incidents returns the ids of all incidents, those whose last signal came
// longest ago first. Single signals are none.
func (e *Engine) Incidents() []string {
	var ids []string
	for g := e.list.next; g != &e.list; g = g.next {
		if len(g.nodes) > 1 {
			ids = append(ids, g.id)
		}
	}
	return ids
}

// find returns the group with an id or alias, nil for none.
func (e *Engine) find(id string) *group {
	if g := e.groups[id]; g != nil {
		return g
	}
	return e.aliases[id]
}

// shrink evicts what nothing was added to for longest until the engine is
// within its bytes.
func (e *Engine) shrink() {
	for e.bytes > e.limits.Bytes {
		k, g := e.keyList.next, e.list.next
		switch {
		case g != &e.list && (k == &e.keyList || g.touched <= k.last):
			e.drop(g)
			e.counters.GroupsEvicted++
		case k != &e.keyList:
			e.forget(k)
		default:
			return // hosts, rules and tallies have limits of their own
		}
	}
}

// expire drops what nothing was added to within the evidence.Retention.
func (e *Engine) expire() {
	oldest := e.now - int64(evidence.Retention)
	for g := e.list.next; g != &e.list && g.touched < oldest; g = e.list.next {
		e.drop(g)
		e.counters.GroupsExpired++
	}
	for k := e.keyList.next; k != &e.keyList && k.last < oldest; k = e.keyList.next {
		e.forget(k)
	}
	for p := range e.tallies {
		if p.host.last < oldest || p.rule.last < oldest {
			delete(e.tallies, p)
			e.bytes -= tallySize
		}
	}
	for id, h := range e.hosts {
		if h.last < oldest && h.nodes == 0 {
			delete(e.hosts, id)
			e.bytes -= hostSize
		}
	}
	for id, r := range e.rules {
		if r.last < oldest && r.uses == 0 {
			delete(e.rules, id)
			e.bytes -= ruleSize
		}
	}
}
