package chaos_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/test/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// seedVariable repeats what an earlier run did, as far as processes, clocks and
// the kernel let themselves be repeated.
const seedVariable = "HOLDFAST_CHAOS_SEED"

// world is a host that produces, a server that stores, and what can go wrong.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	server  *fleet.Server
	network *proxy
	host    event.HostID

	plan     plan
	producer *fleet.Process
	disk     *disk // nil when the server's disk cannot be filled
	kills    struct{ server, producer int }
}

// TestNothingIsLost breaks everything between an event and where it is stored,
// many times and at random moments, and then accounts for every single event.
func TestNothingIsLost(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", seedVariable, seed)
	kills := 10
	if hosttest.Full() {
		kills = 100
	}
	w := newWorld(t, seed)
	w.live(false)
	for i := range kills {
		switch i {
		case kills / 3:
			w.fillSpool()
		case 2 * kills / 3:
			w.fillDisk()
		}
		w.trouble()
		if i%10 == 9 {
			w.progress()
		}
	}
	w.drain()
	w.check()
	t.Logf("killed the server %d and the host %d times", w.kills.server, w.kills.producer)
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 0)), plan: plan{Dir: t.TempDir(), Seed: seed, Epoch: time.Now().UTC().Truncate(time.Second)}}
	fleet.Build(t)
	o := fleet.ServerOptions{Settings: "stream_bytes: 67108864"}
	if hosttest.Full() {
		hosttest.Root(t)
		w.disk = newDisk(t)
		o.DataDir = filepath.Join(w.disk.dir, "data")
	}
	w.server = fleet.NewServer(t, o)
	w.network = newProxy(t, w.server.Stream)
	w.enrol()
	return w
}

// enrol makes the producer a host that reaches the server through the proxy.
func (w *world) enrol() {
	w.t.Helper()
	text, _ := w.server.EnrolToken(api.NewEnrollToken{Note: "chaos", MaxUses: 1})
	token, err := wire.ParseToken(text)
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := transport.Enroll(w.t.Context(), transport.Enrollment{Token: token, Hostname: "chaos", Agent: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	id.Streams = []string{"tls://" + w.network.address()}
	if err := identity.Create(w.plan.Dir, id); err != nil {
		w.t.Fatal(err)
	}
	w.host = id.Host
}

// live begins a life of the producer.
func (w *world) live(heavy bool) {
	w.t.Helper()
	w.plan.Life++
	w.plan.Heavy = heavy
	w.producer = launchProducer(w.t, w.plan)
}

// rest lets time pass, some of it.
func (w *world) rest(most time.Duration) { time.Sleep(time.Duration(w.rng.Int64N(int64(most)))) }

// trouble disturbs the network and kills somebody.
func (w *world) trouble() {
	w.t.Helper()
	switch w.rng.IntN(6) {
	case 0:
		w.network.reset()
	case 1:
		w.network.set(false, true) // stalls
	case 2:
		w.network.set(true, false) // is away
	default:
		w.network.set(false, false)
	}
	w.rest(700 * time.Millisecond)
	if w.rng.IntN(5) < 2 {
		w.killServer()
	} else {
		w.killProducer(false)
	}
	w.rest(500 * time.Millisecond)
	w.network.set(false, false)
}

// killServer kills the server and starts it again. Half of the time it does not
// wait, so that the next kill may find it starting.
func (w *world) killServer() {
	w.t.Helper()
	w.mustRun()
	w.server.Kill()
	w.kills.server++
	w.rest(300 * time.Millisecond)
	w.server.Launch()
	if w.rng.IntN(2) == 0 {
		w.server.AwaitReady()
	}
}

// killProducer kills the producer and begins its next life.
func (w *world) killProducer(heavy bool) {
	w.t.Helper()
	w.mustRun()
	w.producer.Kill()
	w.kills.producer++
	w.live(heavy)
}

// mustRun checks that nobody has died of something else.
func (w *world) mustRun() {
	w.t.Helper()
	if !w.server.Running() {
		w.t.Fatal("the server died by itself")
	}
	if !w.producer.Running() {
		w.t.Fatal("the producer died by itself")
	}
}

// progress waits until the server takes frames, so that there is something to
// lose.
func (w *world) progress() {
	w.t.Helper()
	w.server.AwaitReady()
	var before uint64
	fleet.Await(w.t, "the server takes frames", func() bool {
		report, err := w.server.Ledger()
		if err != nil {
			return false
		}
		now := report.Server.Accepted
		if before == 0 {
			before = now
		}
		return now > before
	})
}

// fillSpool cuts the host off until its spool has refused events.
func (w *world) fillSpool() {
	w.t.Helper()
	w.network.set(true, false)
	w.killProducer(true)
	fleet.Await(w.t, "the spool is full", func() bool {
		lives, err := readJournal(w.plan.journal())
		if err != nil || len(lives) == 0 {
			return false
		}
		for _, b := range lives[len(lives)-1].batches {
			if b.drops > 0 && !b.Refused {
				return true
			}
		}
		return false
	})
	w.killProducer(false)
	w.network.set(false, false)
}

// fillDisk fills the server's disk to the last byte, kills the server on it,
// and then makes room.
func (w *world) fillDisk() {
	w.t.Helper()
	if w.disk == nil {
		return
	}
	w.server.AwaitReady()
	w.disk.fill()
	w.rest(2 * time.Second)
	w.killProducer(false)
	w.server.Kill()
	w.kills.server++
	w.server.Launch() // which may give up: there is no room for anything
	w.rest(3 * time.Second)
	w.disk.free()
	fleet.Await(w.t, "the server is back", func() bool {
		if !w.server.Running() {
			w.server.Launch()
		}
		return w.server.Ready()
	})
	w.killProducer(false) // it may have been told to wait long
	w.progress()
}

// drain heals everything and waits until the server has all.
func (w *world) drain() {
	w.t.Helper()
	w.network.set(false, false)
	w.server.AwaitReady()
	w.mustRun()
	w.producer.Kill()
	w.kills.producer++
	w.plan.Drain = true
	w.live(false)
	if err := w.producer.Wait(); err != nil {
		w.t.Fatalf("the spool was not drained: %v", err)
	}
	w.server.Stop()
	w.server.Start()
}

// disk is a small file system of its own.
type disk struct {
	t   *testing.T
	dir string
}

// diskBytes is well over what a server keeps free for itself.
const diskBytes = 448 << 20

func newDisk(t *testing.T) *disk {
	t.Helper()
	dir, err := os.MkdirTemp("", "hfdisk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(diskBytes)); err != nil {
		hosttest.Missing(t, "needs to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return &disk{t, dir}
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves not a byte.
func (d *disk) fill() {
	d.t.Helper()
	file, err := os.Create(d.ballast())
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	for size := int64(1 << 20); size > 0; size /= 2 {
		block := make([]byte, size)
		for {
			if n, err := file.Write(block); err != nil || n < len(block) {
				break
			}
		}
	}
}

func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}
