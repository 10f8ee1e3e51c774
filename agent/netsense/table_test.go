package netsense

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/netlink"
)

const testNS = 7

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func tcp(cookie uint64, state uint8, inode uint32, local, remote string) socket {
	s := socket{cookie: cookie, proto: protoTCP, state: state, inode: inode, local: netip.MustParseAddrPort(local)}
	if remote != "" {
		s.remote = netip.MustParseAddrPort(remote)
	}
	return s
}

// lookAt runs one look that sees the given sockets; pids are by inode.
func lookAt(t *table, now time.Time, pids map[uint32]uint32, sockets ...socket) []string {
	t.begin()
	for _, s := range sockets {
		t.see(testNS, s)
	}
	t.finish(testNS, now)
	t.own(pids)
	t.report(now)
	return drained(t)
}

func drained(t *table) []string {
	var lines []string
	for _, e := range t.drain() {
		n := e.Network
		line := fmt.Sprintf("%s %s %s %s %s>%s", e.Class.Name(e.Activity), e.Status, n.Protocol, n.Direction, n.Local, n.Remote)
		if e.Process != nil {
			line += fmt.Sprintf(" pid=%d", e.Process.PID)
		}
		if e.Source != event.SourceSockDiag {
			line += " " + string(e.Source)
		}
		if n.BytesSent+n.BytesRecv > 0 {
			line += fmt.Sprintf(" %d/%d", n.BytesSent, n.BytesRecv)
		}
		lines = append(lines, strings.ReplaceAll(line, "invalid AddrPort", "-"))
	}
	return lines
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestDifferences(t *testing.T) {
	listen := tcp(1, stateListen, 11, "0.0.0.0:22", "")
	in := tcp(2, stateEstablished, 12, "192.0.2.1:22", "198.51.100.7:4000")
	out := tcp(3, stateEstablished, 13, "192.0.2.1:5000", "198.51.100.7:443")
	pids := map[uint32]uint32{11: 100, 12: 101, 13: 102}
	tab := newTable()
	expect(t, "a listener", lookAt(tab, start, pids, listen), "listen success tcp  0.0.0.0:22>- pid=100")
	expect(t, "inbound", lookAt(tab, start, pids, listen, in), "open success tcp inbound 192.0.2.1:22>198.51.100.7:4000 pid=101")
	expect(t, "outbound", lookAt(tab, start, pids, listen, in, out), "open success tcp outbound 192.0.2.1:5000>198.51.100.7:443 pid=102")
	if tab.begin(); tab.changed {
		t.Error("a new look begins with a change")
	}
	expect(t, "nothing new", lookAt(tab, start, pids, listen, in, out))
	expect(t, "an end", lookAt(tab, start, pids, listen, out), "close success tcp inbound 192.0.2.1:22>198.51.100.7:4000 pid=101")
	last := out
	last.bytesOut, last.bytesIn, last.state = 10, 20, stateClose
	tab.destroyed(testNS, last, start)
	expect(t, "an announced end", drained(tab), "close success tcp outbound 192.0.2.1:5000>198.51.100.7:443 pid=102 10/20")
	expect(t, "after it", lookAt(tab, start, pids, listen))
}

func TestConnectionAttempts(t *testing.T) {
	tab := newTable()
	syn := tcp(3, stateSynSent, 13, "192.0.2.1:5000", "198.51.100.7:443")
	pids := map[uint32]uint32{13: 102}
	expect(t, "waiting", lookAt(tab, start, pids, syn))
	expect(t, "nobody answered", lookAt(tab, start, pids), "open failure tcp outbound 192.0.2.1:5000>198.51.100.7:443 pid=102")
	syn.cookie = 4
	lookAt(tab, start, pids, syn)
	syn.state = stateEstablished
	expect(t, "answered", lookAt(tab, start, pids, syn), "open success tcp outbound 192.0.2.1:5000>198.51.100.7:443 pid=102")
}

func TestShortConnectionIsReportedWithoutProcess(t *testing.T) {
	tab := newTable()
	lookAt(tab, start, nil, tcp(1, stateListen, 11, "0.0.0.0:80", ""))
	short := tcp(9, stateClose, 0, "192.0.2.1:80", "198.51.100.7:4000")
	short.bytesOut = 5
	tab.destroyed(testNS, short, start)
	expect(t, "announced end", drained(tab), "open success tcp inbound 192.0.2.1:80>198.51.100.7:4000",
		"close success tcp inbound 192.0.2.1:80>198.51.100.7:4000 5/0")
	tab.destroyed(testNS, tcp(10, stateClose, 0, "0.0.0.0:0", "0.0.0.0:0"), start)
	expect(t, "a socket that never connected", drained(tab))
	if tab.stats.missed != 1 {
		t.Errorf("missed %d, want 1", tab.stats.missed)
	}
}

func TestOwnerIsSearchedForSomeLooks(t *testing.T) {
	tab := newTable()
	s := tcp(3, stateEstablished, 13, "192.0.2.1:5000", "198.51.100.7:443")
	for range maxTries {
		expect(t, "searching", lookAt(tab, start, nil, s))
	}
	expect(t, "gave up", lookAt(tab, start, nil, s), "open success tcp outbound 192.0.2.1:5000>198.51.100.7:443")
	if tab.stats.unattributed != 1 {
		t.Errorf("unattributed %d, want 1", tab.stats.unattributed)
	}
}

func TestInterruptedLookClosesNothing(t *testing.T) {
	tab := newTable()
	s := tcp(3, stateEstablished, 13, "192.0.2.1:5000", "198.51.100.7:443")
	lookAt(tab, start, map[uint32]uint32{13: 1}, s)
	tab.begin() // no finish
	tab.report(start)
	expect(t, "interrupted", drained(tab))
}

func TestTableIsBounded(t *testing.T) {
	tab := newTable()
	tab.begin()
	for i := range uint64(maxSockets + 10) {
		tab.see(testNS, tcp(i+1, stateEstablished, 0, "192.0.2.1:5000", "198.51.100.7:443"))
	}
	if len(tab.sockets) != maxSockets || tab.stats.overflow != 10 {
		t.Errorf("%d sockets, %d overflowed", len(tab.sockets), tab.stats.overflow)
	}
}

func TestTrackedFlows(t *testing.T) {
	local := func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.1") }
	mk := func(proto uint8, src, dst string) flow {
		return flow{proto: proto, src: netip.MustParseAddrPort(src), dst: netip.MustParseAddrPort(dst)}
	}
	dns := mk(protoUDP, "192.0.2.1:5353", "198.51.100.7:53")
	tab := newTable()
	tab.track(dns, local, start)
	tab.track(mk(protoTCP, "203.0.113.1:1", "203.0.113.2:2"), local, start) // forwarded
	expect(t, "within grace", lookAt(tab, start.Add(time.Second), nil))
	expect(t, "after grace", lookAt(tab, start.Add(3*time.Second), nil), "open success udp outbound 192.0.2.1:5353>198.51.100.7:53 conntrack")
	dns.ended, dns.bytesSrc, dns.bytesDst = true, 60, 120
	tab.track(dns, local, start.Add(4*time.Second))
	expect(t, "end", drained(tab), "close success udp outbound 192.0.2.1:5353>198.51.100.7:53 conntrack 60/120")

	tab.track(mk(protoTCP, "198.51.100.7:4000", "192.0.2.1:22"), local, start)
	s := tcp(3, stateEstablished, 13, "192.0.2.1:22", "198.51.100.7:4000")
	got := lookAt(tab, start.Add(3*time.Second), map[uint32]uint32{13: 1}, s)
	expect(t, "a flow with a socket", got, "open success tcp outbound 192.0.2.1:22>198.51.100.7:4000 pid=1")

	tab.track(mk(protoTCP, "192.0.2.1:5001", "198.51.100.7:80"), local, start.Add(4*time.Second))
	tab.destroyed(testNS, tcp(9, stateClose, 0, "192.0.2.1:5001", "198.51.100.7:80"), start.Add(4*time.Second))
	if got := drained(tab); len(got) != 2 {
		t.Errorf("short connection: %q", got)
	}
	expect(t, "explained by it", lookAt(tab, start.Add(9*time.Second), nil, s))
}

// diagMessage builds struct inet_diag_msg.
func diagMessage(s socket, attrs []byte) []byte {
	b := make([]byte, diagMessageLen)
	b[0], b[1] = familyINET, s.state
	if s.local.Addr().Is6() {
		b[0] = familyINET6
	}
	binary.BigEndian.PutUint16(b[4:], s.local.Port())
	binary.BigEndian.PutUint16(b[6:], s.remote.Port())
	copy(b[8:24], s.local.Addr().AsSlice())
	if s.remote.IsValid() {
		copy(b[24:40], s.remote.Addr().AsSlice())
	}
	binary.NativeEndian.PutUint64(b[44:], s.cookie)
	binary.NativeEndian.PutUint32(b[68:], s.inode)
	return append(b, attrs...)
}

func FuzzParseDiag(f *testing.F) {
	f.Add(diagMessage(tcp(3, stateEstablished, 13, "192.0.2.1:5000", "198.51.100.7:443"), nil))
	f.Add(diagMessage(tcp(3, stateListen, 13, "[2001:db8::1]:80", ""), netlink.AppendAttr(nil, diagAttrInfo, make([]byte, 232))))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseDiag(data, protoTCP)
		if err == nil && !s.local.Addr().IsValid() {
			t.Fatal("a socket without address")
		}
	})
}

