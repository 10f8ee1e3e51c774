package facet

import (
	"container/heap"
	"math"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// Filter chooses rows. Of [store.AlertFilter] it heeds all but the text and
// the excluded ids, whose place the sequence numbers take.
type Filter struct {
	store.AlertFilter
	Only    map[int64]bool // nil for all
	Exclude map[int64]bool
}

// Key is the place of a row in an order.
type Key struct {
	First, Second int64 // what is sorted by, made such that larger comes first
	Seq           int64
}

// compare returns -1 if k comes before other.
func (k Key) compare(other Key) int {
	switch {
	case k == other:
		return 0
	case k.First != other.First:
		return before(k.First > other.First)
	case k.Second != other.Second:
		return before(k.Second > other.Second)
	}
	return before(k.Seq > other.Seq)
}

func before(is bool) int {
	if is {
		return -1
	}
	return 1
}

// test is a filter in terms of packed rows. Slices that are nil let all pass.
type test struct {
	status, severity                    uint8 // bits
	kind, host, rule, tactics, assignee []bool
	exception                           []bool
	since, until                        int64
	only, exclude                       map[int64]bool
}

func (x *Index) test(f Filter) test {
	t := test{
		status: 0xff, severity: 0xff,
		kind: choose(&x.kinds, f.Type), host: choose(&x.hosts, f.Host), rule: choose(&x.rules, f.Rule),
		tactics: chooseTactics(&x.tactics, f.Tactic), assignee: choose(&x.assignees, f.Assignee),
		exception: choose(&x.exceptions, f.Exception),
		since:     math.MinInt64, until: math.MaxInt64, only: f.Only, exclude: f.Exclude,
	}
	if len(f.Status) > 0 {
		t.status = 0
		for i, s := range x.statuses {
			if slices.Contains(f.Status, s) {
				t.status |= 1 << i
			}
		}
	}
	if len(f.Severity) > 0 {
		t.severity = 0
		for _, s := range f.Severity {
			if s <= finding.High {
				t.severity |= 1 << s
			}
		}
	}
	if !f.Since.IsZero() {
		t.since = f.Since.UnixNano()
	}
	if !f.Until.IsZero() {
		t.until = f.Until.UnixNano()
	}
	return t
}

func (t *test) passes(p *packed) bool {
	return !p.gone && t.status>>p.status&1 != 0 && t.severity>>p.severity&1 != 0 &&
		p.lastTime >= t.since && (p.lastTime < t.until || t.until == math.MaxInt64) &&
		(t.host == nil || t.host[p.host]) && (t.kind == nil || t.kind[p.kind]) &&
		(t.rule == nil || t.rule[p.rule]) && (t.assignee == nil || t.assignee[p.assignee]) &&
		(t.tactics == nil || t.tactics[p.tactics]) && (t.exception == nil || t.exception[p.exception]) &&
		(t.only == nil || t.only[p.seq]) && (t.exclude == nil || !t.exclude[p.seq])
}

// key returns the place of a row in the order. The reverse orders are exact
// reverses, ties included.
func key(p *packed, o store.AlertOrder) Key {
	switch o {
	case store.OldestFirst:
		return Key{First: ^p.lastTime, Seq: ^p.seq}
	case store.SevereFirst:
		return Key{First: int64(p.severity), Second: p.lastTime, Seq: p.seq}
	case store.MildFirst:
		return Key{First: ^int64(p.severity), Second: ^p.lastTime, Seq: ^p.seq}
	case store.MostFirst:
		return Key{First: int64(p.count), Second: p.lastTime, Seq: p.seq}
	case store.FewestFirst:
		return Key{First: ^int64(p.count), Second: ^p.lastTime, Seq: ^p.seq}
	default:
		return Key{First: p.lastTime, Seq: p.seq}
	}
}

// Hit is a row that was found and its place.
type Hit struct {
	Seq int64
	Key Key
}

// Select returns at most n rows that pass the filter, in the order, behind the
// given place; nil means from the start.
func (x *Index) Select(f Filter, o store.AlertOrder, after *Key, n int) []Hit {
	t := x.test(f)
	best := make(hits, 0, n+1)
	for i := len(x.rows) - 1; i >= 0 && n > 0; i-- {
		p := &x.rows[i]
		if !t.passes(p) {
			continue
		}
		k := key(p, o)
		if after != nil && after.compare(k) >= 0 || len(best) == n && best[0].Key.compare(k) < 0 {
			continue
		}
		heap.Push(&best, Hit{Seq: p.seq, Key: k})
		if len(best) > n {
			heap.Pop(&best)
		}
	}
	slices.SortFunc(best, func(a, b Hit) int { return a.Key.compare(b.Key) })
	return best
}

// hits is a heap whose first element comes last in the order.
type hits []Hit

func (h hits) Len() int           { return len(h) }
func (h hits) Less(i, j int) bool { return h[i].Key.compare(h[j].Key) > 0 }
func (h hits) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *hits) Push(v any)        { *h = append(*h, v.(Hit)) }
func (h *hits) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// MaxBuckets bounds the buckets of a count.
const MaxBuckets = 5000

// Count counts the rows that pass the filter. The labels of hosts are their
// ids. More than [MaxBuckets] buckets become the newest so many.
func (x *Index) Count(f Filter, width time.Duration) store.AlertCounts {
	t := x.test(f)
	var severities [finding.High + 1]int64
	statuses := make([]int64, len(x.statuses))
	kinds, hosts := make([]int64, len(x.kinds.texts)), make([]int64, len(x.hosts.texts))
	over := newHistogram(width)
	for i := range x.rows {
		p := &x.rows[i]
		if !t.passes(p) {
			continue
		}
		severities[p.severity]++
		statuses[p.status]++
		kinds[p.kind]++
		hosts[p.host]++
		over.add(p.lastTime, p.severity)
	}
	counts := store.AlertCounts{BySeverity: bySeverity(severities), ByStatus: make(map[string]int64), Over: over.buckets(f.Since, f.Until)}
	for i, n := range statuses {
		counts.ByStatus[string(x.statuses[i])] = n
		counts.Total += n
	}
	counts.TopTypes, counts.TopHosts = top(kinds, x.kinds.texts), top(hosts, x.hosts.texts)
	return counts
}

func bySeverity(numbers [finding.High + 1]int64) map[string]int64 {
	named := make(map[string]int64, len(numbers))
	for i, n := range numbers {
		named[finding.Severity(i).String()] = n
	}
	return named
}

// topLength is how many counts a list of the highest has.
const topLength = 10

// top returns the highest counts, equal ones by name.
func top(numbers []int64, texts []string) []store.Count {
	counts := make([]store.Count, 0, len(numbers))
	for i, n := range numbers {
		if n > 0 {
			counts = append(counts, store.Count{Key: texts[i], Label: texts[i], Count: n})
		}
	}
	slices.SortFunc(counts, func(a, b store.Count) int {
		if a.Count != b.Count {
			return before(a.Count > b.Count)
		}
		return before(a.Key < b.Key)
	})
	return slices.Clip(counts[:min(len(counts), topLength)])
}
