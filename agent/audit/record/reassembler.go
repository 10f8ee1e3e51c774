package record

import (
	"bytes"
	"errors"
	"math"
	"time"
)

// Event is all records of one audit event, in the order of arrival, without
// the EOE record that only marks the end.
//
// An Event and everything in it is valid until the function that it was handed
// to returns; the memory is used again.
type Event struct {
	Milli   int64 // of the first record
	Serial  uint64
	Node    string // "" where records name none
	Records []Record

	// Complete says that the end of the event was seen, or that its one
	// record is an event by itself. Other events were given up by age, by
	// later serial numbers or for lack of room, and may lack records.
	Complete bool

	parts   []part
	buf     []byte
	node    *node
	arrived time.Duration // of the latest record
	items   int           // PATH records that the SYSCALL record promises
	paths   int           // PATH records so far
	size    int           // bytes held, with an allowance for each record
	syscall bool
	title   bool // a PROCTITLE record came
	alone   bool // nothing but records that often are an event by themselves
}

// part is a record whose bytes lie in Event.buf.
type part struct {
	typ              Type
	milli            int64
	start, body, end int // body and enriched part in buf; body == end for none
	enriched         bool
}

// Time returns the stamp of the event in UTC.
func (e *Event) Time() time.Time { return time.UnixMilli(e.Milli).UTC() }

// Find returns the first record of type t, or nil.
func (e *Event) Find(t Type) *Record {
	for i := range e.Records {
		if e.Records[i].Type == t {
			return &e.Records[i]
		}
	}
	return nil
}

// Options bound a [Reassembler]. Zero fields take the default.
type Options struct {
	// Timeout is how long an event may wait for its end; 2 s by default.
	Timeout time.Duration
	// AloneTimeout is how long records wait that often stand alone but may
	// belong to a system call (AVC, LOGIN, CONFIG_CHANGE, ANOM_ABEND …);
	// 100 ms by default.
	AloneTimeout time.Duration
	// MaxEvents bounds the open events, 1024 by default; MaxBytes bounds
	// the bytes of their records, 16 MiB by default. Beyond them the oldest
	// event is handed over as it is.
	MaxEvents, MaxBytes int
	// RecordTime makes the stamps of the records the clock, for recorded
	// logs: arrival times are ignored. A step back of the host's clock
	// stops that clock until the stamps catch up; serial numbers still
	// close events meanwhile.
	RecordTime bool
}

// Counters say what became of the records. They never decrease, except
// MissingSerials.
type Counters struct {
	Records    uint64 // pushed
	Events     uint64 // handed over
	Incomplete uint64 // of these, given up before their end was seen
	Evicted    uint64 // of these, given up for lack of room
	Late       uint64 // events made of records that came after their event was handed over
	Duplicates uint64 // records dropped because their event already had the same one
	Truncated  uint64 // records dropped because their event was larger than MaxBytes alone
	Malformed  uint64 // lines and messages that could not be read
	Foreign    uint64 // lines without any audit record
	// MissingSerials is how many serial numbers between the first and the
	// newest were never seen. The newest 64 are not counted before
	// [Reassembler.Flush]; a number that comes late is taken off again.
	MissingSerials uint64
	// Restarts is how often serial numbers began again: the host booted.
	Restarts uint64
}

// Distances in serial numbers after which an open event is given up. Without
// end marks (EOE, PROCTITLE) two newer events are taken as the end, as the
// records of one event are rarely interleaved. A stream that has end marks
// gets more room, for system calls that overlap on other processors.
const (
	gapWithoutMarks = 2
	gapWithMarks    = 128
)

// maxNodes bounds the host names that are told apart. Further ones share one.
const maxNodes = 256

// recordOverhead is what a record counts in MaxBytes beyond its own bytes, so
// that empty records are bounded too.
const recordOverhead = 64

// closedKept is how many handed-over events are remembered to tell late
// records from new events.
const closedKept = 64

