package netlink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Batch receives many datagrams by one system call (recvmmsg(2)) into buffers
// that it reuses. It belongs to one goroutine.
type Batch struct {
	conn *Conn
	hdrs []mmsghdr
	from []unix.RawSockaddrNetlink
	bufs [][]byte

	got   int
	errno unix.Errno
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// NewBatch returns a batch of up to count datagrams of up to size bytes each
// on conn. Longer ones are cut, see [Batch.Datagram].
func (c *Conn) NewBatch(count, size int) *Batch {
	b := &Batch{
		conn: c,
		hdrs: make([]mmsghdr, count),
		from: make([]unix.RawSockaddrNetlink, count),
		bufs: make([][]byte, count),
	}
	room := make([]byte, count*size)
	vecs := make([]unix.Iovec, count)
	for i := range b.hdrs {
		b.bufs[i] = room[i*size : (i+1)*size : (i+1)*size]
		vecs[i].Base = &b.bufs[i][0]
		vecs[i].SetLen(size)
		h := &b.hdrs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&b.from[i]))
		h.Iov = &vecs[i]
		h.SetIovlen(1)
	}
	return b
}

// Wait blocks until at least one datagram is there, until limit has passed,
// or until ctx ends, and returns how many were received: zero after limit. A
// limit of zero is none. An error that is unix.ENOBUFS says that the socket's
// buffer overflowed and datagrams were lost; reading can go on.
func (b *Batch) Wait(ctx context.Context, limit time.Duration) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if n, err := b.Poll(); n > 0 || err != nil {
		return n, err
	}
	if limit > 0 {
		if err := b.conn.epoll.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return 0, fmt.Errorf("set deadline of netlink socket: %w", err)
		}
	}
	defer b.conn.endReadsWith(ctx)()
	for n == 0 && err == nil {
		if err = b.conn.wait(); err == nil {
			n, err = b.Poll()
		}
	}
	switch {
	case err == nil:
		return n, nil
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case limit > 0 && errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil
	}
	return 0, err
}

// Poll returns at once with what is there, which may be nothing. Errors are
// those of [Batch.Wait].
func (b *Batch) Poll() (n int, err error) {
	b.got, b.errno = 0, 0
	if err := b.conn.raw.Control(b.receive); err != nil {
		return 0, fmt.Errorf("receive netlink messages: %w", err)
	}
	if b.errno != 0 && b.errno != unix.EAGAIN {
		return 0, fmt.Errorf("receive netlink messages: %w", b.errno)
	}
	return b.got, nil
}

// receive never blocks, so it can do without telling Go's scheduler.
func (b *Batch) receive(fd uintptr) {
	for i := range b.hdrs {
		b.hdrs[i].hdr.Namelen = unix.SizeofSockaddrNetlink
		b.hdrs[i].hdr.Flags = 0
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.hdrs[0])),
			uintptr(len(b.hdrs)), unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		b.errno = errno
		if errno == 0 {
			b.got = int(n)
		}
		return
	}
}

// Full reports whether the latest receive filled the batch, so that more may
// be waiting.
func (b *Batch) Full() bool { return b.got == len(b.hdrs) }

// Datagram returns the i-th datagram of the latest receive; it is valid until
// the next one. cut says that its end is missing. It is nil when it does not
// come from the kernel.
func (b *Batch) Datagram(i int) (data []byte, cut bool) {
	h := &b.hdrs[i]
	if h.hdr.Namelen != unix.SizeofSockaddrNetlink || b.from[i].Pid != 0 {
		return nil, false
	}
	return b.bufs[i][:min(int(h.len), len(b.bufs[i]))], h.hdr.Flags&unix.MSG_TRUNC != 0
}
