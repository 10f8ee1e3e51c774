package incident

import (
	"cmp"
	"math"
	"slices"

	"github.com/holdfast-security/holdfast/finding"
)

// Strengths of evidence, before commonness and distance. They are judgement,
// not learned: a cause alone is enough, a rare shared thing alone is enough,
// anything weaker needs a second reason.
const (
	threshold = 0.5 // of an edge that joins

	causeProcess    = 0.9
	causeDecay      = 0.8 // with each step of a lineage
	causeFile       = 0.85
	causeSession    = 0.75
	causeConnection = 0.9

	sharedHash    = 0.8
	sharedKey     = 0.8
	sharedDomain  = 0.7
	sharedAddress = 0.7
	sharedPrivate = 0.55 // addresses inside a network change hands, and gateways hide many
	sharedAccount = 0.45
	sharedImage   = 0.4
	sharedFile    = 0.4
	sharedMethod  = 0.5

	sameHost    = 0.3
	rarityScale = 0.7
	inOrder     = 0.1
	telling     = 0.2 // rarity that makes up for more time than hostGap
)

// Gaps in time that evidence reaches over.
const (
	sharedGap = 3 * day // of a thing that one host alone has; less for common ones
	hostGap   = 30 * minute
	methodGap = 10 * minute
	rareGap   = 3 * day
)

// class is what kinds of evidence have a source in common: of one class only
// the strongest counts.
type class uint8

const (
	classCause class = iota
	classFile
	classNetwork
	classAccount
	classImage
	classMethod
	classHost
	classRarity
	classOrder
	classes
)

// reason is one piece of evidence that two signals belong together.
type reason struct {
	kind   finding.LinkKind
	weight float64
	key    *key // nil for those without a thing
	hops   uint8
}

// edge is why two nodes belong together. The first is the older in time.
type edge struct {
	a, b     *node
	strength float64
	reasons  []reason // strongest first
}

const edgeSize = 240

// cause reports whether an attacker cannot have made up the edge: shared
// evidence can be planted, cause can not.
func (d *edge) cause() bool { return causal(d.reasons[0].kind) }

// leap reports whether the edge counts towards how wide an incident is.
func (d *edge) leap() bool {
	return !d.cause() && (d.a.host != d.b.host || d.a.gapTo(d.b) > hostGap)
}

func causal(k finding.LinkKind) bool {
	switch k {
	case finding.LinkProcess, finding.LinkFile, finding.LinkSession, finding.LinkConnection:
		return true
	}
	return false
}

// other returns the end of the edge that is not n.
func (d *edge) other(n *node) *node {
	if d.a == n {
		return d.b
	}
	return d.a
}

// between weighs what two nodes have in common; nil where it does not join
// them. That they belong to different sessions speaks against it.
func (e *Engine) between(a, b *node) *edge {
	if cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.serial, b.serial)) > 0 {
		a, b = b, a
	}
	var best [classes]reason
	note := func(c class, r reason) {
		if r.weight > best[c].weight {
			best[c] = r
		}
	}
	gap, split := a.gapTo(b), sessionsDiffer(a, b)
	for _, ra := range a.refs {
		if !ra.key.binds() {
			continue
		}
		for _, rb := range b.refs {
			if ra.key == rb.key {
				c, r := e.evidence(ra, rb, a, b, gap)
				if split && r.key.id.kind == finding.EntityAccount {
					continue // administrator and intruder may use one account at one time
				}
				note(c, r)
			}
		}
	}
	e.circumstantial(a, b, gap, note)
	if split {
		best[classHost].weight /= 2
	}
	return combine(a, b, best)
}

// combine makes an edge of the strongest reasons of each class, as if they
// were independent; nil where they are too weak.
func combine(a, b *node, best [classes]reason) *edge {
	doubt := 1.0
	var reasons []reason
	for _, r := range best {
		if r.weight > 0 {
			doubt *= 1 - r.weight
			reasons = append(reasons, r)
		}
	}
	if 1-doubt < threshold {
		return nil
	}
	slices.SortStableFunc(reasons, func(x, y reason) int { return cmp.Compare(y.weight, x.weight) })
	return &edge{a: a, b: b, strength: 1 - doubt, reasons: reasons}
}

// sessionsDiffer reports whether both nodes belong to known sessions and share
// none.
func sessionsDiffer(a, b *node) bool {
	var inA, inB bool
	for _, r := range a.refs {
		if r.key.id.kind != finding.EntitySession {
			continue
		}
		inA = true
		if slices.ContainsFunc(b.refs, func(o ref) bool { return o.key == r.key }) {
			return false
		}
	}
	for _, r := range b.refs {
		inB = inB || r.key.id.kind == finding.EntitySession
	}
	return inA && inB
}

