//go:build linux

// Command agents plays many agents at once against a server: real enrolment,
// real credentials, the agent's own transport over TLS, and no events.
//
// It is told what to do by lines on standard input and answers each with a line
// of JSON, so that whoever measures the server knows what was under way when.
// The first line is the enrolment token. The commands are
//
//	enrol N     become N more hosts
//	connect N   connect N more of them, all at once
//	join N      connect N more of them, some at a time
//	status      say how many are connected, and what they sent and got
//
// It ends with its input.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/wire"
)

// answer is a line of output. Fields that a command does not fill are zero.
type answer struct {
	Hosts      int     `json:"hosts"`     // enrolled so far
	Connected  int     `json:"connected"` // now, each with its policy
	Seconds    float64 `json:"seconds"`   // that the command took
	Connects   uint64  `json:"connects"`  // connections made so far: more than hosts where some were lost
	Heartbeats uint64  `json:"heartbeats"`
	Error      string  `json:"error,omitempty"`
}

// crowd is the agents.
type crowd struct {
	ctx    context.Context // ends the agents
	dir    string
	token  wire.Token
	beat   time.Duration
	wait   time.Duration // for a command
	ids    []identity.Identity
	agents []*one

	running sync.WaitGroup
}

// one is an agent.
type one struct {
	client *transport.Client
	obeys  chan struct{} // closed when the policy has come
	once   sync.Once
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := flag.String("dir", "/dev/shm", "where identities are kept; in memory, so that the disk is the server's")
	beat := flag.Duration("heartbeat", 15*time.Second, "time between heartbeats, as the agent's default is")
	wait := flag.Duration("wait", 10*time.Minute, "how long a command may take")
	flag.Parse()
	if err := run(ctx, *dir, *beat, *wait); err != nil {
		fmt.Fprintln(os.Stderr, "agents:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, beat, wait time.Duration) error {
	scratch, err := os.MkdirTemp(dir, "agents")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	lines := bufio.NewScanner(os.Stdin)
	if !lines.Scan() {
		return errors.New("no enrolment token on standard input")
	}
	token, err := wire.ParseToken(lines.Text())
	if err != nil {
		return err
	}
	agents, end := context.WithCancel(ctx)
	c := &crowd{ctx: agents, dir: scratch, token: token, beat: beat, wait: wait}
	defer c.running.Wait()
	defer end()
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := out.Encode(c.obey(lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

// obey carries out a command.
func (c *crowd) obey(line string) answer {
	var command string
	var n int
	if _, err := fmt.Sscan(line, &command, &n); err != nil && command != "status" {
		return answer{Error: fmt.Sprintf("%q is no command", line)}
	}
	var took time.Duration
	var err error
	switch command {
	case "enrol":
		took, err = c.enrol(n)
	case "connect":
		took, err = c.connect(n, n)
	case "join":
		took, err = c.connect(n, together)
	case "status":
	default:
		err = fmt.Errorf("there is no command %q", command)
	}
	a := c.status()
	a.Seconds = took.Seconds()
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// together is how many agents enrol or join at a time.
const together = 16

// enrol makes n hosts.
func (c *crowd) enrol(n int) (time.Duration, error) {
	began := time.Now()
	ids, errs := make([]identity.Identity, n), make([]error, n)
	c.each(n, together, func(i int) {
		ids[i], errs[i] = transport.Enroll(c.ctx, transport.Enrollment{
			Token: c.token, Hostname: fmt.Sprintf("host-%05d", len(c.ids)+i), MachineID: fmt.Sprintf("%032x", len(c.ids)+i), Agent: "bench",
		})
	})
	c.ids = append(c.ids, ids...)
	return time.Since(began), cmp.Or(errs...)
}

// connect starts the agents of n more hosts, so many at a time, and waits until
// each is connected and has its policy, which is what the time is of.
func (c *crowd) connect(n, atOnce int) (time.Duration, error) {
	first := len(c.agents)
	if first+n > len(c.ids) {
		return 0, fmt.Errorf("there are only %d hosts", len(c.ids))
	}
	agents, errs := make([]*one, n), make([]error, n)
	for i := range n {
		if agents[i], errs[i] = c.newAgent(c.ids[first+i], first+i); errs[i] != nil {
			return 0, errs[i]
		}
	}
	late, cancel := context.WithTimeout(c.ctx, c.wait)
	defer cancel()
	began := time.Now()
	c.each(n, atOnce, func(i int) {
		c.running.Go(func() { agents[i].client.Run(c.ctx) })
		select {
		case <-agents[i].obeys:
		case <-late.Done():
			errs[i] = fmt.Errorf("host %s: %s %s", c.ids[first+i].Host, agents[i].client.Status().State, agents[i].client.Status().Detail)
		}
	})
	c.agents = append(c.agents, agents...)
	return time.Since(began), cmp.Or(errs...)
}

// newAgent makes the agent of a host, which sends heartbeats and no events.
func (c *crowd) newAgent(id identity.Identity, number int) (*one, error) {
	dir := filepath.Join(c.dir, strconv.Itoa(number))
	if err := identity.Create(dir, id); err != nil {
		return nil, err
	}
	serials, err := identity.OpenSerials(dir)
	if err != nil {
		return nil, err
	}
	a := &one{obeys: make(chan struct{})}
	a.client, err = transport.New(transport.Options{
		Identity: id, Serials: serials, Spool: nothing{}, Orders: nobody{},
		Heartbeat: func() fleet.Heartbeat { return heartbeat(number) },
		Interval:  func() time.Duration { return c.beat },
		Policy:    func(policy.Policy, wire.Signed) { a.once.Do(func() { close(a.obeys) }) },
	})
	return a, err
}

// each runs fn for 0 to n-1, so many at a time.
func (c *crowd) each(n, atOnce int, fn func(int)) {
	var wg sync.WaitGroup
	turns := make(chan struct{}, max(atOnce, 1))
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			fn(i)
		})
	}
	wg.Wait()
}

func (c *crowd) status() answer {
	a := answer{Hosts: len(c.ids)}
	for _, one := range c.agents {
		s := one.client.Status()
		if s.State == transport.Connected {
			a.Connected++
		}
		a.Connects += s.Counters.Connects
		a.Heartbeats += s.Counters.Heartbeats
	}
	return a
}

// heartbeat is what an agent with its usual features says.
func heartbeat(number int) fleet.Heartbeat {
	b := fleet.Heartbeat{
		Time: time.Now(), Hostname: fmt.Sprintf("host-%05d", number), OS: "Debian GNU/Linux 12 (bookworm)",
		Addresses: []string{"192.0.2.1", "2001:db8::1"},
		Ledger:    fleet.Ledger{Epoch: "0102030405060708", Dropped: map[fleet.Reason]uint64{}, SpoolLimit: 1 << 30},
	}
	for _, name := range []string{"audit", "authlog", "netsense", "perf", "procfs"} {
		b.Features = append(b.Features, fleet.Feature{
			Name: name, State: "running", Since: time.Now(),
			Counters: []fleet.Counter{{Name: "events", Value: 123456}, {Name: "lost", Dropped: true}, {Name: "restarts"}},
		})
	}
	return b
}

// nothing is a spool without frames.
type nothing struct{}

func (nothing) Next(uint64) (uint64, []byte, bool) { return 0, nil, false }
func (nothing) Ack(uint64) error                   { return nil }
func (nothing) Wake() <-chan struct{}              { return nil }

// nobody carries out no orders.
type nobody struct{}

func (nobody) Knows(string) bool                   { return true }
func (nobody) Give(wire.Order)                     {}
func (nobody) Answer() (uint64, wire.Result, bool) { return 0, wire.Result{}, false }
func (nobody) Acknowledged(uint64)                 {}
func (nobody) Wake() <-chan struct{}               { return nil }
