package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/spool"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	fleettest "github.com/holdfast-security/holdfast/test/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// producerVariable makes this test's program the producer; it holds its plan.
const producerVariable = "HOLDFAST_CHAOS_PRODUCER"

const (
	lifeNumbers = 1_000_000 // of events in one life; the numbers of a life begin with its own
	spoolLimit  = 4 << 20
	seriesCount = 4
)

// plan is what a producer is told.
type plan struct {
	Dir   string    // of its state and journal
	Life  uint64    // from 1
	Seed  uint64    //
	Epoch time.Time // of the series of marked events
	Heavy bool      // make what fills the spool
	Drain bool      // make nothing, and end when the server has all
}

func (p plan) journal() string { return filepath.Join(p.Dir, "journal") }

// launchProducer starts a producer, which ends with the test.
func launchProducer(t *testing.T, p plan) *fleettest.Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), producerVariable+"="+string(text))
	return fleettest.Launch(t, cmd)
}

// producer is an agent whose sensors are a random number generator.
type producer struct {
	plan
	rng     *rand.Rand
	spool   *spool.Spool
	journal *journal
	next    uint64
}

// produce is the producer's main.
func produce(text string) error {
	p := &producer{}
	if err := json.Unmarshal([]byte(text), &p.plan); err != nil {
		return err
	}
	p.rng, p.next = rand.New(rand.NewPCG(p.Seed, p.Life)), p.Life*lifeNumbers
	var err error
	if p.journal, err = openJournal(p.plan.journal()); err != nil {
		return err
	}
	if p.spool, err = spool.Open(filepath.Join(p.Dir, "spool"), spool.Options{Limit: spoolLimit}); err != nil {
		return err
	}
	ledger := p.spool.Ledger()
	if err := p.journal.write(entry{Kind: opened, Ledger: &ledger}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended, err := p.connect(ctx)
	if err != nil {
		return err
	}
	if !p.Drain {
		return p.run()
	}
	for p.spool.Ledger().Spooled > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-ended
	ledger = p.spool.Ledger()
	return errors.Join(p.journal.write(entry{Kind: drained, Ledger: &ledger}), p.spool.Close())
}

// noOrders is an agent that carries out none.
type noOrders struct{}

func (noOrders) Knows(string) bool                                  { return false }
func (noOrders) Give(wire.Order)                                    {}
func (noOrders) Wake() <-chan struct{}                              { return nil }
func (noOrders) Answer() (number uint64, part wire.Result, ok bool) { return 0, wire.Result{}, false }
func (noOrders) Acknowledged(uint64)                                {}

// connect talks to the server until ctx ends; then ended is closed.
func (p *producer) connect(ctx context.Context) (ended chan struct{}, err error) {
	id, err := identity.Load(p.Dir)
	if err != nil {
		return nil, err
	}
	serials, err := identity.OpenSerials(p.Dir)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	client, err := transport.New(transport.Options{
		Identity: id, Serials: serials, Spool: p.spool, Orders: noOrders{},
		Heartbeat: func() fleet.Heartbeat {
			return fleet.Heartbeat{Time: time.Now(), Hostname: "chaos", Agent: "test", Started: started, Ledger: p.spool.Ledger()}
		},
		Interval: func() time.Duration { return 2 * time.Second },
		Policy:   func(policy.Policy, wire.Signed) {},
		Log:      slog.New(slog.NewTextHandler(os.Stderr, nil)),
		// Outages are short here, and so are the waits.
		AckTimeout: 2 * time.Second, RetryFloor: 200 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		client.Run(ctx)
	}()
	return ended, nil
}

// run makes events until it is killed.
func (p *producer) run() error {
	for p.next < (p.Life+1)*lifeNumbers-1000 {
		if err := p.burst(); err != nil {
			return err
		}
		time.Sleep(time.Duration(p.rng.IntN(50)) * time.Millisecond)
	}
	return errors.New("no number is left for this life")
}

// burst makes a batch of events and takes it to the spool, as an agent does:
// the ledger first.
func (p *producer) burst() error {
	b := batch{First: p.next, Count: 1 + p.rng.IntN(100)}
	if p.rng.IntN(4) == 0 {
		b.Combined = p.rng.IntN(10)
	}
	b.Refused = p.rng.IntN(20) == 0
	p.next += uint64(b.Count)
	if err := p.journal.write(entry{Kind: intended, Batch: b}); err != nil {
		return err
	}
	p.spool.AddProduced(uint64(b.Count + b.Combined))
	if err := p.journal.write(entry{Kind: produced}); err != nil {
		return err
	}
	p.spool.AddCombined(uint64(b.Combined))
	events := p.events(b)
	time.Sleep(time.Duration(p.rng.IntN(15)) * time.Millisecond) // in memory, where a kill finds them
	dropped := b.Count
	if b.Refused {
		p.spool.AddDropped(fleet.QueueFull, uint64(b.Count))
	} else {
		var err error
		if dropped, err = p.spool.Append(events); err != nil && !errors.Is(err, spool.ErrFull) {
			return fmt.Errorf("append: %w", err)
		}
	}
	return p.journal.write(entry{Kind: done, Drops: dropped})
}

// events makes the events of a batch. Their time jumps: the host's clock is not
// to be relied on.
func (p *producer) events(b batch) []*event.Event {
	at := time.Now().UTC()
	if p.rng.IntN(10) == 0 {
		at = at.Add(time.Duration(p.rng.IntN(7200)-3600) * time.Second)
	}
	process := &event.Process{PID: 4242, Name: "work", Executable: &event.File{Path: "/usr/bin/work"}, CommandLine: "work", Started: at}
	events := make([]*event.Event, b.Count)
	for i := range events {
		events[i] = &event.Event{
			Time: at, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess,
			Serial: b.First + uint64(i), Process: process,
		}
		if p.Heavy {
			events[i].Message = p.noise(4 << 10)
		}
	}
	if p.rng.IntN(10) == 0 { // an attack, seen up to three times
		for _, e := range events[:min(len(events), 1+p.rng.IntN(3))] {
			e.Process = marked("once-"+strconv.FormatUint(b.First, 10), at)
		}
	}
	if p.rng.IntN(20) == 0 { // one that goes on and on
		last := events[len(events)-1]
		last.Time = p.Epoch
		last.Process = marked("series-"+strconv.Itoa(p.rng.IntN(seriesCount)), p.Epoch)
	}
	return events
}

// noise returns text that does not compress well.
func (p *producer) noise(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(' ' + p.rng.IntN(95))
	}
	return string(text)
}

// marked is the process of the agreed test command, which raises an alert; those
// with another mark are another actor's.
func marked(mark string, at time.Time) *event.Process {
	const name = "asc_alerttest_662jfi039n"
	return &event.Process{
		PID: 4343, Name: name, Executable: &event.File{Path: "/opt/" + mark + "/" + name}, Started: at, Executed: at,
		Arguments: []string{name, "testing", "eicar", "pipe", mark}, CommandLine: name + " testing eicar pipe " + mark,
	}
}
