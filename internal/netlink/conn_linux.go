package netlink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxReply is room for the largest datagram that the kernel sends in a reply:
// dumps are cut at 32 KiB (net/netlink/af_netlink.c, netlink_dump).
const maxReply = 64 << 10

// ErrInterrupted says that a dump may be inconsistent because what was dumped
// changed meanwhile. What was received stands; ask again for a whole one.
var ErrInterrupted = errors.New("netlink dump interrupted by a change")

// Conn is a netlink socket. Requests from several goroutines take turns;
// reading a batch is for one goroutine at a time and not for a Conn that also
// makes requests with [Conn.Execute], which would take each other's messages.
//
// Waiting is done on an epoll descriptor of its own that holds the socket,
// armed for one event at a time (epoll_ctl(2), EPOLLONESHOT). Were the socket
// itself in Go's network poller, every message would wake a thread, also
// while the reader sleeps to let messages gather.
type Conn struct {
	sock  *os.File // in blocking mode, which keeps it out of Go's poller; all calls have MSG_DONTWAIT
	raw   syscall.RawConn
	epoll *os.File
	ready syscall.RawConn // of epoll
	port  uint32

	mu    sync.Mutex // guards seq, send and reply; held for the length of a request
	seq   uint32
	send  []byte
	reply []byte
}

// Open opens a socket of the given netlink protocol, for example
// unix.NETLINK_AUDIT, and joins the multicast groups, by number.
func Open(protocol int, groups ...uint32) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket of protocol %d: %w", protocol, err)
	}
	port, err := setUp(fd, groups)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set up netlink socket of protocol %d: %w", protocol, err)
	}
	epoll, err := newEpoll(fd)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("poll netlink socket of protocol %d: %w", protocol, err)
	}
	c := &Conn{sock: os.NewFile(uintptr(fd), "netlink"), epoll: os.NewFile(uintptr(epoll), "epoll of netlink"), port: port}
	c.raw, err = c.sock.SyscallConn()
	if err == nil {
		c.ready, err = c.epoll.SyscallConn()
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("poll netlink socket of protocol %d: %w", protocol, err)
	}
	return c, nil
}

// newEpoll returns an epoll descriptor that Go's poller can wait for, with
// the socket in it, not armed.
func newEpoll(sock int) (fd int, err error) {
	if fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return -1, err
	}
	if err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, sock, &unix.EpollEvent{Events: unix.EPOLLONESHOT}); err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func setUp(fd int, groups []uint32) (port uint32, err error) {
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, fmt.Errorf("bind: %w", err)
	}
	// Both are comforts that old kernels lack: acknowledgements with the
	// kernel's own words, and without a copy of the request.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	for _, group := range groups {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(group)); err != nil {
			return 0, fmt.Errorf("join multicast group %d: %w", group, err)
		}
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("read port id: %w", err)
	}
	address, ok := name.(*unix.SockaddrNetlink)
	if !ok {
		return 0, fmt.Errorf("read port id: the address is a %T", name)
	}
	return address.Pid, nil
}

// Close closes the socket and ends waits on it. It is safe to call twice and
// beside other calls.
func (c *Conn) Close() error { return errors.Join(c.epoll.Close(), c.sock.Close()) }

// Port returns the port id of the socket, which the kernel chose.
func (c *Conn) Port() uint32 { return c.port }

// SetReceiveBuffer asks for room for that many bytes of unread messages and
// returns what the kernel granted. Beyond net.core.rmem_max it needs
// CAP_NET_ADMIN; without it the kernel grants what it may.
func (c *Conn) SetReceiveBuffer(bytes int) (granted int, err error) {
	ctlErr := c.raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) != nil {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}
		if err == nil {
			granted, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		}
	})
	if err = errors.Join(ctlErr, err); err != nil {
		return 0, fmt.Errorf("set netlink receive buffer to %d bytes: %w", bytes, err)
	}
	return granted, nil
}

// Execute sends a request and calls each for every message of the answer,
// until the dump ends (with [FlagDump]) or the kernel acknowledges. The
// message and its data are valid until each returns; each may be nil. After
// an error of each the rest of the answer is passed over and the error
// returned as it is. A refusal is an [*Error]. When ctx ends amid a dump, the
// kernel refuses the next dump on this Conn: close it.
func (c *Conn) Execute(ctx context.Context, typ, flags uint16, data []byte, each func(Message) error) error {
	dump := flags&FlagDump != 0
	if !dump {
		flags |= FlagAck
	}
	var interrupted bool
	var eachErr error
	err := c.Exchange(ctx, Message{Type: typ, Flags: flags | FlagRequest, Data: data}, func(m Message) (bool, error) {
		interrupted = interrupted || m.Flags&FlagDumpInterrupted != 0 && m.Type != TypeError
		switch m.Type {
		case TypeError:
			return true, m.Err()
		case TypeDone:
			return true, m.Err()
		case TypeNoop:
			return false, nil
		case TypeOverrun:
			return true, unix.ENOBUFS
		}
		if each != nil && eachErr == nil {
			eachErr = each(m)
		}
		return false, nil
	})
	switch {
	case eachErr != nil:
		return eachErr
	case err == nil && interrupted:
		return ErrInterrupted
	}
	return err
}

