package netsense

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/internal/netlink"
)

const (
	// fastest and slowest bound the time between two looks; after a look that
	// found nothing new it grows by half.
	fastest = time.Second
	slowest = 5 * time.Second
	// slowestEver bounds the pause that costly looks bring.
	slowestEver = 10 * time.Second
	// soonest is the shortest time between two looks when something stirs.
	soonest = 200 * time.Millisecond
	// probeEvery is how often the counts of sockets are read, and probeAtRest
	// how often when nothing stirred for restAfter.
	probeEvery  = 250 * time.Millisecond
	probeAtRest = time.Second
	restAfter   = 10 * time.Second
	// listSoon and listEvery are how often /proc is searched for namespaces
	// while processes are born, and otherwise.
	listSoon  = 2 * time.Second
	listEvery = 10 * time.Second
	// addressesFor is how long the list of the host's addresses holds.
	addressesFor = 10 * time.Second
)

// sensor is one run of the feature. All fields belong to the goroutine of Run.
type sensor struct {
	host       feature.Host
	said       *announcer
	table      *table
	owners     *owners
	own        uint64 // inode of the agent's namespace
	namespaces map[uint64]*namespace
	refused    int // namespaces that could not be entered, in the last listing
	conntrack  *netlink.Conn

	probe  *probe
	births *births
	listed time.Time // when /proc was searched for namespaces

	addresses   map[netip.Addr]struct{}
	addressesAt time.Time
	malformed   uint64
}

// Run watches until ctx ends.
func (*Feature) Run(ctx context.Context, host feature.Host) error {
	if !host.FS.Live() {
		return fmt.Errorf("sockets of a file system image cannot be listed: %w", feature.ErrUnsupported)
	}
	s := &sensor{
		host: host, said: newAnnouncer(), table: newTable(), owners: newOwners(host.FS),
		namespaces: make(map[uint64]*namespace), probe: newProbe(host.FS), births: newBirths(host.FS),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer s.close()
	defer cancel()
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.loop(ctx)
}

func (s *sensor) open(ctx context.Context) error {
	n, err := openHere()
	if err != nil {
		return fmt.Errorf("%w: %w", err, feature.ErrUnsupported)
	}
	if n.inode = namespaceOf(s.host.FS, "self"); n.inode == 0 {
		n.inode = 1 // /proc is hidden; any name will do for the only namespace
	}
	s.own = n.inode
	s.add(ctx, n)
	s.conntrack, err = netlink.Open(unix.NETLINK_NETFILTER, groupConntrackNew, groupConntrackDestroy)
	if err != nil {
		s.conntrack = nil
		s.host.Log.Debug("conntrack is not to be had", "error", err)
		return nil
	}
	if _, err := s.conntrack.SetReceiveBuffer(2 << 20); err != nil {
		s.host.Log.Debug("conntrack buffer", "error", err)
	}
	s.said.follow(ctx, s.conntrack, s.said.tracked)
	return nil
}

func (s *sensor) add(ctx context.Context, n *namespace) {
	s.namespaces[n.inode] = n
	if n.events != nil {
		s.said.follow(ctx, n.events, s.said.ended(n.inode))
	}
}

func (s *sensor) close() {
	s.probe.close()
	s.births.close()
	for _, n := range s.namespaces {
		n.close()
	}
	if s.conntrack != nil {
		s.conntrack.Close()
	}
	s.said.readers.Wait()
}

// loop looks, and between looks takes what the kernel announces. Sockets that
// come or go bring the next look forward, so that the process of a short
// connection is still there.
func (s *sensor) loop(ctx context.Context) error {
	var r rhythm
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case said := <-s.said.queue:
			if s.hear(said) && !r.stirred {
				r.stirred = true
				timer.Reset(r.wait(time.Now()))
			}
			s.emit()
			continue
		case <-timer.C:
		}
		now := time.Now()
		r.stirred = s.probe.changed() || r.stirred
		if r.due(now) {
			if err := s.turn(ctx, now); err != nil {
				return err
			}
			r.looked(now, time.Since(now), s.table.changed)
		}
		timer.Reset(r.wait(now))
	}
}

