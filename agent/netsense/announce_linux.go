package netsense

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/internal/netlink"
)

// maxAnnounced bounds the announcements that wait for the loop.
const maxAnnounced = 8192

// gatherFor is how long announcements gather after some were read. The first
// after a pause is read at once; looks are further apart anyway.
const gatherFor = soonest / 2

// announcement is what the kernel said unasked: a socket ended, or a tracked
// flow began or ended.
type announcement struct {
	at     time.Time
	ns     uint64
	socket socket
	flow   flow
	isFlow bool
}

// announcer reads announcements, each source in a goroutine of its own, and
// queues them. What does not fit is dropped and counted.
type announcer struct {
	queue     chan announcement
	readers   sync.WaitGroup
	lost      atomic.Uint64 // overflows of a kernel buffer, and announcements that found the queue full
	malformed atomic.Uint64
}

func newAnnouncer() *announcer { return &announcer{queue: make(chan announcement, maxAnnounced)} }

// follow reads conn until ctx ends or it is closed.
func (a *announcer) follow(ctx context.Context, conn *netlink.Conn, parse func(netlink.Message) (announcement, bool)) {
	a.readers.Go(func() {
		batch := conn.NewBatch(16, 8<<10)
		for {
			n, err := batch.Wait(ctx, 0)
			switch {
			case errors.Is(err, unix.ENOBUFS):
				a.lost.Add(1)
				continue
			case err != nil:
				return
			}
			for i := range n {
				data, _ := batch.Datagram(i)
				a.take(data, parse)
			}
			if !batch.Full() && !pause(ctx, gatherFor) {
				return
			}
		}
	})
}

// pause waits and reports whether ctx still runs.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (a *announcer) take(data []byte, parse func(netlink.Message) (announcement, bool)) {
	for len(data) > 0 {
		m, rest, err := netlink.Next(data)
		if err != nil {
			a.malformed.Add(1)
			return
		}
		data = rest
		said, ok := parse(m)
		if !ok {
			continue
		}
		said.at = time.Now()
		select {
		case a.queue <- said:
		default:
			a.lost.Add(1)
		}
	}
}

// ended returns a parser of the ends of sockets in a namespace.
func (a *announcer) ended(ns uint64) func(netlink.Message) (announcement, bool) {
	return func(m netlink.Message) (announcement, bool) {
		if m.Type != sockDiagByFamily {
			return announcement{}, false
		}
		sock, err := parseDiag(m.Data, protoTCP)
		if err != nil {
			a.malformed.Add(1)
			return announcement{}, false
		}
		return announcement{ns: ns, socket: sock}, true
	}
}

// tracked parses what conntrack says.
func (a *announcer) tracked(m netlink.Message) (announcement, bool) {
	f, ok, err := parseConntrack(m)
	if err != nil {
		a.malformed.Add(1)
	}
	return announcement{flow: f, isFlow: true}, ok && err == nil
}