// Exchange sends request, with a fresh sequence number, and calls each for
// every message that carries this number until each says that it is done.
// It is for protocols whose answers do not end as [Conn.Execute] expects.
// Without a deadline in ctx the wait ends after ten seconds.
func (c *Conn) Exchange(ctx context.Context, request Message, each func(Message) (done bool, err error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	stop, err := c.deadline(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := c.write(&request); err != nil {
		return err
	}
	for {
		n, err := c.read(ctx)
		if err != nil {
			return err
		}
		for rest := c.reply[:n]; len(rest) > 0; {
			var m Message
			if m, rest, err = Next(rest); err != nil {
				return err
			}
			if m.Seq != request.Seq {
				continue // the tail of a request that was given up
			}
			if done, err := each(m); done || err != nil {
				return err
			}
		}
	}
}

// Send sends a message without waiting for an answer and returns the sequence
// number it was given. It is for a Conn whose answers are read in batches.
func (c *Conn) Send(m Message) (seq uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = c.write(&m)
	return m.Seq, err
}

// replyTimeout bounds the wait for an answer. The kernel answers at once,
// save under a storm of other work.
const replyTimeout = 10 * time.Second

// deadline makes reads end with ctx, until stop is called.
func (c *Conn) deadline(ctx context.Context) (stop func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(replyTimeout)
	}
	if err := c.epoll.SetReadDeadline(until); err != nil {
		return nil, fmt.Errorf("set deadline of netlink socket: %w", err)
	}
	return c.endReadsWith(ctx), nil
}

// endReadsWith makes reads fail once ctx ends, until stop is called; stop
// removes any deadline. After it no late effect of ctx can hit another read.
func (c *Conn) endReadsWith(ctx context.Context) (stop func()) {
	fired := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = c.epoll.SetReadDeadline(time.Unix(1, 0))
	})
	return func() {
		if !cancel() {
			<-fired
		}
		_ = c.epoll.SetReadDeadline(time.Time{})
	}
}

// write sends m to the kernel after giving it a sequence number.
func (c *Conn) write(m *Message) error {
	c.seq++
	m.Seq, m.Port = c.seq, c.port
	c.send = appendMessage(c.send[:0], *m)
	var err error
	ctlErr := c.raw.Control(func(fd uintptr) {
		for {
			err = unix.Sendto(int(fd), c.send, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			if err != unix.EINTR {
				return
			}
		}
	})
	if err = errors.Join(ctlErr, err); err != nil {
		return fmt.Errorf("send netlink request %d: %w", m.Type, err)
	}
	return nil
}

// wait blocks until the socket has something to read, an error included, or
// the deadline passes.
func (c *Conn) wait() error {
	var err error
	arm := func(sock uintptr) {
		ctlErr := c.ready.Control(func(epoll uintptr) {
			err = armOnce(epoll, sock)
		})
		err = errors.Join(ctlErr, err)
	}
	if err = errors.Join(c.raw.Control(arm), err); err != nil {
		return err
	}
	pollErr := c.ready.Read(func(epoll uintptr) bool {
		var ready bool
		ready, err = isReady(epoll)
		return ready || err != nil
	})
	return errors.Join(pollErr, err)
}

// armOnce and isReady do not block, so they can do without telling Go's
// scheduler, which would wake its monitor thread each time.

func armOnce(epoll, sock uintptr) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, epoll, unix.EPOLL_CTL_MOD, sock, uintptr(unsafe.Pointer(&event)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("arm epoll: %w", errno)
	}
	return nil
}

func isReady(epoll uintptr) (bool, error) {
	var event unix.EpollEvent
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return false, fmt.Errorf("poll epoll: %w", errno)
	}
	return errno == 0 && n > 0, nil
}

// read receives one datagram of the kernel into c.reply.
func (c *Conn) read(ctx context.Context) (n int, err error) {
	if c.reply == nil {
		c.reply = make([]byte, maxReply)
	}
	for {
		var from unix.Sockaddr
		var flags int
		ctlErr := c.raw.Control(func(fd uintptr) {
			n, _, flags, from, err = unix.Recvmsg(int(fd), c.reply, nil, unix.MSG_DONTWAIT)
		})
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			if err := c.wait(); err == nil {
				continue
			} else if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			} else {
				return 0, fmt.Errorf("receive netlink reply: %w", err)
			}
		}
		switch err = errors.Join(ctlErr, err); {
		case err != nil:
			return 0, fmt.Errorf("receive netlink reply: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			return 0, fmt.Errorf("%w: a reply is longer than %d bytes", ErrMalformed, len(c.reply))
		}
		if address, ok := from.(*unix.SockaddrNetlink); ok && address.Pid == 0 {
			return n, nil
		}
	}
}
