package chaos_test

import (
	"net"
	"sync"
	"testing"
)

// proxy is the network between agent and server: a TCP relay that can be told
// to stall, to reset what goes through it, and to be away.
type proxy struct {
	listener net.Listener
	target   string
	relays   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	flowing *sync.Cond // signalled when stalled or closed change
	conns   map[*net.TCPConn]bool
	away    bool // connections are refused
	stalled bool // bytes stay where they are
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: make(map[*net.TCPConn]bool)}
	p.flowing = sync.NewCond(&p.mu)
	p.relays.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(true, false)
		p.relays.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// set says how the network is. One that is away has reset what went through.
func (p *proxy) set(away, stalled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away, p.stalled = away, stalled
	if away {
		p.resetAll()
	}
	p.flowing.Broadcast()
}

// reset breaks the connections; new ones are let through.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resetAll()
	p.flowing.Broadcast()
}

// resetAll needs mu.
func (p *proxy) resetAll() {
	for c := range p.conns {
		_ = c.SetLinger(0) // RST instead of FIN, tcp(7)
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.relays.Go(func() { p.relay(conn.(*net.TCPConn)) })
	}
}

func (p *proxy) relay(from *net.TCPConn) {
	defer from.Close()
	dialled, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	to := dialled.(*net.TCPConn)
	defer to.Close()
	if !p.enter(from, to) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { p.copy(from, to) })
	p.copy(to, from)
	back.Wait()
	p.leave(from, to)
}

func (p *proxy) enter(conns ...*net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	if p.away {
		p.resetAll()
	}
	return !p.away
}

func (p *proxy) leave(conns ...*net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// copy moves bytes until one side ends, and then ends the other.
func (p *proxy) copy(to, from *net.TCPConn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		p.awaitFlow(from)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// awaitFlow waits while the network stalls and the connection is not reset.
func (p *proxy) awaitFlow(c *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && p.conns[c] {
		p.flowing.Wait()
	}
}