func tuple(f flow) []byte {
	return netlink.AppendNested(nil, ctaTupleOrig, func(b []byte) []byte {
		b = netlink.AppendNested(b, ctaTupleIP, func(b []byte) []byte {
			b = netlink.AppendAttr(b, ctaIPv4Src, f.src.Addr().AsSlice())
			return netlink.AppendAttr(b, ctaIPv4Dst, f.dst.Addr().AsSlice())
		})
		return netlink.AppendNested(b, ctaTupleProto, func(b []byte) []byte {
			b = netlink.AppendAttrUint8(b, ctaProtoNum, f.proto)
			b = netlink.AppendAttrBigUint16(b, ctaProtoSrcPort, f.src.Port())
			return netlink.AppendAttrBigUint16(b, ctaProtoDstPort, f.dst.Port())
		})
	})
}

func TestParseConntrack(t *testing.T) {
	want := flow{proto: protoTCP, src: netip.MustParseAddrPort("192.0.2.1:5000"), dst: netip.MustParseAddrPort("198.51.100.7:443"), ended: true}
	data := append(make([]byte, nfgenmsgLen), tuple(want)...)
	got, ok, err := parseConntrack(netlink.Message{Type: ctSubsystem<<8 | ctMsgDelete, Data: data})
	if err != nil || !ok || got != want {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	if _, ok, err := parseConntrack(netlink.Message{Type: 2 << 8, Data: data}); ok || err != nil {
		t.Errorf("another subsystem: %v, %v", ok, err)
	}
}

func FuzzParseConntrack(f *testing.F) {
	f.Add(append(make([]byte, nfgenmsgLen), tuple(flow{
		proto: protoUDP, src: netip.MustParseAddrPort("192.0.2.1:5000"), dst: netip.MustParseAddrPort("198.51.100.7:53"),
	})...))
	f.Fuzz(func(t *testing.T, data []byte) {
		f, ok, err := parseConntrack(netlink.Message{Type: ctSubsystem << 8, Data: data})
		if ok && (err != nil || !f.src.Addr().IsValid()) {
			t.Fatalf("%+v, %v", f, err)
		}
	})
}

func BenchmarkParseDiag(b *testing.B) {
	data := diagMessage(tcp(3, stateEstablished, 13, "192.0.2.1:5000", "198.51.100.7:443"), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseDiag(data, protoTCP); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLook is the table's part of a look at 10,000 sockets of which none
// changed.
func BenchmarkLook(b *testing.B) {
	tab := newTable()
	sockets := make([]socket, 10_000)
	for i := range sockets {
		sockets[i] = tcp(uint64(i+1), stateEstablished, uint32(i+1), "192.0.2.1:5000", "198.51.100.7:443")
	}
	lookAt(tab, start, nil, sockets...)
	b.ReportAllocs()
	for b.Loop() {
		lookAt(tab, start, nil, sockets...)
	}
}
