// Package aggregate folds repeats of the same event into one event with a
// count, so that a program which does the same a thousand times leaves two lines
// and not a thousand.
//
// An [Aggregator] stands where events leave the agent, behind the process table
// and detection, which see every event.
package aggregate

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Options bound an [Aggregator]. Zero fields take the default.
type Options struct {
	// Window is how long after an event its repeats are held; 10 s by
	// default.
	Window time.Duration
	// MaxEvents bounds the events whose repeats are watched, 4096 by
	// default. Beyond it the oldest window ends early.
	MaxEvents int
	// Pass names events that are never held. Nil passes authentications,
	// whose number is what rules look at.
	Pass func(*event.Event) bool
}

// Stats account for the events that an [Aggregator] was given. At any time
// Received = Passed + Folded, and the sum of Repeats over all summaries =
// Folded - Held.
type Stats struct {
	Received  uint64 // given to Add, the repeats that they stand for counted
	Passed    uint64 // of these, returned at once
	Folded    uint64 // of these, the others: repeats
	Held      uint64 // of the folded, those that wait for the end of their window
	Summaries uint64 // events returned in place of folded ones
}

// Aggregator folds repeats of the same event: same class, activity, status,
// rule key, program, arguments, users and object, whatever the process id.
//
// The first event passes unchanged and at once, so that detection never waits,
// and opens a window. Repeats within the window are held; when it ends, one
// summary is delivered: the first of the repeats, with Count the number of
// repeats and Last the time of the latest. The first event is not in the
// Count, so that counts add up. After the window the next event passes again.
//
// It stands behind whatever must see every process id, like a process table.
// Windows are measured by the time of events, which is the host's clock; when
// it is set back by more than a window, all windows end. An Aggregator belongs
// to one goroutine.
type Aggregator struct {
	opts  Options
	seed  maphash.Seed
	open  map[uint64]*window
	order []*window // by start
	now   time.Time
	stats Stats
}

type window struct {
	hash    uint64
	end     time.Time
	first   event.Event
	summary event.Event
}

// New returns an Aggregator.
func New(opts Options) *Aggregator {
	if opts.Window <= 0 {
		opts.Window = 10 * time.Second
	}
	if opts.MaxEvents <= 0 {
		opts.MaxEvents = 4096
	}
	if opts.Pass == nil {
		opts.Pass = func(ev *event.Event) bool { return ev.Class == event.ClassAuthentication }
	}
	return &Aggregator{opts: opts, seed: maphash.MakeSeed(), open: make(map[uint64]*window)}
}

// Add appends to dst what may be delivered now: summaries of windows that ended
// by the event's time, and the event unless it is a repeat.
func (a *Aggregator) Add(dst []event.Event, ev event.Event) []event.Event {
	dst = a.Advance(dst, ev.Time)
	a.stats.Received += uint64(ev.Repeats())
	if a.opts.Pass(&ev) {
		return a.pass(dst, ev)
	}
	hash := a.hash(&ev)
	if w := a.open[hash]; w != nil && same(&w.first, &ev) {
		w.hold(ev)
		a.stats.Folded += uint64(ev.Repeats())
		a.stats.Held += uint64(ev.Repeats())
		return dst
	} else if w == nil {
		if len(a.order) >= a.opts.MaxEvents {
			dst = a.end(dst, 1)
		}
		w = &window{hash: hash, end: a.now.Add(a.opts.Window), first: ev}
		a.open[hash] = w
		a.order = append(a.order, w)
	}
	return a.pass(dst, ev)
}

func (a *Aggregator) pass(dst []event.Event, ev event.Event) []event.Event {
	a.stats.Passed += uint64(ev.Repeats())
	return append(dst, ev)
}

// Advance appends the summaries of windows that ended by now. Callers whose
// stream may fall silent call it about once per second. A time a little before
// the latest one is that of a late event and changes nothing.
func (a *Aggregator) Advance(dst []event.Event, now time.Time) []event.Event {
	if now.Before(a.now.Add(-a.opts.Window)) {
		a.now = now
		return a.Flush(dst)
	}
	if !now.After(a.now) {
		return dst
	}
	a.now = now
	ended := 0
	for ended < len(a.order) && !a.order[ended].end.After(now) {
		ended++
	}
	return a.end(dst, ended)
}