// turn is one look with what belongs to it.
func (s *sensor) turn(ctx context.Context, now time.Time) error {
	if age := now.Sub(s.listed); age >= listEvery || age >= listSoon && s.births.changed() {
		s.listNamespaces(ctx, now)
		s.listed = now
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	s.emit()
	s.tell()
	return nil
}

// rhythm decides when to look. The zero value looks at once.
type rhythm struct {
	last    time.Time     // when the latest look began
	pause   time.Duration // until the next, if nothing stirs
	least   time.Duration // until the next at the earliest
	stirred bool          // something changed since
	active  time.Time     // when a look last followed from that, or found something new
	cost    costs
}

func (r *rhythm) due(now time.Time) bool {
	since := now.Sub(r.last)
	return since >= r.pause || r.stirred && since >= r.least
}

// wait is how long to sleep: until the earliest look when something stirs,
// else until the next probe.
func (r *rhythm) wait(now time.Time) time.Duration {
	if r.stirred {
		return max(r.least-now.Sub(r.last), time.Millisecond)
	}
	if now.Sub(r.active) >= restAfter {
		return probeAtRest
	}
	return probeEvery
}

// looked sets the next pauses by what a look found and what it cost: with many
// namespaces or sockets looks become rarer, so that they take at most a
// hundredth of a core.
func (r *rhythm) looked(at time.Time, cost time.Duration, changed bool) {
	r.cost.add(cost)
	fair := 100 * r.cost.least()
	pause := fastest
	if !changed {
		pause = min(max(r.pause, fastest)*3/2, slowest)
	}
	if r.stirred || changed {
		r.active = at
	}
	r.last, r.stirred = at, false
	r.pause = min(max(pause, fair), slowestEver)
	r.least = min(max(soonest, fair), slowestEver)
}

// costs are how long the latest looks took. On a busy host a look is kept
// waiting for the processor; the shortest comes nearest to what it used.
type costs [4]time.Duration

func (c *costs) add(d time.Duration) {
	copy(c[1:], c[:])
	c[0] = d
}

func (c *costs) least() time.Duration { return slices.Min(c[:]) }

// hear takes one announcement and what waits behind it, and reports whether a
// look should come soon.
func (s *sensor) hear(said announcement) (soon bool) {
	for range maxAnnounced {
		if said.isFlow {
			s.table.track(said.flow, s.isLocal, said.at)
			soon = soon || !said.flow.ended
		} else {
			soon = true
			s.table.destroyed(said.ns, said.socket, said.at)
		}
		select {
		case said = <-s.said.queue:
		default:
			return soon
		}
	}
	return soon
}

// look compares all namespaces with the table.
func (s *sensor) look(ctx context.Context) error {
	s.table.begin()
	for inode, n := range s.namespaces {
		err := s.dump(ctx, n)
		switch {
		case err == nil:
			s.table.finish(inode, time.Now())
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, netlink.ErrInterrupted):
		case inode == s.own:
			return fmt.Errorf("list sockets: %w", err)
		default:
			s.host.Log.Debug("list sockets of a namespace", "pid", n.pid, "error", err)
			s.remove(inode)
		}
	}
	if wanted := s.table.unowned(); len(wanted) > 0 {
		s.owners.search(wanted)
		s.table.own(wanted)
	}
	s.table.report(time.Now())
	return nil
}

// dump asks for all sockets of a namespace.
func (s *sensor) dump(ctx context.Context, n *namespace) error {
	for _, q := range [...]struct {
		family, proto uint8
		states        uint32
	}{
		{familyINET, protoTCP, wantedTCP},
		{familyINET6, protoTCP, wantedTCP},
		{familyINET, protoUDP, wantedUDP},
		{familyINET6, protoUDP, wantedUDP},
	} {
		request := diagRequest(q.family, q.proto, q.states)
		err := n.dump.Execute(ctx, sockDiagByFamily, netlink.FlagDump, request, func(m netlink.Message) error {
			sock, err := parseDiag(m.Data, q.proto)
			if err != nil {
				s.malformed++
				return nil
			}
			s.table.see(n.inode, sock)
			return nil
		})
		if errors.Is(err, unix.ENOENT) && q.family == familyINET6 {
			continue // no IPv6 here
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isLocal reports whether an address is one of this host's.
func (s *sensor) isLocal(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	if now := time.Now(); now.Sub(s.addressesAt) > addressesFor {
		s.addressesAt = now
		s.addresses = make(map[netip.Addr]struct{})
		list, _ := net.InterfaceAddrs()
		for _, a := range list {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				s.addresses[prefix.Addr().Unmap()] = struct{}{}
			}
		}
	}
	_, ok := s.addresses[addr.Unmap()]
	return ok
}

// listNamespaces finds the network namespaces of all processes and opens
// sockets in those that are new. A namespace without processes is left.
func (s *sensor) listNamespaces(ctx context.Context, now time.Time) {
	for _, n := range s.namespaces {
		n.seen = false
	}
	s.refused = 0
	for _, pid := range listPIDs(s.host.FS) {
		// Read every time: setns and unshare move processes.
		inode := namespaceOf(s.host.FS, strconv.FormatUint(uint64(pid), 10))
		if inode != 0 {
			s.visit(ctx, inode, pid)
		}
	}
	for inode, n := range s.namespaces {
		if !n.seen && inode != s.own {
			s.remove(inode)
			s.table.drop(inode, now)
		}
	}
}

func (s *sensor) visit(ctx context.Context, inode uint64, pid uint32) {
	if n := s.namespaces[inode]; n != nil {
		n.seen = true
		return
	}
	if len(s.namespaces) >= maxNamespaces {
		s.refused++
		return
	}
	n, err := openIn(s.host.FS, pid)
	if err != nil {
		if denied(err) {
			s.refused++
		}
		return
	}
	n.inode, n.seen = inode, true
	s.add(ctx, n)
}

func (s *sensor) remove(inode uint64) {
	if n := s.namespaces[inode]; n != nil {
		n.close()
		delete(s.namespaces, inode)
	}
}

// emit hands over what the table found.
func (s *sensor) emit() {
	if events := s.table.drain(); len(events) > 0 {
		s.host.Sink.Emit(events)
	}
}

// tell reports the sensor's condition.
func (s *sensor) tell() {
	h, stats := s.host.Health, s.table.stats
	h.Count("sockets", uint64(len(s.table.sockets)))
	h.Count("namespaces", uint64(len(s.namespaces)))
	h.Count("unattributed", stats.unattributed)
	h.Count("ended_unseen", stats.missed)
	h.CountDropped("table_full", stats.overflow)
	h.CountDropped("malformed", s.malformed+s.said.malformed.Load())
	h.CountDropped("announcements_lost", s.said.lost.Load())
	h.Set(feature.Running, s.detail())
	if s.refused > 0 {
		h.Warn("namespaces-unseen", "%d network namespaces cannot be entered; connections of the containers in them are not seen. Run the agent as root.", s.refused)
	} else {
		h.Clear("namespaces-unseen")
	}
}

func (s *sensor) detail() string {
	text := fmt.Sprintf("sock_diag in %d network namespace(s)", len(s.namespaces))
	if s.namespaces[s.own].events != nil {
		text += ", ends announced by the kernel"
	}
	if s.conntrack != nil {
		text += ", flows of conntrack where the host tracks them"
	}
	return text
}
