package perf

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/feature"
)

// Pace of the reader. A ring that fills to a quarter ends any nap.
const (
	idlePasses   = 10                     // empty passes before the long nap, on a host without doorbells
	idleNap      = 100 * time.Millisecond // that nap; far below the second that an alert may take
	hotplugEvery = 5 * time.Second        // also the longest wait for a doorbell
	ringBudget   = 8 << 20                // bytes for the rings of all CPUs
	minRing      = 64 << 10
	maxRing      = 512 << 10
)

// Run reads side-band records until ctx ends.
func (f *Feature) Run(ctx context.Context, host feature.Host) error {
	s, err := f.open(host)
	if err != nil {
		return err
	}
	defer s.close()
	host.Health.Set(feature.Running, fmt.Sprintf("%d CPUs, %d KiB each", len(s.rings), s.pages*unix.Getpagesize()>>10))
	return s.run(ctx)
}

// session is one run of the sensor.
type session struct {
	host  feature.Host
	nap   time.Duration
	pages int
	bpf   bool

	rings   map[int]*ring // by CPU
	online  string        // the list of CPUs that rings were opened for
	epollFD int
	ready   [64]unix.EpollEvent
	epoll   *os.File // owns epollFD
	wake    syscall.RawConn

	batch   batch
	builder *builder
	clock   clock
	lost    uint64
	bad     uint64
	read    uint64
}

func (f *Feature) open(host feature.Host) (*session, error) {
	s := &session{host: host, nap: f.opts.Nap, rings: make(map[int]*ring), builder: newBuilder(), bpf: true}
	cpus, err := s.readOnline()
	if err != nil {
		return nil, err
	}
	s.pages = ringPages(f.opts.RingBytes, len(cpus))
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	unix.SetNonblock(fd, true) // so that the runtime's poller takes it
	s.epollFD = fd
	s.epoll = os.NewFile(uintptr(fd), "epoll of perf rings")
	if s.wake, err = s.epoll.SyscallConn(); err != nil {
		s.close()
		return nil, err
	}
	if err := s.openRings(cpus); err != nil {
		s.close()
		return nil, err
	}
	s.clock.sync()
	return s, nil
}

func ringPages(want, cpus int) int {
	if want <= 0 {
		want = min(max(ringBudget/max(cpus, 1), minRing), maxRing)
	}
	pages := (want + unix.Getpagesize() - 1) / unix.Getpagesize()
	return 1 << bits.Len(uint(pages-1))
}

// openRings opens the rings of the CPUs that have none. It fails when not
// even the first can be opened.
func (s *session) openRings(cpus []int) error {
	for _, cpu := range cpus {
		if s.rings[cpu] != nil {
			continue
		}
		r, err := openRing(cpu, s.pages, s.bpf)
		if errors.Is(err, unix.EINVAL) && s.bpf {
			s.bpf = false
			r, err = openRing(cpu, s.pages, false)
		}
		if err != nil {
			if len(s.rings) == 0 {
				return s.unsupported(err)
			}
			s.host.Health.Warn("perf-cpu", "Processes on CPU %d are not seen: %v.", cpu, err)
			continue
		}
		s.rings[cpu] = r
		if err := s.watch(r); err != nil {
			return fmt.Errorf("watch the ring of CPU %d: %w", cpu, err)
		}
	}
	return nil
}

func (s *session) watch(r *ring) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(r.cpu)}
	err := unix.EpollCtl(s.epollFD, unix.EPOLL_CTL_ADD, r.fd, &ev)
	if err == nil && r.bell != nil {
		err = unix.EpollCtl(s.epollFD, unix.EPOLL_CTL_ADD, r.bell.fd, &ev)
	}
	return err
}

// unsupported explains why this host does not let us read the side-band.
func (s *session) unsupported(err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		level, _ := s.host.FS.ReadFile("/proc/sys/kernel/perf_event_paranoid", 16)
		return fmt.Errorf("perf events need root or CAP_PERFMON here (perf_event_paranoid is %s): %w",
			strings.TrimSpace(string(level)), feature.ErrUnsupported)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("the kernel has no perf side-band with a boot clock (%v): %w", err, feature.ErrUnsupported)
	}
	return err
}

// run drains the rings at a pace that follows the load: while records come,
// after naps that let them gather; after a pass that found none, when a
// doorbell rings. What came before the doorbells were armed, the pass after it
// finds.
func (s *session) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.epoll.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	quiet, checked := 0, time.Now()
	for ctx.Err() == nil {
		if s.drain() > 0 {
			quiet = 0
		} else {
			quiet++
		}
		if now := time.Now(); now.Sub(checked) > hotplugEvery {
			checked = now
			s.hotplug()
		}
		switch {
		case quiet == 0:
			s.sleep(ctx, s.nap)
		case s.arm():
			if s.drain() == 0 {
				s.sleep(ctx, hotplugEvery)
			}
			s.disarm()
			s.sleep(ctx, s.nap)
		case quiet > idlePasses:
			s.sleep(ctx, max(idleNap, s.nap))
		default:
			s.sleep(ctx, s.nap)
		}
	}
	s.drain()
	return nil
}

// arm makes the doorbells ring. It reports false when a CPU has none: then
// the host needs naps anyway.
func (s *session) arm() bool {
	for _, r := range s.rings {
		if r.bell == nil {
			return false
		}
	}
	for _, r := range s.rings {
		r.bell.arm(true)
	}
	return true
}

