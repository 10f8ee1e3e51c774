package netsense

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// TestMain lets the test binary be the listener that TestOtherNamespace starts.
func TestMain(m *testing.M) {
	if os.Getenv("HOLDFAST_TEST_TRACK") != "" {
		os.Exit(trackInside())
	}
	addr := os.Getenv("HOLDFAST_TEST_LISTEN")
	if addr == "" {
		os.Exit(m.Run())
	}
	if _, err := net.Listen("tcp", addr); err != nil {
		os.Exit(1)
	}
	time.Sleep(time.Minute)
}

// collector keeps events and lets tests wait for one.
type collector struct {
	mu     sync.Mutex // guards events
	events []event.Event
	more   chan struct{} // buffered by one
}

func (c *collector) Emit(events []event.Event) {
	c.mu.Lock()
	c.events = append(c.events, events...)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// wait returns the first event for which match holds.
func (c *collector) wait(t *testing.T, what string, match func(event.Event) bool) event.Event {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		c.mu.Lock()
		for _, e := range c.events {
			if match(e) {
				c.mu.Unlock()
				return e
			}
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-timeout:
			t.Fatalf("no event: %s", what)
		}
	}
}

// run starts a sensor that stops with the test.
func run(t *testing.T) (*collector, *feature.Health) {
	t.Helper()
	c := &collector{more: make(chan struct{}, 1)}
	health := feature.NewHealth("netsense")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- New().Run(ctx, feature.Host{
			FS: hostfs.FS{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Sink: c, Health: health, StateDir: t.TempDir(),
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		goleak.VerifyNone(t)
	})
	return c, health
}

func listenLoopback(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func addrPort(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

func TestLoopbackConnection(t *testing.T) {
	c, _ := run(t)
	l := listenLoopback(t)
	me := uint32(os.Getpid())
	listen := c.wait(t, "listener", func(e event.Event) bool { return e.Network.Local == addrPort(l.Addr()) })
	if listen.Activity != event.NetworkListen || listen.Process == nil || listen.Process.PID != me {
		t.Errorf("listener: %+v", listen)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for direction, local := range map[string]net.Addr{"outbound": client.LocalAddr(), "inbound": server.LocalAddr()} {
		e := c.wait(t, direction, func(e event.Event) bool {
			return e.Activity == event.NetworkOpen && e.Network.Local == addrPort(local) && e.Network.Remote.IsValid() &&
				(e.Network.Remote == addrPort(l.Addr()) || e.Network.Remote == addrPort(client.LocalAddr()))
		})
		if e.Network.Direction != direction || e.Process == nil || e.Process.PID != me || e.Status != event.StatusSuccess {
			t.Errorf("%s: %+v %+v", direction, e, e.Network)
		}
	}
	local := addrPort(client.LocalAddr())
	client.Close()
	server.Close()
	c.wait(t, "close", func(e event.Event) bool { return e.Activity == event.NetworkClose && e.Network.Local == local })
}

func TestShortConnectionsAreAllReported(t *testing.T) {
	hosttest.Root(t)
	c, health := run(t)
	l := listenLoopback(t)
	c.wait(t, "listener", func(e event.Event) bool { return e.Network.Local == addrPort(l.Addr()) })
	const n = 50
	want := make(map[netip.AddrPort]bool)
	for range n {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		want[addrPort(client.LocalAddr())] = true
		_, _ = client.Write([]byte("ping"))
		client.Close()
		server.Close()
	}
	for local := range want {
		e := c.wait(t, local.String(), func(e event.Event) bool {
			return e.Activity == event.NetworkClose && e.Network.Local == local
		})
		if e.Network.BytesSent != 5 && e.Network.BytesSent != 4 { // the FIN counts as a byte once acknowledged
			t.Errorf("%s: sent %d bytes", local, e.Network.BytesSent)
		}
	}
	t.Logf("health: %+v", health.Status().Counters)
}

func TestConnectedDatagrams(t *testing.T) {
	c, _ := run(t)
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e := c.wait(t, "udp", func(e event.Event) bool { return e.Network.Local == addrPort(conn.LocalAddr()) })
	if e.Network.Protocol != "udp" || e.Process == nil || e.Process.PID != uint32(os.Getpid()) {
		t.Errorf("%+v %+v", e, e.Network)
	}
}

// addNamespace makes a network namespace for the time of the test.
func addNamespace(t *testing.T) (ip, name string) {
	t.Helper()
	ip = hosttest.Program(t, "ip")
	name = "holdfast-test-" + strconv.Itoa(os.Getpid())
	if out, err := exec.Command(ip, "netns", "add", name).CombinedOutput(); err != nil {
		t.Fatalf("ip netns add: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command(ip, "netns", "delete", name).Run() })
	if out, err := exec.Command(ip, "-n", name, "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("ip link: %v: %s", err, out)
	}
	return ip, name
}

// TestTrackedDatagrams runs the sensor in a namespace that tracks connections
// and sends a datagram from a socket that is not connected.
func TestTrackedDatagrams(t *testing.T) {
	hosttest.Root(t)
	iptables := hosttest.Program(t, "iptables")
	ip, name := addNamespace(t)
	track := exec.Command(ip, "netns", "exec", name, iptables, "-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT")
	if out, err := track.CombinedOutput(); err != nil {
		t.Fatalf("iptables: %v: %s", err, out)
	}
	child := exec.Command(ip, "netns", "exec", name, os.Args[0])
	child.Env = append(os.Environ(), "HOLDFAST_TEST_TRACK=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// trackInside is the child of TestTrackedDatagrams. It returns zero when the
// datagram was reported.
func trackInside() int {
	c := &collector{more: make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	health := feature.NewHealth("netsense")
	done := make(chan error, 1)
	go func() {
		done <- New().Run(ctx, feature.Host{Log: slog.New(slog.DiscardHandler), Sink: c, Health: health})
	}()
	from, err := net.ListenPacket("udp", "127.0.0.1:4712")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:4713"))
	want := event.Network{
		Protocol: "udp", Direction: "outbound", Local: addrPort(from.LocalAddr()), Remote: to.AddrPort(),
	}
	for health.Status().State != feature.Running && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	_, _ = from.WriteTo([]byte("ping"), to)
	for {
		select {
		case err := <-done:
			fmt.Println("ended:", err, health.Status())
			return 1
		case <-c.more:
		}
		c.mu.Lock()
		for _, e := range c.events {
			if e.Source == event.SourceConntrack && *e.Network == want {
				return 0
			}
		}
		c.mu.Unlock()
	}
}

// TestOtherNamespace starts a listener in a namespace of its own, as a
// container would have.
func TestOtherNamespace(t *testing.T) {
	hosttest.Root(t)
	ip, name := addNamespace(t)
	c, health := run(t)
	child := exec.Command(ip, "netns", "exec", name, os.Args[0])
	child.Env = append(os.Environ(), "HOLDFAST_TEST_LISTEN=127.0.0.1:4711")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	e := c.wait(t, "listener in the namespace", func(e event.Event) bool {
		return e.Activity == event.NetworkListen && e.Network.Local == netip.MustParseAddrPort("127.0.0.1:4711")
	})
	if e.Process == nil || e.Process.PID != uint32(child.Process.Pid) {
		t.Errorf("process %+v, want %d", e.Process, child.Process.Pid)
	}
	_ = child.Process.Kill()
	c.wait(t, "its end", func(e event.Event) bool {
		return e.Activity == event.NetworkClose && e.Network.Local == netip.MustParseAddrPort("127.0.0.1:4711")
	})
	t.Log(health.Status().Detail)
}

func TestFileSystemImageIsUnsupported(t *testing.T) {
	err := New().Run(t.Context(), feature.Host{FS: hostfs.New(t.TempDir())})
	if err == nil {
		t.Error("ran on an image")
	}
}

// BenchmarkDump looks at 10,000 connected sockets of a namespace of its own.
func BenchmarkDump(b *testing.B) {
	hosttest.Root(b)
	raise := unix.Rlimit{Cur: 30_000, Max: 30_000}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &raise)
	runtime.LockOSThread() // the thread is thrown away with its namespace
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		b.Skip(err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		b.Skipf("%v: %s", err, out)
	}
	const pairs = 5000
	closers := connectPairs(b, pairs)
	defer closers()
	n, err := openHere()
	if err != nil {
		b.Fatal(err)
	}
	defer n.close()
	n.inode = testNS
	s := &sensor{table: newTable(), said: newAnnouncer(), own: testNS, namespaces: map[uint64]*namespace{testNS: n}, owners: newOwners(hostfs.FS{})}
	if err := s.look(b.Context()); err != nil {
		b.Fatal(err)
	}
	if got := len(s.table.sockets); got < 2*pairs {
		b.Fatalf("%d sockets, want %d", got, 2*pairs)
	}
	s.table.drain()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.look(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// connectPairs makes n loopback connections without goroutines, whose threads
// would be in another namespace.
func connectPairs(b *testing.B, n int) (closeAll func()) {
	b.Helper()
	fds := make([]int, 0, 2*n+1)
	closeAll = func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
	check := func(err error) {
		if err != nil {
			closeAll()
			b.Skip(err)
		}
	}
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	check(err)
	fds = append(fds, l)
	check(unix.Bind(l, &unix.SockaddrInet4{Port: 4000, Addr: [4]byte{127, 0, 0, 1}}))
	check(unix.Listen(l, 128))
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		check(err)
		fds = append(fds, fd)
		check(unix.Connect(fd, &unix.SockaddrInet4{Port: 4000, Addr: [4]byte{127, 0, 0, 1}}))
		peer, _, err := unix.Accept(l)
		check(err)
		fds = append(fds, peer)
	}
	return closeAll
}

// BenchmarkIdleLook is what the sensor does every few seconds on this machine
// while nothing happens.
func BenchmarkIdleLook(b *testing.B) {
	n, err := openHere()
	if err != nil {
		b.Skip(err)
	}
	defer n.close()
	n.inode = testNS
	s := &sensor{table: newTable(), said: newAnnouncer(), own: testNS, namespaces: map[uint64]*namespace{testNS: n}, owners: newOwners(hostfs.FS{})}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.look(b.Context()); err != nil {
			b.Fatal(err)
		}
		s.table.drain()
	}
}

func TestRhythm(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var r rhythm
	if !r.due(now) {
		t.Error("does not begin with a look")
	}
	for range 20 {
		r.looked(now, time.Millisecond, false)
	}
	if r.pause != slowest || r.due(now.Add(time.Second)) || !r.due(now.Add(slowest)) {
		t.Errorf("idle: %+v", r)
	}
	r.stirred = true
	if r.due(now.Add(soonest-1)) || !r.due(now.Add(soonest)) || r.wait(now) != soonest {
		t.Errorf("stirred: %+v", r)
	}
	if r.looked(now, time.Millisecond, true); r.pause != fastest || r.stirred {
		t.Errorf("busy: %+v", r)
	}
	for range len(r.cost) {
		r.looked(now, 50*time.Millisecond, true)
	}
	if r.stirred = true; r.due(now.Add(4*time.Second)) || !r.due(now.Add(5*time.Second)) {
		t.Errorf("costly: %+v", r)
	}
}

func TestProbe(t *testing.T) {
	p := newProbe(hostfs.FS{})
	defer p.close()
	for range 100 {
		if p.changed(); !p.changed() { // others on the machine may connect meanwhile
			l := listenLoopback(t)
			if !p.changed() {
				t.Error("a new listener did not change the counts")
			}
			l.Close()
			return
		}
	}
	t.Log("the machine is too busy to tell")
}

func TestProbeAtRest(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var r rhythm
	r.looked(now, time.Millisecond, true)
	if wait := r.wait(now.Add(restAfter - 1)); wait != probeEvery {
		t.Errorf("after a change probes every %v", wait)
	}
	r.looked(now.Add(restAfter), time.Millisecond, false)
	if wait := r.wait(now.Add(restAfter)); wait != probeAtRest {
		t.Errorf("at rest probes every %v", wait)
	}
	r.stirred = true
	r.looked(now.Add(restAfter), time.Millisecond, false)
	if wait := r.wait(now.Add(restAfter)); wait != probeEvery {
		t.Errorf("when something stirred probes every %v", wait)
	}
}

func TestBirths(t *testing.T) {
	b := newBirths(hostfs.FS{})
	defer b.close()
	b.changed()
	if err := exec.Command(hosttest.Program(t, "true")).Run(); err != nil {
		t.Fatal(err)
	}
	if !b.changed() {
		t.Error("a new process went unnoticed")
	}
}

func TestParseSockstat(t *testing.T) {
	const text = "sockets: used 4\nTCP: inuse 5 orphan 0 tw 2 alloc 9 mem 1\nUDP: inuse 3 mem 1\nUDPLITE: inuse 7\nRAW: inuse 8\n"
	if got, want := parseSockstat([]byte(text)), (sockstat{tcp: 5, udp: 3, tcpAlloc: 9}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzParseSockstat(f *testing.F) {
	f.Add([]byte("sockets: used 4\nTCP: inuse 5 orphan 0 tw 2 alloc 9 mem 1\nUDP: inuse 3 mem 1\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { parseSockstat(data) })
}

// BenchmarkProbe is what the sensor does up to four times a second.
func BenchmarkProbe(b *testing.B) {
	p := newProbe(hostfs.FS{})
	defer p.close()
	b.ReportAllocs()
	for b.Loop() {
		p.changed()
	}
}

// BenchmarkSearch looks for a socket that nobody holds: every descriptor of the
// machine is read.
func BenchmarkSearch(b *testing.B) {
	o := newOwners(hostfs.FS{})
	links := 0
	b.ReportAllocs()
	for b.Loop() {
		links = o.search(map[uint32]uint32{1: 0})
	}
	b.ReportMetric(float64(links), "descriptors/op")
}
