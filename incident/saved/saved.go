// Package saved is the state of the engine in the form in which it is written.
package saved

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident/evidence"
)

// State is the whole of it; its parts are Host and Rule and Tally and Key and
// Group and Judgement and Node and Report and Ref and Edge and Reason as
// well. Pointers become indexes, into
// the hosts and rules, the keys, and the nodes of all groups one after the
// other. Lists are in an order that matters to the engine, or sorted.
type (
	State struct {
		Version  int      `json:"version"`
		Now      int64    `json:"now"`
		Began    int64    `json:"began"`
		Swept    int64    `json:"swept"`
		Serial   uint64   `json:"serial"`
		Counters Counters `json:"counters"`
		Hosts    []Host   `json:"hosts"`
		Rules    []Rule   `json:"rules"`
		Tallies  []Tally  `json:"tallies"`
		Keys     []Key    `json:"keys"`   // by last use, then forgotten ones
		Groups   []Group  `json:"groups"` // by last signal
		Edges    []Edge   `json:"edges"`
		Changed  []string `json:"changed"`
	}
	Host struct {
		ID    event.HostID `json:"id"`
		Name  string       `json:"name,omitempty"`
		Asset float64      `json:"asset"`
		First int64        `json:"first"`
		Last  int64        `json:"last"`
		Rare  []int        `json:"rare,omitempty"`
	}
	Rule struct {
		ID     string  `json:"id"`
		Title  string  `json:"title,omitempty"`
		Prior  float64 `json:"prior"`
		Weight float64 `json:"weight"`
		Hours  float64 `json:"hours"`
		Last   int64   `json:"last"`
		Right  float64 `json:"right,omitempty"`
		Wrong  float64 `json:"wrong,omitempty"`
	}
	Tally struct {
		Rule  int     `json:"r"`
		Host  int     `json:"h"`
		Hours float64 `json:"n"`
		Last  int64   `json:"t"`
		Count float64 `json:"c,omitempty"`
		Peak  float64 `json:"p,omitempty"`
	}
	Key struct {
		Kind    finding.EntityKind `json:"kind"`
		Value   string             `json:"value"`
		Host    event.HostID       `json:"host,omitempty"`
		Name    string             `json:"name,omitempty"`
		Generic bool               `json:"generic,omitempty"`
		Hub     bool               `json:"hub,omitempty"`
		Dead    bool               `json:"dead,omitempty"`
		Hosts   []event.HostID     `json:"hosts,omitempty"`
		Known   int                `json:"known,omitempty"`
		Nodes   int                `json:"nodes"`
		First   int64              `json:"first"`
		Last    int64              `json:"last"`
		Posting []int              `json:"posting,omitempty"`
	}
	Group struct {
		ID      string      `json:"id"`
		Aliases []string    `json:"aliases,omitempty"`
		Omitted uint64      `json:"omitted,omitempty"`
		Related [][2]string `json:"related,omitempty"`
		Touched int64       `json:"touched"`
		Born    uint64      `json:"born"`
		Told    bool        `json:"told,omitempty"`
		Judged  []Judgement `json:"judged,omitempty"`
		Nodes   []Node      `json:"nodes"`
	}
	Judgement struct {
		Rule  int     `json:"r"`
		Right float64 `json:"y,omitempty"`
		Wrong float64 `json:"n,omitempty"`
	}
	Node struct {
		Serial     uint64              `json:"serial"`
		Rule       int                 `json:"rule"`
		Host       int                 `json:"host"`
		Severity   finding.Severity    `json:"severity"`
		Confirmed  bool                `json:"confirmed,omitempty"`
		Hidden     bool                `json:"hidden,omitempty"`
		First      int64               `json:"first"`
		Last       int64               `json:"last"`
		Count      uint64              `json:"count"`
		Burst      float64             `json:"burst,omitempty"`
		Text       string              `json:"text,omitempty"`
		Tactics    []finding.Tactic    `json:"tactics,omitempty"`
		Methods    []finding.Technique `json:"methods,omitempty"`
		Steps      []string            `json:"steps,omitempty"`
		Reports    []Report            `json:"reports"`
		Refs       []Ref               `json:"refs,omitempty"`
		Edges      []int               `json:"edges,omitempty"`
		Repeat     []byte              `json:"repeat"`
		Action     []byte              `json:"action,omitempty"`
		OpenRepeat bool                `json:"open_repeat,omitempty"`
		OpenAction bool                `json:"open_action,omitempty"`
	}
	Report struct {
		ID    string `json:"id"`
		Count uint32 `json:"n"`
	}
	Ref struct {
		Key  int           `json:"k"`
		Role evidence.Role `json:"r,omitempty"`
		Hops uint8         `json:"h,omitempty"`
	}
	Edge struct {
		A        int      `json:"a"`
		B        int      `json:"b"`
		Strength float64  `json:"s"`
		Reasons  []Reason `json:"why"`
	}
	Reason struct {
		Kind   finding.LinkKind `json:"kind"`
		Weight float64          `json:"w"`
		Key    int              `json:"k"` // -1 for none
		Hops   uint8            `json:"h,omitempty"`
	}
)

