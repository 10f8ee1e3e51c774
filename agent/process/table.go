// Package process keeps the table of processes: who is the parent of whom, and
// what each one is.
//
// Sensors report fragments. Perf sees every birth, exec and end, but no
// arguments and no users; audit has those, but reports an exec after the
// process may have ended; /proc has everything, but only while a process
// lives. The table joins them into [event.Process] values. A process is named
// by boot, pid and start, so that a pid used again is another process; its
// parent is the one at birth, whoever adopted it later; an exec makes a new
// immutable image with the same name. What was inherited at birth (session,
// container, entry point) is carried along.
//
// A [Table] belongs to one goroutine, which must not be one that reads from
// the kernel: completing an event may read a few small files. In recorded mode
// it reads nothing and works from the events alone.
//
// Everything that a process says of itself is hostile: names, arguments,
// environment, its control group and its files. Sizes are bounded, and what a
// process can choose never decides which process is meant.
package process

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
)

// Defaults of [Options].
const (
	defaultMaxLive   = 1 << 18
	defaultMaxExited = 16 << 10
	defaultMaxBytes  = 24 << 20
	defaultRetain    = 24 * time.Hour
)

// Times within which sources may disagree.
const (
	// pairWait is how long an exec seen by perf waits for audit's report.
	pairWait = int64(2 * time.Second)
	// birthWait is how long an event of an unknown process waits for the
	// report of its birth: the longest nap of the perf sensor, twice.
	birthWait = int64(250 * time.Millisecond)
	// stampSlack is how far audit's stamps lie behind the truth: they have
	// milliseconds, taken from a clock that advances with the timer tick,
	// 10 ms at the coarsest (HZ=100).
	stampSlack = int64(11 * time.Millisecond)
	// logSlack is the same for log files: a second, and the writer's delay.
	logSlack = int64(3 * time.Second)
	tick     = int64(10 * time.Millisecond)

	sweepEvery     = int64(30 * time.Second)
	sweepEveryPerf = int64(5 * time.Minute)
	maxHeld        = 4096
	maxPending     = 8192
	maxMarks       = 16
	// silentExecs is how many execs in a row audit may miss before it counts
	// as not reporting execs at all.
	silentExecs = 16
)

// Options says what a table is for. The zero value watches the running system.
type Options struct {
	FS       hostfs.FS // the host; not used in recorded mode
	Recorded bool      // events come from a record: never look at this host

	MaxLive        int           // live processes; zero means 262,144
	MaxExited      int           // ended processes kept for lineage; zero means 16,384
	MaxExitedBytes int64         // their estimated memory; zero means 24 MiB
	Retain         time.Duration // how long they are kept; zero means 24 hours
}

// Stats is the ledger of a table. Its JSON form is API.
type Stats struct {
	Live    int   `json:"live"`    // processes alive
	Exited  int   `json:"exited"`  // ended processes kept
	Bytes   int64 `json:"bytes"`   // estimated memory of the ended ones
	Waiting int   `json:"waiting"` // events that wait, for a birth or for another source's report

	Evicted     uint64 `json:"evicted"`      // ended processes forgotten before their time, to keep the bounds
	Overflow    uint64 `json:"overflow"`     // live processes not kept because there were too many
	Held        uint64 `json:"held"`         // events that waited for the report of a birth
	HeldExpired uint64 `json:"held_expired"` // those that waited in vain
	Inferred    uint64 `json:"inferred"`     // processes whose birth nobody reported
	Unpaired    uint64 `json:"unpaired"`     // execs that perf alone reported while audit was in use
	Paired      uint64 `json:"paired"`       // execs that both reported
	Swept       uint64 `json:"swept"`        // processes found gone without a report
	HashQueue   uint64 `json:"unhashed"`     // large executables not hashed because the queue was full
}

// Table is the table of processes of one host. It is for one goroutine.
type Table struct {
	opts  Options
	host  host // nil in recorded mode
	boot  event.BootID
	clock clock

	nodes       map[uint32]*node // the newest process of each pid
	fleeting    event.Process    // place for an image that an exec replaces before anybody sees it
	lessons     uint64           // how often an image learned what its children's images follow
	first, last *node            // ended processes, oldest first
	stats       Stats

	held    []*held        // in order of deadline
	waiting map[uint32]int // held events by pid
	pending []*pending     // in order of deadline
	ready   []event.Event  // to be published by Released

	audit, perf bool // the source reports execs
	silent      int  // execs in a row that audit did not report
	swept       int64
}

// held is an event of a process whose birth has not been reported.
type held struct {
	event    event.Event
	at       int64
	deadline int64
}

// NewTable returns an empty table.
func NewTable(opts Options) *Table {
	t := newTable(opts, nil)
	if !opts.Recorded {
		t.attach(newHost(opts.FS))
	}
	return t
}

func newTable(opts Options, h host) *Table {
	opts.MaxLive = orDefault(opts.MaxLive, defaultMaxLive)
	opts.MaxExited = orDefault(opts.MaxExited, defaultMaxExited)
	opts.MaxExitedBytes = orDefault(opts.MaxExitedBytes, defaultMaxBytes)
	opts.Retain = orDefault(opts.Retain, defaultRetain)
	t := &Table{opts: opts, nodes: make(map[uint32]*node), waiting: make(map[uint32]int)}
	if h != nil {
		t.attach(h)
	}
	return t
}