// Reassembler puts records of one stream together to events. It belongs to one
// goroutine.
type Reassembler struct {
	opts    Options
	deliver func(*Event)

	open     []*Event // in the order of their first record
	free     []*Event
	bytes    int
	nodes    map[string]*node
	latest   *node // of the latest record
	now      time.Duration
	deadline time.Duration // no open event is due before
	counters Counters
	samples  []string
}

// node is what is known of one host that writes to the stream.
type node struct {
	name   string
	raw    []byte // name, nil for none
	marks  bool   // an EOE or PROCTITLE record was seen
	newest uint64
	window serialWindow
	closed [closedKept]uint64
	next   int
}

// NewReassembler returns a Reassembler that hands events to deliver, on the
// goroutine that calls its methods. deliver must not call them.
func NewReassembler(opts Options, deliver func(*Event)) *Reassembler {
	if opts.Timeout <= 0 {
		opts.Timeout = 2 * time.Second
	}
	if opts.AloneTimeout <= 0 {
		opts.AloneTimeout = 100 * time.Millisecond
	}
	if opts.MaxEvents <= 0 {
		opts.MaxEvents = 1024
	}
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = 16 << 20
	}
	return &Reassembler{
		opts: opts, deliver: deliver, nodes: make(map[string]*node), now: math.MinInt64, deadline: math.MaxInt64,
	}
}

// PushLine parses one line of a log and pushes its record. A line that cannot
// be read is counted, and some are kept for [Reassembler.Samples]; the error
// says why and may be ignored.
func (r *Reassembler) PushLine(line []byte, arrival time.Duration) error {
	rec, err := ParseLine(line)
	if err != nil {
		r.reject(line, err)
		return err
	}
	r.Push(&rec, arrival)
	return nil
}

// PushMessage parses the payload of a netlink message and pushes its record.
// Errors are treated as by [Reassembler.PushLine].
func (r *Reassembler) PushMessage(t Type, payload []byte, arrival time.Duration) error {
	rec, err := ParseMessage(t, payload)
	if err != nil {
		r.reject(payload, err)
		return err
	}
	r.Push(&rec, arrival)
	return nil
}

// Push adds a record; its bytes are copied. arrival is when the record came by
// any clock that does not go back; it is ignored with Options.RecordTime.
// Events that are complete or due by now are handed over before Push returns.
func (r *Reassembler) Push(rec *Record, arrival time.Duration) {
	r.counters.Records++
	if r.opts.RecordTime {
		arrival = time.Duration(rec.Milli) * time.Millisecond
	}
	r.Advance(arrival)
	n := r.node(rec.Node)
	if rec.Type.FromUser() || rec.Type.FromDaemon() {
		r.pushWhole(n, rec)
		return
	}
	e := r.find(n, rec.Serial)
	switch {
	case rec.Type == EOE:
		n.marks = true
		n.window.add(rec.Serial)
		if e != nil {
			r.close(e, true)
		}
		return
	case e == nil:
		e = r.start(n, rec)
	}
	if !r.add(e, rec) {
		return
	}
	if e.whole() {
		n.marks = true
		r.close(e, true)
	}
}

// Advance hands over the events that are due at now, by the clock of arrivals.
// Callers whose stream may fall silent call it at least every 100 ms. A time
// before the latest one is ignored.
func (r *Reassembler) Advance(now time.Duration) {
	if now <= r.now {
		return
	}
	r.now = now
	if now < r.deadline {
		return
	}
	r.deadline = math.MaxInt64
	for i := 0; i < len(r.open); {
		if due := r.due(r.open[i]); due > now {
			r.deadline = min(r.deadline, due)
			i++
			continue
		}
		r.close(r.open[i], false)
	}
}

// Flush hands over all open events and settles the count of missing serials,
// at the end of a stream.
func (r *Reassembler) Flush() {
	for len(r.open) > 0 {
		r.close(r.open[0], false)
	}
	for _, n := range r.nodes {
		n.window.settle()
	}
}

// Counters returns the counters as they stand.
func (r *Reassembler) Counters() Counters {
	c := r.counters
	for _, n := range r.nodes {
		c.MissingSerials += n.window.missing()
		c.Restarts += n.window.restarts
	}
	return c
}

