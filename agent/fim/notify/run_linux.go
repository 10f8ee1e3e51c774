package notify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/notify/fanotify"
	"github.com/holdfast-security/holdfast/agent/fim/notify/inotify"
)

// absentEvery is how often roots that are not there are looked for where no
// mark of the file system would tell of them.
const absentEvery = 5 * time.Second

// lastPasses bounds how long a run that ends goes on taking in what came before
// its end: in a storm it would never come to an end of it.
const lastPasses = 64

// Listener watches for changes. Make it with [New].
type Listener struct {
	opts    Options
	without fanotify.Abilities // taken away by tests, to be as older kernels are
	refuse  error              // of fanotify, by tests
	retry   time.Duration      // of absent roots

	mu    sync.Mutex // guards stats
	stats Stats
}

// New returns a listener that does nothing before [Listener.Run].
func New(opts Options) (*Listener, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return &Listener{opts: opts, retry: absentEvery}, nil
}

// Stats returns what was counted up to the last pass. It is safe for concurrent
// use.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Run watches until ctx ends, hands over what had happened by then, and returns
// nil. It returns an error at once when the host does not even tell its mounts,
// and later when the kernel stops telling. It is called once.
func (l *Listener) Run(ctx context.Context) error {
	s, err := l.open()
	if err != nil {
		return err
	}
	defer s.close()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		s.wake()
	})
	defer func() {
		if !stop() {
			<-woken // so that it does not write to a descriptor that is somebody else's by then
		}
	}()
	return s.run(ctx)
}

// session is one run. All of it belongs to one goroutine.
type session struct {
	*output
	l       *Listener
	stop    int // eventfd
	mounts  int // mountinfo, which says when it changes
	volumes map[string]*volume
	tree    *inotify.Tree
	inotify map[string]string // roots of the tree, with what is mounted there
	ended   map[string]bool   // roots that the tree lost since the last sync
	gaps    map[string]gap    // what the tree could not watch
	overrun bool              // the tree lost changes
	parts   []Coverage
	absent  bool // a root under inotify
	synced  time.Time
	poll    []unix.PollFd
}

type gap struct {
	reason Reason
	detail string
}

func (l *Listener) open() (*session, error) {
	// Not an os.File: the runtime's poller would take the news for itself.
	list, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("watch the list of mounts: %w", err)
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(list)
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	return &session{
		output: newOutput(&l.opts), l: l, stop: stop, mounts: list, volumes: make(map[string]*volume),
		inotify: make(map[string]string), gaps: make(map[string]gap), ended: make(map[string]bool),
	}, nil
}

func (s *session) close() {
	for _, v := range s.volumes {
		v.group.Close()
	}
	if s.tree != nil {
		s.tree.Close()
	}
	unix.Close(s.mounts)
	unix.Close(s.stop)
}

// wake ends any wait. The counter of an eventfd takes far more than one.
func (s *session) wake() { _, _ = unix.Write(s.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// run takes in the first change at once, and those that follow after a nap:
// thousands of changes a second cost tens of wake-ups.
func (s *session) run(ctx context.Context) error {
	if err := s.sync(); err != nil {
		return err
	}
	for last := 0; last < lastPasses; {
		done, err := s.pass()
		if err != nil {
			return err
		}
		switch {
		case ctx.Err() != nil && done:
			s.giveUp()
			return nil
		case ctx.Err() != nil:
			last++
		case done:
			err = s.rest()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rest waits for news, and follows the mounts.
func (s *session) rest() error {
	changed, err := s.wait(s.patience())
	if err != nil {
		return err
	}
	if !changed && s.patience() > 0 {
		return nil
	}
	s.resync, s.synced = false, time.Now()
	return s.sync()
}

// pass takes in what waits, hands it over, and lets more gather. It reports
// whether that was all.
func (s *session) pass() (done bool, err error) {
	done = true
	before := s.stats.Events
	for _, v := range s.volumes {
		empty, err := v.drain()
		if err != nil {
			return false, err
		}
		done = done && empty
	}
	if err := s.drainTree(); err != nil {
		return false, err
	}
	s.flush()
	busy := s.stats.Events > before
	if busy {
		s.stats.Reads++
	}
	s.l.mu.Lock()
	s.l.stats = s.stats
	s.l.mu.Unlock()
	if busy && done {
		s.nap()
	}
	return done, nil
}

// nap sleeps until more has gathered or the run is to end.
func (s *session) nap() {
	s.poll = append(s.poll[:0], unix.PollFd{Fd: int32(s.stop), Events: unix.POLLIN})
	_, _ = unix.Poll(s.poll, int(s.opts.Nap.Milliseconds())) // a signal cuts it short, which does no harm
}

// patience is how long to wait without news.
func (s *session) patience() time.Duration {
	switch {
	case s.resync:
		return 0
	case s.halves():
		return s.opts.Nap
	case s.absent:
		return max(s.l.retry-time.Since(s.synced), 0)
	}
	return math.MaxInt64
}

// halves reports whether the second half of a rename is waited for.
func (s *session) halves() bool {
	for _, v := range s.volumes {
		if len(v.leaving) > 0 {
			return true
		}
	}
	return s.tree != nil && s.tree.Waiting()
}

// giveUp waits for no second halves any more.
func (s *session) giveUp() {
	for _, v := range s.volumes {
		v.giveUp(time.Now())
	}
	if s.tree != nil {
		s.tree.GiveUp(time.Now())
	}
	s.flush()
}

// wait sleeps until there is something to read, the mounts changed, the run is
// to end, or the time is over.
func (s *session) wait(d time.Duration) (mounts bool, err error) {
	s.poll = append(s.poll[:0],
		unix.PollFd{Fd: int32(s.stop), Events: unix.POLLIN}, unix.PollFd{Fd: int32(s.mounts), Events: unix.POLLPRI})
	for _, v := range s.volumes {
		s.poll = append(s.poll, unix.PollFd{Fd: int32(v.group.FD()), Events: unix.POLLIN})
	}
	if s.tree != nil {
		s.poll = append(s.poll, unix.PollFd{Fd: int32(s.tree.FD()), Events: unix.POLLIN})
	}
	timeout := -1
	if d < math.MaxInt32*time.Millisecond {
		timeout = int(d.Milliseconds())
	}
	_, err = unix.Poll(s.poll, timeout)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("wait for changes: %w", err)
	}
	return s.poll[1].Revents&(unix.POLLPRI|unix.POLLERR) != 0, nil
}