// evidence weighs one thing that two nodes have in common.
func (e *Engine) evidence(ra, rb ref, a, b *node, gap int64) (class, reason) {
	k := ra.key
	r := reason{kind: finding.LinkShared, key: k, hops: ra.hops + rb.hops}
	switch k.id.kind {
	case finding.EntityProcess:
		r.kind, r.weight = finding.LinkProcess, causeProcess*math.Pow(causeDecay, float64(r.hops))
		return classCause, r
	case finding.EntitySession:
		r.kind, r.weight = finding.LinkSession, causeSession
		return classCause, r
	case finding.EntityConnection:
		r.kind, r.weight = finding.LinkConnection, causeConnection
		return classNetwork, r
	case finding.EntityFile:
		if ra.role != rb.role && ra.role != RoleNone && rb.role != RoleNone {
			r.kind, r.weight = finding.LinkFile, causeFile
			return classFile, r
		}
		r.weight = e.shared(sharedFile, k, gap)
		return classFile, r
	case kindMethod:
		if a.host != b.host && gap <= methodGap {
			r.kind, r.weight = finding.LinkMethod, e.shared(sharedMethod, k, gap)
		}
		return classMethod, r
	}
	c, base := shared(k.id)
	r.weight = e.shared(base, k, gap)
	return c, r
}

// shared returns the class and strength of a thing that may be on many hosts.
func shared(id keyID) (class, float64) {
	switch id.kind {
	case finding.EntityHash:
		return classFile, sharedHash
	case finding.EntityKey:
		return classAccount, sharedKey
	case finding.EntityDomain:
		return classNetwork, sharedDomain
	case finding.EntityAddress:
		if private(id.value) {
			return classNetwork, sharedPrivate
		}
		return classNetwork, sharedAddress
	case finding.EntityAccount:
		return classAccount, sharedAccount
	case finding.EntityImage:
		return classImage, sharedImage
	}
	return classFile, 0
}

// shared weighs a thing by how common it is; the commoner, the shorter the
// time that it reaches over.
func (e *Engine) shared(base float64, k *key, gap int64) float64 {
	rare := commonness(k.spread(), len(e.hosts))
	if float64(gap) > float64(sharedGap)*rare*rare {
		return 0
	}
	return base * rare
}

// circumstantial weighs what is a reason only beside another: the same host at
// nearly the same time, two rare things that hardly coincide, and the order of
// an attack.
func (e *Engine) circumstantial(a, b *node, gap int64, note func(class, reason)) {
	same := a.host == b.host
	if same && gap <= hostGap {
		note(classHost, reason{kind: finding.LinkHost, weight: sameHost})
	}
	if weight := e.rarity(a, b, gap); weight > 0 {
		note(classRarity, reason{kind: finding.LinkRarity, weight: weight})
		if same && weight >= telling {
			note(classHost, reason{kind: finding.LinkHost, weight: sameHost})
		}
		if first, second := position(a.tactics), position(b.tactics); first >= 0 && second > first {
			note(classOrder, reason{kind: finding.LinkOrder, weight: inOrder})
		}
	}
}

// rarity weighs how unlikely it is that both nodes lie so near by chance: two
// rules on one host, or one rule on two of all hosts.
func (e *Engine) rarity(a, b *node, gap int64) float64 {
	rate := max(e.rate(a.rule, a.host), e.rate(b.rule, b.host))
	switch {
	case a.host == b.host && a.rule != b.rule && gap <= rareGap:
	case a.host != b.host && a.rule == b.rule && gap <= methodGap:
		rate *= float64(len(e.hosts))
	default:
		return 0
	}
	return rarityScale * within(math.Log10(1/chance(rate, gap))/4, 0, 1)
}

// maxCandidates bounds how many nodes a new one is compared with.
const maxCandidates = 96

// candidates returns the nodes that share something with n, most telling
// things first.
func (e *Engine) candidates(n *node) []*node {
	var found []*node
	note := func(p *node) {
		if p != n && p.group != nil && len(found) < maxCandidates && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	for _, r := range n.refs {
		if r.key.binds() {
			for _, p := range slices.Backward(r.key.posting) {
				note(p)
			}
		}
	}
	if e.rate(n.rule, n.host) < rareRate {
		for _, p := range slices.Backward(n.host.rare) {
			note(p)
		}
	}
	return found
}

// connect joins n with those of the candidates that belong with it, strongest
// edges first.
func (e *Engine) connect(n *node, candidates []*node) {
	var edges []*edge
	for _, p := range candidates {
		if d := e.between(p, n); d != nil {
			edges = append(edges, d)
		}
	}
	slices.SortStableFunc(edges, func(x, y *edge) int { return cmp.Compare(y.strength, x.strength) })
	for _, d := range edges {
		if n.group == nil || d.other(n).group == nil {
			continue // summed up on the way
		}
		e.join(d)
	}
}