// Open returns how many events wait for more records.
func (r *Reassembler) Open() int { return len(r.open) }

// Samples returns up to eight of the lines that could not be read, the first
// ones, each with the reason and cut to 200 bytes. They hold hostile bytes.
func (r *Reassembler) Samples() []string { return r.samples }

func (r *Reassembler) reject(line []byte, err error) {
	const maxSamples, maxBytes = 8, 200
	if errors.Is(err, ErrNotAudit) {
		r.counters.Foreign++
		return
	}
	r.counters.Malformed++
	if len(r.samples) < maxSamples {
		r.samples = append(r.samples, err.Error()+": "+string(line[:min(len(line), maxBytes)]))
	}
}

func (r *Reassembler) node(name []byte) *node {
	if r.latest != nil && r.latest.name == string(name) {
		return r.latest
	}
	if n := r.nodes[string(name)]; n != nil {
		r.latest = n
		return n
	}
	const maxName = 255 // HOST_NAME_MAX and some, gethostname(2)
	if len(r.nodes) >= maxNodes || len(name) > maxName {
		name = []byte("…")
		if n := r.nodes[string(name)]; n != nil {
			return n
		}
	}
	n := &node{name: string(name)}
	if len(name) > 0 {
		n.raw = []byte(n.name)
	}
	r.nodes[n.name] = n
	return n
}

func (r *Reassembler) find(n *node, serial uint64) *Event {
	for i := len(r.open) - 1; i >= 0; i-- {
		if e := r.open[i]; e.Serial == serial && e.node == n {
			return e
		}
	}
	return nil
}

// pushWhole hands over a record that is an event by itself.
func (r *Reassembler) pushWhole(n *node, rec *Record) {
	e := r.take(n, rec)
	e.Complete = true
	e.Records = append(e.Records, *rec)
	if !rec.Type.FromDaemon() {
		n.window.add(rec.Serial)
		r.giveUpOlder(n, rec.Serial)
	}
	r.counters.Events++
	r.deliver(e)
	r.release(e)
}

// start opens an event, after making room for it.
func (r *Reassembler) start(n *node, rec *Record) *Event {
	if n.wasClosed(rec.Serial) {
		r.counters.Late++
	}
	n.window.add(rec.Serial)
	r.giveUpOlder(n, rec.Serial)
	if len(r.open) >= r.opts.MaxEvents {
		r.evict(r.open[0])
	}
	e := r.take(n, rec)
	e.alone = true
	r.open = append(r.open, e)
	return e
}

// giveUpOlder hands over the events of n that are too far behind serial.
func (r *Reassembler) giveUpOlder(n *node, serial uint64) {
	gap := uint64(gapWithoutMarks)
	if n.marks {
		gap = gapWithMarks
	}
	if serial <= n.newest {
		n.newest = min(n.newest, serial+gapWithMarks) // follows a restart of the numbers
		return
	}
	n.newest = serial
	for i := 0; i < len(r.open); {
		if e := r.open[i]; e.node == n && (serial > e.Serial && serial-e.Serial >= gap) {
			r.close(e, false)
			continue
		}
		i++
	}
}

// add copies a record into its event; false means that it was dropped.
func (r *Reassembler) add(e *Event, rec *Record) bool {
	if e.holds(rec) {
		r.counters.Duplicates++
		return false
	}
	size := len(rec.Body) + len(rec.Enriched) + recordOverhead
	if e.size+size > r.opts.MaxBytes {
		r.counters.Truncated++
		return false
	}
	for r.bytes+size > r.opts.MaxBytes && len(r.open) > 1 {
		oldest := r.open[0]
		if oldest == e {
			oldest = r.open[1]
		}
		r.evict(oldest)
	}
	r.bytes += size
	e.size += size
	p := part{typ: rec.Type, milli: rec.Milli, start: len(e.buf), enriched: rec.Enriched != nil}
	e.buf = append(e.buf, rec.Body...)
	p.body = len(e.buf)
	e.buf = append(e.buf, rec.Enriched...)
	p.end = len(e.buf)
	e.parts = append(e.parts, p)
	e.arrived = r.now
	e.note(rec)
	r.deadline = min(r.deadline, r.due(e))
	return true
}