func (t *Table) attach(h host) {
	if h == nil {
		return
	}
	t.host, t.boot = h, h.bootID()
	t.clock.update(h.now())
	t.swept = t.clock.boot
}

func orDefault[T int | int64 | time.Duration](v, fallback T) T {
	if v > 0 {
		return v
	}
	return fallback
}

// Close ends the table's background work: hashing and package indexes.
func (t *Table) Close() {
	if t.host != nil {
		t.host.close()
	}
}

// SetActive tells the table that a source has started or stopped reporting
// process activity. It need not be called for a source that starts: its first
// event says so. Calling it when a source stops saves the table from waiting
// for reports that do not come.
func (t *Table) SetActive(source event.Source, active bool) {
	switch source {
	case event.SourceAudit:
		t.audit = active
	case event.SourcePerf:
		t.perf = active
	}
}

// Apply takes an event from a sensor, in about the order of time, and completes
// it: Process and Target become full images with their lineage, accounts get
// names. It reports whether to publish the event now. Where it returns false
// the event is a duplicate of another source's, or it waits for one: then
// [Table.Released] or [Table.Expire] hands it over later. Call Released after
// each event, or what waited for it comes behind what came after it.
//
// An exec that audit and perf both report is published once, as audit's.
// An event whose Process already has a UID with a boot id is complete and is
// left as it is. Of other events the table takes over Process, which must belong
// to the event alone, and may change it.
func (t *Table) Apply(ev *event.Event) bool {
	if ev.Process != nil && ev.Process.UID.Boot != (event.BootID{}) {
		return true
	}
	return t.apply(ev, t.clock.since(ev.Time, t.host), false)
}

// Expire publishes the events that no longer need to wait, ends processes that
// are gone, and forgets what is too old. Call it after each batch of events
// and at least every 100 ms while events come; now is the host's clock. A time
// ahead of the clock makes everything that waits due, which flushes the table
// at the end. In recorded mode it does nothing.
func (t *Table) Expire(now time.Time, publish func(event.Event)) {
	if t.host == nil {
		return
	}
	t.clock.update(t.host.now())
	boot := max(t.clock.boot, now.UnixNano()-t.clock.offset)
	t.expireHeld(boot)
	t.expirePending(boot)
	t.Released(publish)
	t.sweep(boot)
	t.evict(boot)
}

// Released publishes the events that waited for the one last applied, which
// come right behind it.
func (t *Table) Released(publish func(event.Event)) {
	for i := range t.ready {
		publish(t.ready[i])
	}
	clear(t.ready)
	t.ready = t.ready[:0]
}

// Lookup returns the image of the process that had the pid at the given time,
// or nil; the zero time means now.
func (t *Table) Lookup(pid uint32, at time.Time) *event.Process {
	var n *node
	if at.IsZero() {
		n = t.nodes[pid]
	} else {
		n = t.find(pid, t.clock.since(at, t.host), stampSlack)
	}
	if n == nil {
		return nil
	}
	return t.resolve(n.image)
}

// Stats returns the ledger.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Waiting = len(t.held) + t.unpaired() + len(t.ready)
	if t.host != nil {
		s.HashQueue = t.host.unhashed()
	}
	return s
}

// Snapshot reads the processes that are there. Call it once, after the sensors
// have started and before the first Apply, so that no process falls between.
func (t *Table) Snapshot(ctx context.Context) error {
	if t.host == nil {
		return nil
	}
	pids, err := t.host.pids()
	if err != nil {
		return err
	}
	found := make([]birth, 0, len(pids))
	for _, pid := range pids {
		if s, ok := t.host.stat(pid); ok {
			found = append(found, birth{pid: pid, ppid: s.PPID, start: int64(s.Start), kernel: s.Kernel(), name: s.Comm})
		}
	}
	slices.SortStableFunc(found, func(a, b birth) int { return cmp.Compare(a.start, b.start) })
	for _, b := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.read(b, false)
	}
	return nil
}

// birth is what /proc says of a process's origin.
type birth struct {
	pid, ppid uint32
	start     int64
	kernel    bool
	name      string
}

// read takes a living process from /proc into the table; with light set only
// its birth.
func (t *Table) read(b birth, light bool) *node {
	if n := t.nodes[b.pid]; n != nil && n.exit == 0 && near(n.birth, b.start) {
		return n
	}
	var parent *image
	if p := t.nodes[b.ppid]; p != nil && b.ppid != 0 && p.birth <= b.start {
		parent = p.image
	}
	n := t.born(b.pid, b.ppid, b.start, parent)
	n.firm = true
	if light {
		return n
	}
	proc := *n.image.proc
	proc.Name = b.name
	if b.kernel {
		proc.Entry = event.EntryPoint{Kind: event.EntryKernel}
		proc.Executable, proc.Arguments, proc.CommandLine = nil, nil, ""
	} else if d, ok := t.host.describe(b.pid); ok {
		d.fill(&proc)
		t.enrich(n, &proc, true)
		t.strayEntry(&proc)
	}
	t.teach(n.image, &proc)
	return n
}

