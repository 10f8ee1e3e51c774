package alert

import (
	"hash/maphash"
	"io"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/finding"
)

const (
	// repeatWindow is for how long after the latest match another one with
	// the same circumstances counts as a repeat.
	repeatWindow = 10 * time.Minute
	// maxVariants is how many alerts one rule may raise for one actor within
	// the window before further ones are folded whatever their arguments: a
	// loop that varies its arguments must not bury everything else.
	maxVariants = 20
	// maxOpen bounds the memory for repeats, in alerts and actors, unless a
	// roll-up has a limit of its own.
	maxOpen = 10_000
)

var seed = maphash.MakeSeed()

// rollup finds the alert that a match repeats.
type rollup struct {
	alerts  map[uint64]*open // by exact circumstances
	actors  map[uint64]*open // by rule and actor: counts variants, and holds the alert that further ones fold into
	limit   int              // of each map; zero means maxOpen
	evicted uint64
}

// open is an alert that may still be repeated.
type open struct {
	alert    finding.Alert
	variants int
}

// find returns the alert that a repeats, or nil when a is to be raised, and how
// many alerts were forgotten to make room. Group is what the events of a
// correlation have in common: there it alone says what is the same thing.
func (r *rollup) find(a *finding.Alert, group []detect.Value) (first *finding.Alert, evicted uint64) {
	before := r.evicted
	first = r.repeated(a, group)
	return first, r.evicted - before
}

func (r *rollup) repeated(a *finding.Alert, group []detect.Value) *finding.Alert {
	exact, actor := circumstances(a), actorOf(a)
	if len(group) > 0 {
		exact = entity(a, group)
	}
	if o := r.alerts[exact]; o != nil && a.Time.Sub(o.alert.LastTime).Abs() <= repeatWindow {
		return &o.alert
	}
	o := r.actors[actor]
	if o == nil || a.Time.Sub(o.alert.LastTime).Abs() > repeatWindow {
		o = &open{}
		r.put(&r.actors, actor, o)
	}
	o.variants++
	if o.variants > maxVariants {
		return &o.alert
	}
	o.alert = *a
	r.put(&r.alerts, exact, &open{alert: *a})
	return nil
}

// put remembers o; a full map is emptied, which at worst raises an alert again
// that could have been a repeat.
func (r *rollup) put(m *map[uint64]*open, key uint64, o *open) {
	limit := r.limit
	if limit <= 0 {
		limit = maxOpen
	}
	if *m == nil || len(*m) >= limit {
		r.evicted += uint64(len(*m))
		*m = make(map[uint64]*open)
	}
	(*m)[key] = o
}

// circumstances hashes what makes two matches of a rule the same thing.
func circumstances(a *finding.Alert) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	hashCircumstances(&h, a)
	return h.Sum64()
}

func hashCircumstances(h io.Writer, a *finding.Alert) {
	hashActor(h, a)
	if p := a.Process; p != nil {
		writeField(h, p.CommandLine)
		writeField(h, p.Script)
	}
	for i := range a.Evidence {
		e := &a.Evidence[i]
		if e.File != nil {
			writeField(h, e.File.Path)
		}
		if e.User != nil {
			writeField(h, e.User.String())
		}
		if e.Kernel != nil {
			writeField(h, e.Kernel.Name)
		}
	}
}

// entity hashes what the events of a correlation have in common.
func entity(a *finding.Alert, group []detect.Value) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	writeField(&h, string(a.Host))
	writeField(&h, a.Rule.ID)
	hashGroup(&h, group)
	return h.Sum64()
}

func hashGroup(h io.Writer, group []detect.Value) {
	for _, v := range group {
		writeField(h, v.Name)
		writeField(h, v.Text)
	}
}

// actorOf hashes who did it, without the details that an attacker varies.
func actorOf(a *finding.Alert) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	hashActor(&h, a)
	return h.Sum64()
}

func hashActor(h io.Writer, a *finding.Alert) {
	writeField(h, string(a.Host))
	writeField(h, a.Rule.ID)
	if p := a.Process; p != nil {
		writeField(h, p.Path())
		writeField(h, p.User.String())
		writeField(h, p.Parent.Path())
		if p.Container != nil {
			writeField(h, p.Container.ID)
		}
	}
	for i := range a.Evidence {
		if l := a.Evidence[i].Logon; l != nil {
			writeField(h, l.Address.String())
			break
		}
	}
}

// writeField writes s and an end mark, so that "ab","c" differs from "a","bc".
func writeField(h io.Writer, s string) {
	_, _ = io.WriteString(h, s)
	_, _ = h.Write(fieldEnd)
}

var fieldEnd = []byte{0}
