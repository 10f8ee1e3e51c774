package netsense

import (
	"bytes"
	"os"
	"strconv"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// probe tells cheaply whether sockets came or went since it was last asked, by
// the counts of /proc/net/sockstat (Documentation/networking/proc_net_tcp.rst
// has its neighbours; net/ipv4/proc.c, sockstat_seq_show). "alloc" counts the
// TCP sockets of all namespaces. One that came while another went is announced
// by the other's end.
type probe struct {
	file *os.File // nil where there is none: then everything looks unchanged
	last sockstat
	buf  [1024]byte
}

// sockstat are the counts that change with connections.
type sockstat struct{ tcp, udp, tcpAlloc uint64 }

func newProbe(fs hostfs.FS) *probe {
	f, err := fs.Open("/proc/net/sockstat")
	if err != nil {
		return &probe{}
	}
	return &probe{file: f}
}

func (p *probe) close() {
	if p.file != nil {
		p.file.Close()
	}
}

// changed reports whether the counts differ from those of the last call.
func (p *probe) changed() bool {
	if p.file == nil {
		return false
	}
	n, _ := p.file.ReadAt(p.buf[:], 0)
	now := parseSockstat(p.buf[:n])
	differ := now != p.last
	p.last = now
	return differ
}

// parseSockstat reads lines like "TCP: inuse 5 orphan 0 tw 2 alloc 9 mem 1".
func parseSockstat(b []byte) (s sockstat) {
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			continue
		}
		for i := 1; i+1 < len(fields); i += 2 {
			n, err := strconv.ParseUint(string(fields[i+1]), 10, 64)
			if err != nil {
				continue
			}
			switch string(fields[0]) + string(fields[i]) {
			case "TCP:inuse":
				s.tcp = n
			case "TCP:alloc":
				s.tcpAlloc = n
			case "UDP:inuse":
				s.udp = n
			}
		}
	}
	return s
}