// near reports whether two times of birth, one of them perhaps rounded to the
// clock tick, can be of one process.
func near(a, b int64) bool { return a-b <= 2*tick && b-a <= 2*tick }

// born enters a new process as a copy of its parent.
func (t *Table) born(pid, ppid uint32, at int64, parent *image) *node {
	return t.bornAs(new(event.Process), pid, ppid, at, parent)
}

// bornAs is born with the place for the copy.
func (t *Table) bornAs(proc *event.Process, pid, ppid uint32, at int64, parent *image) *node {
	if parent != nil {
		*proc = *t.resolve(parent)
	} else {
		*proc = event.Process{User: event.User{UID: event.UnsetUID}}
	}
	proc.UID = event.ProcessUID{Boot: t.boot, PID: pid, Start: uint64(at - at%tick)}
	proc.PID, proc.PPID = pid, ppid
	proc.Started, proc.Executed = t.clock.wall(at), time.Time{}
	if parent != nil && proc.Entry.Kind == event.EntryInit {
		proc.Entry = event.EntryPoint{Kind: event.EntryService}
	}
	n := &node{pid: pid, ppid: ppid, birth: at, image: t.newImage(proc, parent)}
	n.image.copied = parent != nil
	t.insert(n)
	return n
}

func (t *Table) insert(n *node) {
	if t.stats.Live >= t.opts.MaxLive {
		t.stats.Overflow++
		return
	}
	t.stats.Live++
	newer := t.nodes[n.pid]
	if newer == nil || newer.birth <= n.birth {
		t.nodes[n.pid], n.older = n, newer
		if newer != nil {
			t.end(newer, n.birth)
		}
		return
	}
	for newer.older != nil && newer.older.birth > n.birth {
		newer = newer.older
	}
	newer.older, n.older = n, newer.older
	t.end(n, newer.birth)
}

// end marks a process as ended.
func (t *Table) end(n *node, at int64) {
	if n.exit != 0 {
		return
	}
	n.exit = max(at, n.birth+1)
	n.bytes = size(n.image.proc)
	t.stats.Live--
	t.stats.Exited++
	t.stats.Bytes += n.bytes
	if t.last == nil {
		t.first = n
	} else {
		t.last.next, n.prev = n, t.last
	}
	t.last = n
	t.evict(at)
}

// revive undoes end: the thread that led the process ended, and another one
// has executed a program under its pid.
func (t *Table) revive(n *node) {
	t.unlink(n)
	n.exit = 0
	t.stats.Live++
}

// unlink takes n from the queue of ended processes.
func (t *Table) unlink(n *node) {
	if n.prev == nil {
		t.first = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		t.last = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.prev, n.next = nil, nil
	t.stats.Exited--
	t.stats.Bytes -= n.bytes
}

// evict forgets ended processes that are too old or too many.
func (t *Table) evict(now int64) {
	for n := t.first; n != nil; n = t.first {
		old := now-n.exit > int64(t.opts.Retain)
		if !old && t.stats.Exited <= t.opts.MaxExited && t.stats.Bytes <= t.opts.MaxExitedBytes {
			return
		}
		if !old {
			t.stats.Evicted++
		}
		t.unlink(n)
		t.forget(n)
	}
}

// forget takes an ended process from the list of its pid.
func (t *Table) forget(n *node) {
	head := t.nodes[n.pid]
	if head == n {
		if n.older == nil {
			delete(t.nodes, n.pid)
		} else {
			t.nodes[n.pid] = n.older
		}
		return
	}
	for ; head != nil; head = head.older {
		if head.older == n {
			head.older = n.older
			return
		}
	}
}

// size estimates the memory that an ended process holds.
func size(p *event.Process) int64 {
	n := int64(900) + int64(len(p.CommandLine)+len(p.Directory)+len(p.Script))
	for _, a := range p.Arguments {
		n += int64(len(a)) + 16
	}
	for _, e := range p.Environment {
		n += int64(len(e)) + 16
	}
	return n
}

// find returns the process that had the pid at a time that may lie up to
// slack before the truth.
func (t *Table) find(pid uint32, at, slack int64) *node {
	for n := t.nodes[pid]; n != nil; n = n.older {
		if n.birth > at+slack {
			continue
		}
		if n.exit != 0 && n.exit+slack < at {
			return nil
		}
		return n
	}
	return nil
}

// sweep ends processes that are gone though nobody reported it.
func (t *Table) sweep(now int64) {
	every := sweepEvery
	if t.perf {
		every = sweepEveryPerf
	}
	if now-t.swept < every {
		return
	}
	t.swept = now
	pids, err := t.host.pids()
	if err != nil {
		return
	}
	for pid, n := range t.nodes {
		if _, there := slices.BinarySearch(pids, pid); !there && n.exit == 0 && n.birth < now {
			t.stats.Swept++
			t.end(n, now)
		}
	}
}

// join is strings.Join for an argument vector.
func join(args []string) string { return strings.Join(args, " ") }
