package incident

import (
	"cmp"
	"math"
	"slices"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/attack"
	"github.com/holdfast-security/holdfast/incident/evidence"
	"github.com/holdfast-security/holdfast/incident/rarity"
)

// Gaps in time that evidence reaches over.
const (
	sharedGap = 3 * day // of a thing that one host alone has; less for common ones
	hostGap   = 30 * minute
	methodGap = 10 * minute
	rareGap   = 3 * day
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
	place    int      // in the snapshot that is being taken
}

const edgeSize = 248

// cause reports whether an attacker cannot have made up the edge: shared
// evidence can be planted, cause can not.
func (d *edge) cause() bool { return attack.Causal(d.reasons[0].kind) }

// substantial reports whether the edge rests on more than coincidence.
func (d *edge) substantial() bool {
	return slices.ContainsFunc(d.reasons, func(r reason) bool { return attack.Causal(r.kind) || r.kind == finding.LinkShared })
}

// leap reports whether the edge counts towards how wide an incident is.
func (d *edge) leap() bool {
	return !d.cause() && (d.a.host != d.b.host || d.a.gapTo(d.b) > hostGap)
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
	var best [evidence.Classes]reason
	note := func(c evidence.Class, r reason) {
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
		best[evidence.ClassHost].weight /= 2
	}
	return combine(a, b, best)
}

// combine makes an edge of the strongest reasons of each class, as if they
// were independent; nil where they are too weak.
func combine(a, b *node, best [evidence.Classes]reason) *edge {
	doubt := 1.0
	var reasons []reason
	for _, r := range best {
		if r.weight > 0 {
			doubt *= 1 - r.weight
			reasons = append(reasons, r)
		}
	}
	if 1-doubt < evidence.Threshold {
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
func (e *Engine) evidence(ra, rb ref, a, b *node, gap int64) (evidence.Class, reason) {
	k := ra.key
	r := reason{kind: finding.LinkShared, key: k, hops: ra.hops + rb.hops}
	switch k.id.kind {
	case finding.EntityProcess:
		r.kind, r.weight = finding.LinkProcess, evidence.CauseProcess*math.Pow(evidence.CauseDecay, float64(r.hops))
		return evidence.ClassCause, r
	case finding.EntitySession:
		r.kind, r.weight = finding.LinkSession, evidence.CauseSession
		return evidence.ClassCause, r
	case finding.EntityConnection:
		r.kind, r.weight = finding.LinkConnection, evidence.CauseConnection
		return evidence.ClassNetwork, r
	case finding.EntityFile:
		if ra.role != rb.role && ra.role != evidence.RoleNone && rb.role != evidence.RoleNone {
			r.kind, r.weight = finding.LinkFile, evidence.CauseFile
			return evidence.ClassFile, r
		}
		r.weight = e.shared(evidence.SharedFile, k, gap)
		return evidence.ClassFile, r
	case kindMethod:
		if a.host != b.host && gap <= methodGap {
			r.kind, r.weight = finding.LinkMethod, e.shared(evidence.SharedMethod, k, gap)
		}
		return evidence.ClassMethod, r
	}
	c, base := evidence.Shared(k.id.kind, k.id.value)
	r.weight = e.shared(base, k, gap)
	return c, r
}

// shared weighs a thing by how common it is; the commoner, the shorter the
// time that it reaches over.
func (e *Engine) shared(base float64, k *key, gap int64) float64 {
	rare := rarity.Commonness(k.spread(), len(e.hosts))
	if float64(gap) > float64(sharedGap)*rare*rare {
		return 0
	}
	return base * rare
}

// circumstantial weighs what is a reason only beside another: the same host at
// nearly the same time, two rare things that hardly coincide, and the order of
// an attack.
func (e *Engine) circumstantial(a, b *node, gap int64, note func(evidence.Class, reason)) {
	same := a.host == b.host
	if same && gap <= hostGap {
		note(evidence.ClassHost, reason{kind: finding.LinkHost, weight: evidence.SameHost})
	}
	if weight := e.rarity(a, b, gap); weight > 0 {
		note(evidence.ClassRarity, reason{kind: finding.LinkRarity, weight: weight})
		if same && weight >= evidence.Telling {
			note(evidence.ClassHost, reason{kind: finding.LinkHost, weight: evidence.SameHost})
		}
		if first, second := attack.Position(a.tactics), attack.Position(b.tactics); first >= 0 && second > first {
			note(evidence.ClassOrder, reason{kind: finding.LinkOrder, weight: evidence.InOrder})
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
	return evidence.RarityScale * evidence.Within(math.Log10(1/rarity.Chance(rate, gap))/4, 0, 1)
}

// maxCandidates bounds how many nodes a new one is compared with.
const maxCandidates = 96

// candidates returns the nodes that share something with n, most evidence.Telling
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
