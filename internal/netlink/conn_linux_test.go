package netlink

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, groups ...uint32) *Conn {
	t.Helper()
	c, err := Open(unix.NETLINK_ROUTE, groups...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// linkRequest is struct ifinfomsg of rtnetlink(7).
var linkRequest = make([]byte, unix.SizeofIfInfomsg)

func TestDumpListsLoopback(t *testing.T) {
	c := open(t, unix.RTNLGRP_LINK)
	for range 3 {
		found := false
		err := c.Execute(t.Context(), unix.RTM_GETLINK, FlagDump, linkRequest, func(m Message) error {
			a := NewAttrs(m.Data[unix.SizeofIfInfomsg:])
			for a.Next() {
				found = found || a.Type() == unix.IFLA_IFNAME && a.Text() == "lo"
			}
			return a.Err()
		})
		if err != nil || !found {
			t.Fatalf("loopback interface found: %v, error %v", found, err)
		}
	}
}

func TestRefusalCarriesErrno(t *testing.T) {
	c := open(t)
	request := make([]byte, unix.SizeofIfInfomsg)
	request[4] = 0xff // an interface index that no host has
	request[7] = 0x7f
	err := c.Execute(t.Context(), unix.RTM_GETLINK, 0, request, nil)
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, unix.ENODEV) {
		t.Errorf("got %v, want ENODEV as *Error", err)
	}
	if err := c.Execute(t.Context(), unix.RTM_GETLINK, FlagDump, linkRequest, nil); err != nil {
		t.Errorf("the socket is of no use after a refusal: %v", err)
	}
}

func TestErrorOfCallbackEndsRequest(t *testing.T) {
	c := open(t)
	boom := errors.New("boom")
	err := c.Execute(t.Context(), unix.RTM_GETLINK, FlagDump, linkRequest, func(Message) error { return boom })
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if err := c.Execute(t.Context(), unix.RTM_GETLINK, FlagDump, linkRequest, nil); err != nil {
		t.Errorf("the tail of the abandoned dump disturbs the next: %v", err)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	c := open(t)
	b := c.NewBatch(4, 4096)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("batch: got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	err := c.Exchange(ctx, Message{Type: TypeNoop, Flags: FlagRequest}, func(Message) (bool, error) { return true, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("request without an answer: got %v", err)
	}
	if n, err := b.Wait(t.Context(), time.Millisecond); n != 0 || err != nil {
		t.Errorf("a wait that runs into its limit: %d, %v", n, err)
	}
	if n, err := b.Poll(); n != 0 || err != nil {
		t.Errorf("the socket is of no use after a cancelled wait: %d, %v", n, err)
	}
}

func TestBatchReceivesDump(t *testing.T) {
	c := open(t)
	b := c.NewBatch(2, 32<<10)
	if n, err := b.Poll(); n != 0 || err != nil {
		t.Fatalf("poll of a quiet socket: %d, %v", n, err)
	}
	for range 2 {
		m := Message{Type: unix.RTM_GETLINK, Flags: FlagRequest | FlagAck, Data: linkRequest}
		m.Data = append([]byte(nil), linkRequest...)
		m.Data[4] = 1 // loopback is the first interface
		if _, err := c.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for total < 4 { // two answers, two acknowledgements
		n, err := b.Wait(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			data, cut := b.Datagram(i)
			if m, _, err := Next(data); err != nil || cut || m.Type != unix.RTM_NEWLINK && m.Type != TypeError {
				t.Errorf("datagram %d: type %d, cut %v, error %v", i, m.Type, cut, err)
			}
		}
		total += n
	}
}

func TestBatchCutsLongDatagrams(t *testing.T) {
	c := open(t)
	b := c.NewBatch(4, 64)
	m := Message{Type: unix.RTM_GETLINK, Flags: FlagRequest, Data: append([]byte(nil), linkRequest...)}
	m.Data[4] = 1
	if err := c.write(&m); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Wait(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if data, cut := b.Datagram(0); len(data) != 64 || !cut {
		t.Errorf("got %d bytes, cut %v", len(data), cut)
	}
}

func TestReceiveBuffer(t *testing.T) {
	got, err := open(t).SetReceiveBuffer(64 << 10)
	if err != nil || got < 64<<10 {
		t.Errorf("granted %d bytes, error %v", got, err)
	}
}

func TestUnknownProtocolAndGroup(t *testing.T) {
	if _, err := Open(255); err == nil {
		t.Error("netlink protocol 255 opened")
	}
	if _, err := Open(unix.NETLINK_ROUTE, 1<<20); err == nil {
		t.Error("group 1048576 joined")
	}
}

func BenchmarkExecute(b *testing.B) {
	c, err := Open(unix.NETLINK_ROUTE)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := append([]byte(nil), linkRequest...)
	request[4] = 1
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Execute(context.Background(), unix.RTM_GETLINK, 0, request, nil); err != nil {
			b.Fatal(err)
		}
	}
}
