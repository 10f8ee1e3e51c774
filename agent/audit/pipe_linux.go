package audit

import (
	"bytes"
	"hash/maphash"
	"os"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/agent/audit/kernel"
	"github.com/holdfast-security/holdfast/agent/audit/normalize"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
)

// pipe takes records to events: reassembly, the agent's own deeds left out,
// meaning, sink. It belongs to the runner's goroutine.
type pipe struct {
	reassembler *record.Reassembler
	normalizer  *normalize.Normalizer
	sink        feature.Sink
	events      []event.Event
	start       time.Time
	now         time.Duration // at the first record since the last flush
	pushed      bool          // records since then

	self     []byte               // " pid=N " of this process
	own      uint64               // audit events that were the agent's own deeds
	removals int                  // of our rules, by us, not yet seen in the stream
	settings map[string]time.Time // set by us, "name=value", with the time until which we wait to see it
	hint     bool                 // something happened that may call for other rules

	seed  maphash.Seed
	seen  map[uint64]struct{} // records of the former stream, while two overlap
	twice uint64              // records that came by both streams
	until time.Time           // when the overlap is over
	old   bool                // the former stream is being read
}

func newPipe(opts Options, host feature.Host) *pipe {
	p := &pipe{
		normalizer: normalize.New(normalize.Options{RawRecords: opts.RawRecords}),
		sink:       host.Sink,
		start:      time.Now(),
		self:       []byte(" pid=" + strconv.Itoa(os.Getpid()) + " "),
		settings:   make(map[string]time.Time),
		seed:       maphash.MakeSeed(),
	}
	p.reassembler = record.NewReassembler(record.Options{}, p.event)
	return p
}

// push takes one record.
func (p *pipe) push(r kernel.Record) {
	if p.seen != nil && p.repeated(r) {
		return
	}
	if !p.pushed {
		// A reader that was held up for long must not take what it reads now
		// for as old as its last look.
		p.now, p.pushed = time.Since(p.start), true
	}
	// Malformed records are counted and sampled by the reassembler.
	_ = p.reassembler.PushMessage(record.Type(r.Type), r.Payload, p.now)
}

// flush hands the events of what was pushed to the sink, and ages the rest.
func (p *pipe) flush() {
	p.now, p.pushed = time.Since(p.start), false
	p.reassembler.Advance(p.now)
	if p.seen != nil && !p.old && time.Now().After(p.until) {
		p.seen = nil
	}
	p.emit()
}

func (p *pipe) emit() {
	if len(p.events) > 0 {
		p.sink.Emit(p.events)
		clear(p.events)
		p.events = p.events[:0]
	}
}

// close hands out what is there, complete or not.
func (p *pipe) close() {
	p.reassembler.Flush()
	p.emit()
}

// open returns how many audit events wait for more records.
func (p *pipe) open() int { return p.reassembler.Open() }

func (p *pipe) event(e *record.Event) {
	if p.mine(e) {
		p.own++
		return
	}
	p.watch(e)
	p.events = p.normalizer.Append(p.events, e)
}

// mine reports whether this process did what e tells: changing rules and
// settings, and reading the host. Reporting that would feed on itself.
func (p *pipe) mine(e *record.Event) bool {
	for i := range e.Records {
		switch r := &e.Records[i]; r.Type {
		case record.Syscall, record.EventListener:
			// The pid stands in the part that the kernel writes, before
			// comm and other text that programs choose.
			head, _, _ := bytes.Cut(r.Body, []byte(" comm="))
			return bytes.Contains(head, p.self) || bytes.HasPrefix(head, p.self[1:])
		case record.ConfigChange:
			if len(e.Records) == 1 {
				return p.changed(r.Body)
			}
		}
	}
	return false
}

var (
	keyMark    = []byte(`key="` + KeyPrefix)
	addMark    = []byte("op=add_rule ")
	removeMark = []byte("op=remove_rule ")
	setMark    = []byte("op=set ")
	createMark = []byte("nametype=CREATE")
)

// changed reports whether a change of the configuration that names no process
// is ours: a rule with our key was added, or what was announced by
// [pipe.expectRemovals] and [pipe.expectSettings].
func (p *pipe) changed(body []byte) bool {
	if bytes.Contains(body, keyMark) {
		if bytes.Contains(body, removeMark) && p.removals > 0 {
			p.removals--
			return true
		}
		return bytes.Contains(body, addMark)
	}
	rest, ok := bytes.CutPrefix(body, setMark)
	if !ok {
		return false
	}
	setting, _, _ := bytes.Cut(rest, []byte(" "))
	until, ok := p.settings[string(setting)]
	delete(p.settings, string(setting))
	return ok && time.Now().Before(until)
}

// expectRemovals announces that n of our rules were removed by us.
func (p *pipe) expectRemovals(n int) { p.removals += n }

// expectSettings announces what we set, as the kernel will tell it
// (kernel/audit.c, audit_log_config_change).
func (p *pipe) expectSettings(s kernel.Status) {
	const patience = 10 * time.Second
	for name, value := range map[string]uint32{
		"audit_pid": uint32(os.Getpid()), "audit_enabled": s.Enabled, "audit_failure": s.Failure,
		"audit_rate_limit": s.RateLimit, "audit_backlog_limit": s.BacklogLimit, "audit_backlog_wait_time": s.BacklogWaitTime,
	} {
		p.settings[name+"="+strconv.FormatUint(uint64(value), 10)] = time.Now().Add(patience)
	}
}

// watch looks for events after which other rules may be needed: ours were
// removed, or a folder that we wait for was made.
func (p *pipe) watch(e *record.Event) {
	for i := range e.Records {
		body := e.Records[i].Body
		switch e.Records[i].Type {
		case record.ConfigChange:
			p.hint = p.hint || bytes.Contains(body, keyMark) && bytes.Contains(body, removeMark)
		case record.Path:
			p.hint = p.hint || bytes.Contains(body, createMark) && bytes.Contains(body, []byte(" mode=04"))
		}
	}
}

// takeHint reports whether watch saw something since the last call.
func (p *pipe) takeHint() bool {
	hint := p.hint
	p.hint = false
	return hint
}

// overlap begins a change of streams: until [pipe.overlapEnds] what is pushed
// comes from the former one, and is remembered.
func (p *pipe) overlap() {
	p.seen, p.old = make(map[uint64]struct{}), true
}

// overlapEnds says that from now on the new stream is read.
func (p *pipe) overlapEnds() {
	const settled = 2 * time.Second
	p.old, p.until = false, time.Now().Add(settled)
}

// repeated reports whether r came by the former stream too.
func (p *pipe) repeated(r kernel.Record) bool {
	sum := maphash.Bytes(p.seed, r.Payload) ^ uint64(r.Type)
	if p.old {
		p.seen[sum] = struct{}{}
		return false
	}
	_, ok := p.seen[sum]
	if ok {
		delete(p.seen, sum)
		p.twice++
	}
	return ok
}

// gaps returns how many serial numbers of audit events were never seen.
func (p *pipe) gaps() uint64 { return p.reassembler.Counters().MissingSerials }

// report shows what became of the records.
func (p *pipe) report(health *feature.Health) {
	c := p.reassembler.Counters()
	health.Count("audit_events", c.Events)
	health.Count("own_events", p.own)
	health.Count("incomplete_events", c.Incomplete)
	health.CountDropped("malformed_records", c.Malformed)
	health.CountDropped("truncated_records", c.Truncated)
	health.Count("events", p.normalizer.Stats().Events)
}
