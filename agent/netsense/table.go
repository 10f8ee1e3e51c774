package netsense

import (
	"net/netip"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

const (
	// maxSockets bounds the table, maxFlows what is known of tracked flows.
	maxSockets = 1 << 16
	maxFlows   = 1 << 13
	// maxTries is in how many looks the owner of a socket is searched before
	// the socket is reported without.
	maxTries = 3
	// flowGrace is how long a tracked flow waits for a socket that explains
	// it, and how long an ended socket explains a flow.
	flowGrace = 2500 * time.Millisecond
)

// counters of the table, for health.
type tableStats struct {
	unattributed uint64 // reported without a process
	overflow     uint64 // sockets and flows not reported because the table was full
	missed       uint64 // ended before a look saw them; reported without a process
}

// table knows the sockets of all namespaces and turns changes into events. It
// does no I/O and belongs to one goroutine.
type table struct {
	sockets   map[uint64]*entry // by cookie
	listening map[listener]uint32
	flows     map[flowKey]*flowEntry
	explained map[flowKey]time.Time // tuples of sockets that ended lately
	look      uint32                // number of the present look
	stats     tableStats
	out       []event.Event
	changed   bool // since the look began
}

type entry struct {
	socket
	ns       uint64 // inode of the network namespace
	look     uint32 // in which it was last seen
	tries    uint8  // searches for the owner
	reported bool
	inbound  bool
	pid      uint32
}

// listener is a port that somebody listens on; addresses are left out, which
// is right save for hosts that listen and connect with one port number.
type listener struct {
	ns    uint64
	proto uint8
	port  uint16
}

type flowKey struct {
	proto    uint8
	src, dst netip.AddrPort
}

type flowEntry struct {
	since    time.Time
	inbound  bool
	reported bool
}

func newTable() *table {
	return &table{
		sockets: make(map[uint64]*entry), listening: make(map[listener]uint32),
		flows: make(map[flowKey]*flowEntry), explained: make(map[flowKey]time.Time),
	}
}

// begin starts a look at all sockets.
func (t *table) begin() { t.look++; t.changed = false }

// see records a socket of the present look.
func (t *table) see(ns uint64, s socket) {
	if s.listening() {
		t.listening[listener{ns, s.proto, s.local.Port()}] = t.look
	}
	if e := t.sockets[s.cookie]; e != nil {
		e.look = t.look
		if e.state != s.state {
			e.state = s.state
			e.local, e.remote = s.local, s.remote // a bound socket that connected
		}
		if e.inode == 0 {
			e.inode = s.inode // accepted from the queue since
		}
		return
	}
	t.changed = true
	if len(t.sockets) >= maxSockets {
		t.stats.overflow++
		return
	}
	t.sockets[s.cookie] = &entry{socket: s, ns: ns, look: t.look}
}

// finish ends the look at one namespace: what was not seen has closed. It is
// not called when the look was incomplete.
func (t *table) finish(ns uint64, now time.Time) {
	for cookie, e := range t.sockets {
		if e.ns == ns && e.look != t.look {
			t.gone(e, now)
			delete(t.sockets, cookie)
		}
	}
	for l, look := range t.listening {
		if l.ns == ns && look != t.look {
			delete(t.listening, l)
		}
	}
}

// unowned returns the inodes of the sockets whose process is not known yet.
func (t *table) unowned() map[uint32]uint32 {
	var wanted map[uint32]uint32
	for _, e := range t.sockets {
		if e.pid == 0 && e.inode != 0 && !e.reported {
			if wanted == nil {
				wanted = make(map[uint32]uint32)
			}
			wanted[e.inode] = 0
		}
	}
	return wanted
}

// own sets the processes that were found.
func (t *table) own(found map[uint32]uint32) {
	for _, e := range t.sockets {
		if e.pid == 0 && e.inode != 0 && !e.reported {
			e.pid = found[e.inode]
		}
	}
}

// report makes events of the sockets that are new. What has no owner yet gets
// some more looks.
func (t *table) report(now time.Time) {
	for _, e := range t.sockets {
		if e.reported || e.state == stateSynSent {
			continue
		}
		if e.pid == 0 && e.tries < maxTries {
			e.tries++
			t.changed = true
			continue
		}
		t.open(e, event.StatusSuccess, now)
	}
	t.settleFlows(now)
}

// open reports a socket.
func (t *table) open(e *entry, status event.Status, now time.Time) {
	e.reported = true
	if e.pid == 0 {
		t.stats.unattributed++
	}
	activity := event.NetworkOpen
	if e.listening() {
		activity = event.NetworkListen
	} else {
		_, e.inbound = t.listening[listener{e.ns, e.proto, e.local.Port()}]
	}
	t.emit(e, activity, status, now)
}

// gone reports the end of a socket, and its begin where that was not reported.
func (t *table) gone(e *entry, now time.Time) {
	t.changed = true
	t.explain(e, now)
	if !e.reported {
		status := event.StatusSuccess
		if e.state == stateSynSent {
			status = event.StatusFailure // nobody answered
		}
		t.open(e, status, now)
		if status == event.StatusFailure {
			return
		}
	}
	t.emit(e, event.NetworkClose, event.StatusSuccess, now)
}

// destroyed handles the kernel's announcement that a socket ended.
func (t *table) destroyed(ns uint64, s socket, now time.Time) {
	e := t.sockets[s.cookie]
	if e == nil {
		if !s.remote.IsValid() || s.remote.Port() == 0 || !s.remote.Addr().IsValid() || s.remote.Addr().IsUnspecified() {
			return // never connected
		}
		e = &entry{socket: s, ns: ns}
		e.inode = 0
		t.stats.missed++
	}
	e.bytesOut, e.bytesIn = s.bytesOut, s.bytesIn
	delete(t.sockets, s.cookie)
	t.gone(e, now)
}

func (t *table) emit(e *entry, activity event.Activity, status event.Status, now time.Time) {
	n := &event.Network{
		Protocol: protoName(e.proto), Local: e.local, Remote: e.remote, Inode: uint64(e.inode),
	}
	if activity != event.NetworkListen && e.remote.IsValid() {
		n.Direction = direction(e.inbound)
	}
	if activity == event.NetworkClose {
		n.BytesSent, n.BytesRecv = e.bytesOut, e.bytesIn
	}
	ev := event.Event{
		Time: now.UTC(), Class: event.ClassNetworkActivity, Activity: activity, Status: status,
		Source: event.SourceSockDiag, Network: n,
	}
	if e.pid != 0 {
		ev.Process = &event.Process{PID: e.pid}
	}
	t.out = append(t.out, ev)
}

// explain remembers the tuple of a socket, so that the tracked flow behind it
// is not reported again.
func (t *table) explain(e *entry, now time.Time) {
	if len(t.flows) == 0 || !e.remote.IsValid() {
		return
	}
	key := flowKey{e.proto, e.local, e.remote}
	if f := t.flows[key]; f != nil && !f.reported {
		delete(t.flows, key)
	}
	if len(t.explained) < maxFlows {
		t.explained[key] = now
	}
}

// track handles conntrack's announcement of a flow. local says whether an
// address is one of this host's; flows between others are not its own.
func (t *table) track(f flow, local func(netip.Addr) bool, now time.Time) {
	key := flowKey{f.proto, f.src, f.dst}
	if f.ended {
		if e := t.flows[key]; e != nil {
			delete(t.flows, key)
			if !e.reported {
				t.flowEvent(key, e, event.NetworkOpen, flow{}, now)
			}
			t.flowEvent(key, e, event.NetworkClose, f, now)
		}
		return
	}
	outbound := local(f.src.Addr())
	if !outbound && !local(f.dst.Addr()) {
		return
	}
	t.changed = true
	if len(t.flows) >= maxFlows {
		t.stats.overflow++
		return
	}
	t.flows[key] = &flowEntry{since: now, inbound: !outbound}
}

// settleFlows drops the flows that sockets explain and reports those that no
// socket explained in time.
func (t *table) settleFlows(now time.Time) {
	if len(t.flows) == 0 {
		clear(t.explained)
		return
	}
	for _, e := range t.sockets {
		for _, key := range [...]flowKey{{e.proto, e.local, e.remote}, {e.proto, e.remote, e.local}} {
			if f := t.flows[key]; f != nil && !f.reported {
				delete(t.flows, key)
			}
		}
	}
	for key, f := range t.flows {
		if f.reported || now.Sub(f.since) < flowGrace {
			continue
		}
		if t.wasExplained(key) {
			delete(t.flows, key)
			continue
		}
		f.reported = true
		t.stats.unattributed++
		t.flowEvent(key, f, event.NetworkOpen, flow{}, now)
	}
	for key, at := range t.explained {
		if now.Sub(at) > 2*flowGrace {
			delete(t.explained, key)
		}
	}
}

func (t *table) wasExplained(key flowKey) bool {
	if _, ok := t.explained[key]; ok {
		return true
	}
	_, ok := t.explained[flowKey{key.proto, key.dst, key.src}]
	return ok
}

func (t *table) flowEvent(key flowKey, f *flowEntry, activity event.Activity, end flow, now time.Time) {
	n := &event.Network{
		Protocol: protoName(key.proto), Direction: direction(f.inbound), Local: key.src, Remote: key.dst,
		BytesSent: end.bytesSrc, BytesRecv: end.bytesDst,
	}
	if f.inbound {
		n.Local, n.Remote = key.dst, key.src
		n.BytesSent, n.BytesRecv = end.bytesDst, end.bytesSrc
	}
	t.out = append(t.out, event.Event{
		Time: now.UTC(), Class: event.ClassNetworkActivity, Activity: activity, Status: event.StatusSuccess,
		Source: event.SourceConntrack, Network: n,
	})
}

// drain returns the events since the last call. The slice is reused; the
// events are not.
func (t *table) drain() []event.Event {
	out := t.out
	t.out = t.out[:0]
	return out
}

// drop forgets a namespace that is gone.
func (t *table) drop(ns uint64, now time.Time) {
	t.look++
	t.finish(ns, now)
}

func protoName(proto uint8) string {
	if proto == protoUDP {
		return "udp"
	}
	return "tcp"
}

func direction(inbound bool) string {
	if inbound {
		return "inbound"
	}
	return "outbound"
}
