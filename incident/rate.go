package incident

import (
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/evidence"
)

const (
	minute = int64(60e9) // nanoseconds, as times are kept
	hour   = 60 * minute
	day    = 24 * hour
)

// Rates are counted in hours in which a rule fired at all, so that neither a
// scanner nor somebody who wants a rule to look common moves them by much.

// What is assumed of a rule that nobody has seen, and how many host-days of
// observation the assumption is worth.
const (
	priorDays = 10.0 // by severity alone
	knownDays = 30.0 // where the caller knows a rate
	hostDays  = 3.0  // of the fleet's rate against one host's
)

// priorRate is in hours a day on one host, by severity.
var priorRate = [...]float64{finding.Informational: 0.5, finding.Low: 0.2, finding.Medium: 0.05, finding.High: 0.01}

// host is what is known of a host.
type host struct {
	id    event.HostID
	name  string
	asset float64
	first int64
	last  int64
	nodes int     // that refer to it
	rare  []*node // latest ones of rules that are rare here, oldest first
	place int     // in the snapshot that is being taken
}

// rule is what is known of a rule over the whole fleet.
type rule struct {
	id     string
	title  string
	prior  float64
	weight float64 // of the prior, in host-days
	hours  float64 // host-hours in which it fired
	uses   int     // nodes and judgements that refer to it
	last   int64
	// What people said of incidents with it: Beta counts without the prior.
	right, wrong float64

	place int // in the snapshot that is being taken
}

type pair struct {
	rule *rule
	host *host
}

// tally counts the hours in which a rule fired on one host.
type tally struct {
	hours float64
	last  int64   // the hour, since 1970
	count float64 // of signals in that hour, repeats too
	peak  float64 // the most in an hour before
}

// observe counts that a rule fires on a host at a time, and reports whether
// there was room to remember the host.
func (e *Engine) observe(r *rule, h *host, at int64) bool {
	slot := at / hour
	t := e.tallies[pair{r, h}]
	if t == nil {
		if len(e.tallies) >= e.limits.Tallies {
			e.counters.TalliesRefused++
			r.hours++
			return false
		}
		t = &tally{last: slot - 1}
		e.tallies[pair{r, h}] = t
		e.bytes += tallySize
	}
	if slot > t.last {
		t.peak, t.count = max(t.peak, t.count), 0
	}
	if slot > t.last || slot < t.last-1 { // late ones of the hour before count once at most
		t.hours++
		r.hours++
	}
	t.last = max(t.last, slot)
	return true
}

const tallySize = 120

// rate returns in how many hours a day the rule is expected to fire on the
// host, one hour of what was seen, the signal's own, not counted.
func (e *Engine) rate(r *rule, h *host) float64 {
	seenDays := float64(len(e.hosts)) * float64(e.now-e.began) / float64(day)
	fleet := (r.prior*r.weight + max(0, r.hours-1)) / (r.weight + seenDays)
	hours := 0.0
	if t := e.tallies[pair{r, h}]; t != nil {
		hours = max(0, t.hours-1)
	}
	own := float64(e.now-h.first) / float64(day)
	return evidence.Within((fleet*hostDays+hours)/(hostDays+own), 1e-4, 24)
}
