package netsense

import (
	"bytes"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// probe tells cheaply whether sockets came or went since it was last asked, by
// the counts of /proc/net/sockstat (Documentation/networking/proc_net_tcp.rst
// has its neighbours; net/ipv4/proc.c, sockstat_seq_show). "alloc" counts the
// TCP sockets of all namespaces. One that came while another went is announced
// by the other's end.
type probe struct {
	file *counterFile
	last sockstat
}

// sockstat are the counts that change with connections.
type sockstat struct{ tcp, udp, tcpAlloc uint64 }

func newProbe(fs hostfs.FS) *probe { return &probe{file: openCounters(fs, "/proc/net/sockstat")} }

func (p *probe) close() { p.file.close() }

// changed reports whether the counts differ from those of the last call.
func (p *probe) changed() bool {
	now := parseSockstat(p.file.read())
	differ := now != p.last
	p.last = now
	return differ
}

// births tells whether a process was born since it was last asked, by the pid
// that the kernel gave last, which ends /proc/loadavg (proc_loadavg(5)).
type births struct {
	file *counterFile
	last uint64
}

func newBirths(fs hostfs.FS) *births { return &births{file: openCounters(fs, "/proc/loadavg")} }

func (b *births) close() { b.file.close() }

func (b *births) changed() bool {
	line := bytes.TrimSpace(b.file.read())
	now, err := strconv.ParseUint(string(line[bytes.LastIndexByte(line, ' ')+1:]), 10, 32)
	differ := err != nil || now != b.last
	b.last = now
	return differ
}

// counterFile is a small file of /proc that stays open.
type counterFile struct {
	file *os.File // nil where there is none: then it reads as empty
	fd   uintptr  // of file
	buf  [1024]byte
}

func openCounters(fs hostfs.FS, name string) *counterFile {
	f, err := fs.Open(name)
	if err != nil {
		return &counterFile{}
	}
	return &counterFile{file: f, fd: f.Fd()}
}

func (c *counterFile) close() {
	if c.file != nil {
		c.file.Close()
	}
}

// read returns what the file says now, until the next call. Counters in memory
// do not block, so it can do without telling Go's scheduler, which would wake
// its monitor thread each time.
func (c *counterFile) read() []byte {
	if c.file == nil {
		return nil
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_PREAD64, c.fd, uintptr(unsafe.Pointer(&c.buf[0])), uintptr(len(c.buf)), 0, 0, 0)
	if errno != 0 {
		return nil
	}
	return c.buf[:n]
}

// parseSockstat reads lines like "TCP: inuse 5 orphan 0 tw 2 alloc 9 mem 1".
func parseSockstat(b []byte) (s sockstat) {
	for line := range bytes.Lines(b) {
		group, rest, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		switch string(group) {
		case "TCP:":
			s.tcp, s.tcpAlloc = sockCount(rest, "inuse"), sockCount(rest, "alloc")
		case "UDP:":
			s.udp = sockCount(rest, "inuse")
		}
	}
	return s
}

// sockCount returns the number behind a name, zero if there is none.
func sockCount(pairs []byte, name string) (n uint64) {
	for len(pairs) > 0 {
		var key, value []byte
		key, pairs, _ = bytes.Cut(pairs, []byte(" "))
		value, pairs, _ = bytes.Cut(pairs, []byte(" "))
		if string(key) == name {
			n, _ = strconv.ParseUint(string(value), 10, 64)
			return n
		}
	}
	return 0
}
