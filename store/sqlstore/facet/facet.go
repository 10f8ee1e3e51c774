// Package facet holds what alerts are filtered, sorted and counted by, as
// columns in memory: about 50 bytes for each alert.
//
// A scan of a million rows takes some milliseconds, whatever the filter and
// the order, where a database needs an index for each combination. Text stays
// in the database. Rows are known by the sequence numbers that the database
// gave them, which only grow; they are kept in that order, so that a row is
// found by bisection and the newest are met first when scanning backwards.
package facet

import (
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
)

// Row is what an alert is filtered, sorted and counted by.
type Row struct {
	Seq      int64
	LastTime int64 // nanoseconds since 1970
	Count    uint32
	Severity finding.Severity
	Status   finding.Status
	Type     string
	Host     string
	Rule     string
	Assignee string
	// Exception is the one that hides the alert, "" for none.
	Exception string
	Tactics   string // as [JoinTactics] returns them
}

// tacticSeparator stands between the tactics of a row.
const tacticSeparator = "\n"

// JoinTactics returns the tactics as one text, as both databases take it.
func JoinTactics(tactics []finding.Tactic) string {
	texts := make([]string, len(tactics))
	for i, t := range tactics {
		texts[i] = column.Clean(string(t))
	}
	return strings.Join(texts, tacticSeparator)
}

// SplitTactics is the reverse of [JoinTactics]. It never returns nil.
func SplitTactics(text string) []finding.Tactic {
	tactics := []finding.Tactic{}
	for t := range strings.SplitSeq(text, tacticSeparator) {
		if t != "" {
			tactics = append(tactics, finding.Tactic(t))
		}
	}
	return tactics
}

// packed is a row with its texts as numbers of dictionaries.
type packed struct {
	seq, lastTime             int64
	count                     uint32
	kind, host, rule, tactics uint32
	assignee, exception       uint32
	status                    uint8 // index into finding.Statuses
	severity                  uint8
	gone                      bool
}

// Index holds rows. Reading methods may run at the same time; Put and Drop
// need the index for themselves.
type Index struct {
	rows     []packed // ascending seq
	gone     int      // rows that are marked so
	statuses []finding.Status

	kinds, hosts, rules, tactics, assignees, exceptions dictionary
}

// New returns an empty index.
func New() *Index {
	return &Index{
		statuses: finding.Statuses(),
		kinds:    newDictionary(), hosts: newDictionary(), rules: newDictionary(),
		tactics: newDictionary(), assignees: newDictionary(), exceptions: newDictionary(),
	}
}

// Len returns the number of rows.
func (x *Index) Len() int { return len(x.rows) - x.gone }

// Put adds rows, or replaces those with the same sequence numbers. A new row
// usually has a higher number than all before; others cost a move of the rows
// behind them.
func (x *Index) Put(rows ...Row) {
	for _, r := range rows {
		p := x.pack(r)
		at, found := x.find(r.Seq)
		switch {
		case found && x.rows[at].gone:
			x.gone--
			x.rows[at] = p
		case found:
			x.rows[at] = p
		default:
			x.rows = slices.Insert(x.rows, at, p)
		}
	}
}

// Drop removes rows. Those that are not there are skipped.
func (x *Index) Drop(seqs ...int64) {
	for _, seq := range seqs {
		if at, found := x.find(seq); found && !x.rows[at].gone {
			x.rows[at].gone = true
			x.gone++
		}
	}
	if x.gone > len(x.rows)/4 {
		x.rows = slices.DeleteFunc(x.rows, func(p packed) bool { return p.gone })
		x.gone = 0
	}
}

func (x *Index) find(seq int64) (at int, found bool) {
	if n := len(x.rows); n == 0 || x.rows[n-1].seq < seq {
		return n, false
	}
	return slices.BinarySearchFunc(x.rows, seq, func(p packed, seq int64) int {
		switch {
		case p.seq < seq:
			return -1
		case p.seq > seq:
			return 1
		}
		return 0
	})
}

func (x *Index) pack(r Row) packed {
	return packed{
		seq: r.Seq, lastTime: r.LastTime, count: r.Count,
		kind: x.kinds.number(r.Type), host: x.hosts.number(r.Host), rule: x.rules.number(r.Rule),
		tactics: x.tactics.number(r.Tactics), assignee: x.assignees.number(r.Assignee),
		exception: x.exceptions.number(r.Exception),
		status:    uint8(max(0, slices.Index(x.statuses, r.Status))), severity: uint8(min(r.Severity, finding.High)),
	}
}

// dictionary numbers texts in the order of their first use. It forgets none:
// hosts, rules and users are few beside alerts.
type dictionary struct {
	numbers map[string]uint32
	texts   []string
}

func newDictionary() dictionary { return dictionary{numbers: make(map[string]uint32)} }

func (d *dictionary) number(text string) uint32 {
	if n, found := d.numbers[text]; found {
		return n
	}
	text = strings.Clone(text)
	n := uint32(len(d.texts))
	d.numbers[text] = n
	d.texts = append(d.texts, text)
	return n
}

// choose returns which numbers stand for one of the texts; nil stands for all.
func choose[T ~string](d *dictionary, texts []T) []bool {
	if len(texts) == 0 {
		return nil
	}
	chosen := make([]bool, len(d.texts))
	for _, t := range texts {
		if n, found := d.numbers[string(t)]; found {
			chosen[n] = true
		}
	}
	return chosen
}

// chooseTactics returns which numbers stand for lists with one of the tactics.
func chooseTactics(d *dictionary, tactics []finding.Tactic) []bool {
	if len(tactics) == 0 {
		return nil
	}
	chosen := make([]bool, len(d.texts))
	for n, text := range d.texts {
		for t := range strings.SplitSeq(text, tacticSeparator) {
			chosen[n] = chosen[n] || t != "" && slices.Contains(tactics, finding.Tactic(t))
		}
	}
	return chosen
}