// due returns when e is given up.
func (r *Reassembler) due(e *Event) time.Duration {
	if e.alone {
		return e.arrived + r.opts.AloneTimeout
	}
	return e.arrived + r.opts.Timeout
}

func (r *Reassembler) evict(e *Event) {
	r.counters.Evicted++
	r.close(e, false)
}

// close hands e over and takes its memory back.
func (r *Reassembler) close(e *Event, complete bool) {
	for i, o := range r.open {
		if o == e {
			r.open = append(r.open[:i], r.open[i+1:]...)
			break
		}
	}
	e.Complete = complete || e.alone
	if !e.Complete {
		r.counters.Incomplete++
	}
	r.bytes -= e.size
	e.node.closed[e.node.next%closedKept] = e.Serial
	e.node.next++
	e.assemble()
	r.counters.Events++
	r.deliver(e)
	r.release(e)
}

func (r *Reassembler) take(n *node, rec *Record) *Event {
	var e *Event
	if k := len(r.free); k > 0 {
		e, r.free = r.free[k-1], r.free[:k-1]
	} else {
		e = &Event{}
	}
	*e = Event{
		Milli: rec.Milli, Serial: rec.Serial, Node: n.name, node: n,
		Records: e.Records[:0], parts: e.parts[:0], buf: e.buf[:0],
	}
	return e
}

func (r *Reassembler) release(e *Event) {
	const keepEvents, keepBytes = 64, 64 << 10
	if len(r.free) < keepEvents && cap(e.buf) <= keepBytes && cap(e.parts) <= 256 {
		r.free = append(r.free, e)
	}
}

func (n *node) wasClosed(serial uint64) bool {
	if serial > n.newest {
		return false
	}
	for _, s := range n.closed[:min(n.next, closedKept)] {
		if s == serial {
			return true
		}
	}
	return false
}

// holds reports whether e already has the same record. Only the latest eight
// are compared: a doubled stream doubles records close together.
func (e *Event) holds(rec *Record) bool {
	for _, p := range e.parts[max(0, len(e.parts)-8):] {
		if p.typ == rec.Type && p.body-p.start == len(rec.Body) && bytes.Equal(e.buf[p.start:p.body], rec.Body) {
			return true
		}
	}
	return false
}

// note keeps what tells the end of the event.
func (e *Event) note(rec *Record) {
	switch rec.Type {
	case Syscall:
		e.syscall, e.alone = true, false
		e.items = itemsOf(rec.Body)
	case Path:
		e.paths++
		e.alone = false
	case Proctitle:
		e.title, e.alone = true, false
	case Execve, CWD, Sockaddr, ObjPID, BPRMFCaps, Capset, FDPair, Mmap:
		e.alone = false
	}
}

// whole reports whether all of a system call's records came. The kernel writes
// PROCTITLE as the last record before EOE, and auditd does not log EOE
// (audit_log_exit in kernel/auditsc.c); in a log that was put out of order the
// promised PATH records must be there too.
func (e *Event) whole() bool { return e.syscall && e.title && e.paths >= e.items }

// itemsOf reads items=N of a SYSCALL record.
func itemsOf(body []byte) int {
	const name = "items=" // without the space before it, which the search would stop at again and again
	for {
		i := bytes.Index(body, []byte(name))
		if i < 0 {
			return 0
		}
		rest := body[i+len(name):]
		if i > 0 && body[i-1] == ' ' {
			n, _, _ := digits(rest)
			return int(min(n, 1<<16))
		}
		body = rest
	}
}

// assemble makes Records from the parts.
func (e *Event) assemble() {
	for _, p := range e.parts {
		rec := Record{
			Type: p.typ, Milli: p.milli, Serial: e.Serial, Node: e.node.raw,
			Body: e.buf[p.start:p.body:p.body],
		}
		if p.enriched {
			rec.Enriched = e.buf[p.body:p.end:p.end]
		}
		e.Records = append(e.Records, rec)
	}
}