// Write writes the state as JSON, piece by piece: a large one takes little
// memory besides itself. Tallies are put in order.
func (s *State) Write(out io.Writer) error {
	slices.SortFunc(s.Tallies, func(a, b Tally) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Host, b.Host)) })
	w := writer{out: bufio.NewWriter(out)}
	w.field("version", s.Version, '{')
	w.field("now", s.Now, ',')
	w.field("began", s.Began, ',')
	w.field("swept", s.Swept, ',')
	w.field("serial", s.Serial, ',')
	w.field("counters", s.Counters, ',')
	writeList(&w, "hosts", s.Hosts)
	writeList(&w, "rules", s.Rules)
	writeList(&w, "tallies", s.Tallies)
	writeList(&w, "keys", s.Keys)
	writeList(&w, "groups", s.Groups)
	writeList(&w, "edges", s.Edges)
	writeList(&w, "changed", s.Changed)
	w.text("}")
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}

// writer writes JSON until the first error.
type writer struct {
	out *bufio.Writer
	err error
}

func (w *writer) text(s string) {
	if w.err == nil {
		_, w.err = w.out.WriteString(s)
	}
}

func (w *writer) value(v any) {
	data, err := json.Marshal(v)
	if w.err == nil {
		w.err = err
	}
	if w.err == nil {
		_, w.err = w.out.Write(data)
	}
}

// field writes a member of an object behind a brace or comma.
func (w *writer) field(name string, v any, before byte) {
	w.text(string(before) + `"` + name + `":`)
	w.value(v)
}

func writeList[T any](w *writer, name string, list []T) {
	w.text(`,"` + name + `":[`)
	for i := range list {
		if i > 0 {
			w.text(",")
		}
		w.value(&list[i])
	}
	w.text("]")
}

// Counters say what the engine did and what it had to leave out.
type Counters struct {
	Signals        uint64 `json:"signals"`
	Repeats        uint64 `json:"repeats"`         // of signals that were there
	Duplicates     uint64 `json:"duplicates"`      // one action seen by several sensors
	Merges         uint64 `json:"merges"`          // of incidents
	Hubs           uint64 `json:"hubs"`            // things found to be too common to join anything
	Splits         uint64 `json:"splits"`          // of incidents, when what joined them was a hub
	RefusedWide    uint64 `json:"refused_wide"`    // joins refused: chain of shared evidence too long
	RefusedLarge   uint64 `json:"refused_large"`   // joins refused: too many signals
	Summarised     uint64 `json:"summarised"`      // signals of full incidents that are only counted
	RefusedSignals uint64 `json:"refused_signals"` // more hosts or rules than the limits allow, or no host
	TalliesRefused uint64 `json:"tallies_refused"` // rates not learned for one host
	KeysForgotten  uint64 `json:"keys_forgotten"`
	GroupsEvicted  uint64 `json:"groups_evicted"` // for lack of room
	GroupsExpired  uint64 `json:"groups_expired"` // nothing new for 30 days
}

// Moment reports whether a time is one that signals can have.
func Moment(ns int64) bool { return ns == evidence.Representable(time.Unix(0, ns)).UnixNano() }

// Bounded reports whether all texts are within a length.
func Bounded[S ~string](limit int, texts ...S) bool {
	for _, t := range texts {
		if len(t) > limit {
			return false
		}
	}
	return true
}

// Counted reports whether a number is one that counting can give.
func Counted(v float64) bool { return v >= 0 && v < 1<<53 }

// Inside reports whether i is an index into list.
func Inside[T any](i int, list []T) bool { return i >= 0 && i < len(list) }

// Root returns the Root of i in a union-find, and shortens the way to it.
func Root(above []int, i int) int {
	for above[i] != i {
		above[i] = above[above[i]]
		i = above[i]
	}
	return i
}