// disarm silences the doorbells and forgets those that rang, which would cut
// the next nap short.
func (s *session) disarm() {
	for _, r := range s.rings {
		r.bell.arm(false)
	}
	s.rang()
}

// sleep waits until the nap is over, a ring has filled to its watermark, a
// doorbell has rung, or ctx ends. When the runtime's poller says that our epoll
// descriptor is ready, that is the news: to learn it the poller asked the perf
// event, which tells only the first who asks (perf_poll in
// kernel/events/core.c clears the flag), so that asking again finds nothing.
func (s *session) sleep(ctx context.Context, nap time.Duration) {
	s.epoll.SetReadDeadline(time.Now().Add(nap))
	if ctx.Err() != nil { // the deadline set when ctx ended is gone
		return
	}
	waited := false
	s.wake.Read(func(uintptr) bool {
		rang := s.rang() || waited
		waited = true
		return rang
	})
}

// rang reports whether a ring has filled to its watermark or a doorbell rung
// since the last call.
// It does not block, so it can do without telling Go's scheduler, which would
// wake its monitor thread.
func (s *session) rang() bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.epollFD),
		uintptr(unsafe.Pointer(&s.ready[0])), uintptr(len(s.ready)), 0, 0, 0)
	return errno == 0 && n > 0 || errno != 0 && errno != unix.EINTR
}

// drain emits what the rings hold and returns how many records that were.
func (s *session) drain() int {
	s.batch.reset()
	for _, r := range s.rings {
		r.read(&s.batch)
	}
	return s.emit()
}

// emit hands on what the batch holds and returns how many records that were.
func (s *session) emit() int {
	s.ledger()
	n := len(s.batch.records)
	if n == 0 && len(s.builder.open) == 0 {
		return 0
	}
	s.clock.sync()
	if events := s.builder.build(&s.batch, s.clock.wall); len(events) > 0 {
		s.host.Sink.Emit(events)
		clear(events)
	}
	return n
}

func (s *session) ledger() {
	if n := len(s.batch.records); n > 0 {
		s.read += uint64(n)
		s.host.Health.Count("records", s.read)
	}
	if s.batch.lost > 0 {
		s.lost += s.batch.lost
		s.host.Health.CountDropped("kernel_lost", s.lost)
		s.host.Health.Warn("perf-lost", "The kernel dropped %d side-band records because the agent did not read them in time; births and ends of processes are missing.", s.lost)
	}
	if s.batch.bad > 0 {
		s.bad += s.batch.bad
		s.host.Health.CountDropped("malformed", s.bad)
	}
}

// hotplug opens rings for CPUs that came online, and again for those that had
// gone: their events died with them.
func (s *session) hotplug() {
	before := s.online
	cpus, err := s.readOnline()
	if err != nil || s.online == before {
		return
	}
	online := make(map[int]bool, len(cpus))
	for _, cpu := range cpus {
		online[cpu] = true
	}
	s.batch.reset()
	for cpu, r := range s.rings {
		if !online[cpu] {
			r.read(&s.batch)
			r.close()
			delete(s.rings, cpu)
		}
	}
	s.emit()
	if err := s.openRings(cpus); err != nil {
		s.host.Health.Warn("perf-cpu", "Processes on new CPUs are not seen: %v.", err)
	}
}

func (s *session) readOnline() ([]int, error) {
	const name = "/sys/devices/system/cpu/online"
	data, err := s.host.FS.ReadFile(name, 4096)
	if err != nil {
		return nil, fmt.Errorf("read the list of CPUs: %w", err)
	}
	cpus, err := parseCPUs(strings.TrimSpace(string(data)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	s.online = string(data)
	return cpus, nil
}

// maxCPUs is NR_CPUS of the largest kernel configuration.
const maxCPUs = 8192

// parseCPUs reads a list such as "0-3,8", see cpuset(7).
func parseCPUs(list string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		lo, errLo := strconv.ParseUint(first, 10, 16)
		hi, errHi := strconv.ParseUint(last, 10, 16)
		if errLo != nil || errHi != nil || hi < lo || hi >= maxCPUs || len(cpus) >= maxCPUs {
			return nil, fmt.Errorf("%q is not a list of CPUs", list)
		}
		for cpu := lo; cpu <= hi; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}

func (s *session) close() {
	for _, r := range s.rings {
		r.close()
	}
	s.epoll.Close()
}

// clock turns times since boot into the host's clock.
type clock struct {
	boot   uint64 // when the offsets were last taken
	offset int64  // host's clock minus boot clock, now
	before int64  // the same at the sync before
	prior  uint64 // boot time of the sync before
}

// sync takes the present offset. The host's clock may have been set since the
// last time; records from before that keep the old offset.
func (c *clock) sync() {
	wall := time.Now().UnixNano() // from the vDSO
	var boot unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&boot)), 0)
	c.update(uint64(boot.Nano()), wall)
}

func (c *clock) update(boot uint64, wall int64) {
	c.before, c.prior = c.offset, c.boot
	c.boot, c.offset = boot, wall-int64(boot)
	if c.prior == 0 {
		c.before = c.offset
	}
}

func (c *clock) wall(boot uint64) time.Time {
	if boot < c.prior {
		return time.Unix(0, int64(boot)+c.before).UTC()
	}
	return time.Unix(0, int64(boot)+c.offset).UTC()
}