// Flush ends all windows.
func (a *Aggregator) Flush(dst []event.Event) []event.Event { return a.end(dst, len(a.order)) }

// Stats returns the counters.
func (a *Aggregator) Stats() Stats { return a.stats }

// end closes the n oldest windows.
func (a *Aggregator) end(dst []event.Event, n int) []event.Event {
	for _, w := range a.order[:n] {
		delete(a.open, w.hash)
		if w.summary.Count > 0 {
			a.stats.Held -= uint64(w.summary.Count)
			a.stats.Summaries++
			dst = append(dst, w.summary)
		}
	}
	a.order = slices.Delete(a.order, 0, n)
	return dst
}

func (w *window) hold(ev event.Event) {
	last := ev.Time
	if ev.Last.After(last) {
		last = ev.Last
	}
	if w.summary.Count == 0 {
		repeats := ev.Repeats()
		w.summary = ev
		w.summary.Count, w.summary.Last = repeats, last
		return
	}
	w.summary.Count += ev.Repeats()
	if last.After(w.summary.Last) {
		w.summary.Last = last
	}
}

func (a *Aggregator) hash(ev *event.Event) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	text := func(s string) {
		h.WriteString(s)
		h.WriteByte(0)
	}
	h.WriteByte(byte(ev.Class >> 8))
	h.WriteByte(byte(ev.Class))
	h.WriteByte(byte(ev.Activity))
	h.WriteByte(byte(ev.Status))
	text(ev.Key)
	text(ev.Process.Path())
	if ev.Process != nil {
		text(ev.Process.CommandLine)
	}
	if ev.File != nil {
		text(ev.File.Path)
		text(ev.File.NewPath)
	}
	if ev.Network != nil {
		text(ev.Network.Remote.Addr().String())
	}
	if ev.Kernel != nil {
		text(ev.Kernel.Name)
		text(ev.Kernel.Syscall)
	}
	return h.Sum64()
}

// same reports whether two events say the same, apart from when and in which
// process.
func same(a, b *event.Event) bool {
	return a.Class == b.Class && a.Activity == b.Activity && a.Status == b.Status && a.Source == b.Source &&
		a.Host == b.Host && a.Key == b.Key && a.Message == b.Message &&
		sameProcess(a.Process, b.Process) && sameProcess(a.Target, b.Target) &&
		equal(a.User, b.User) && equal(a.Group, b.Group) && sameFile(a.File, b.File) && equal(a.Logon, b.Logon) &&
		sameNetwork(a.Network, b.Network) && sameKernel(a.Kernel, b.Kernel) && equal(a.Exit, b.Exit)
}

// equal compares what two pointers point to; nil equals nil only.
func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func sameProcess(a, b *event.Process) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && a.Path() == b.Path() && slices.Equal(a.Arguments, b.Arguments) &&
		a.Directory == b.Directory && a.User == b.User && equal(a.Effective, b.Effective) && equal(a.Login, b.Login) &&
		a.Session == b.Session && a.Terminal == b.Terminal && equal(a.Container, b.Container) &&
		a.Parent.Path() == b.Parent.Path()
}

func sameFile(a, b *event.File) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Path == b.Path && a.NewPath == b.NewPath && a.Mode == b.Mode && a.UID == b.UID && a.Truncated == b.Truncated
}

// sameNetwork leaves out the port that the side which connects gets by chance,
// and what tells apart connections between the same two services.
func sameNetwork(a, b *event.Network) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Protocol == b.Protocol && a.Direction == b.Direction &&
		a.Local.Addr() == b.Local.Addr() && (a.Local.Port() == b.Local.Port() || a.Direction == "outbound") &&
		a.Remote.Addr() == b.Remote.Addr() && (a.Remote.Port() == b.Remote.Port() || a.Direction == "inbound")
}

func sameKernel(a, b *event.Kernel) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && a.Type == b.Type && a.Syscall == b.Syscall && a.Source == b.Source &&
		a.Request == b.Request && a.Adjusted == b.Adjusted && slices.Equal(a.Capabilities, b.Capabilities)
}
