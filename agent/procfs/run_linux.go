package procfs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/procfs"
)

// Run looks at /proc until ctx ends.
func (f *Feature) Run(ctx context.Context, host feature.Host) error {
	p := poller{proc: procfs.NewReader(host.FS.Path("/proc")), known: make(map[uint32]*seen)}
	if _, err := p.look(time.Now()); err != nil {
		return fmt.Errorf("list %s (%v): %w", host.FS.Path("/proc"), err, feature.ErrUnsupported)
	}
	host.Health.Set(feature.Running, fmt.Sprintf("looks every %v", f.opts.Every))
	host.Health.Warn("procfs-blind", "Processes that live less than %v are not seen; run the agent as root to see all.", f.opts.Every)
	ticker := time.NewTicker(f.opts.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			events, err := p.look(now)
			if err != nil {
				host.Health.Warn("procfs-read", "Processes cannot be listed: %v.", err)
				continue
			}
			host.Health.Clear("procfs-read")
			if len(events) > 0 {
				host.Sink.Emit(events)
			}
		}
	}
}

// seen is what is known of a process since the last look.
type seen struct {
	start uint64
	name  string
	round uint64
}

// poller finds the differences between two looks.
type poller struct {
	proc   *procfs.Reader
	known  map[uint32]*seen
	round  uint64
	events []event.Event
}

// look compares /proc with what it was. The first look reports nothing: the
// process table has its own snapshot. The slice is valid until the next look.
func (p *poller) look(now time.Time) ([]event.Event, error) {
	pids, err := p.proc.PIDs()
	if err != nil {
		return nil, err
	}
	p.round++
	clear(p.events)
	p.events = p.events[:0]
	for _, pid := range pids {
		p.visit(pid, now.UTC())
	}
	for pid, s := range p.known {
		if s.round != p.round {
			p.gone(pid, s, now.UTC())
		}
	}
	return p.events, nil
}

func (p *poller) visit(pid uint32, now time.Time) {
	stat, err := p.proc.Stat(pid)
	if err != nil || stat.Ended() {
		return
	}
	s := p.known[pid]
	if s != nil && s.start == stat.Start {
		s.round = p.round
		if s.name != stat.Comm && !stat.Kernel() {
			s.name = stat.Comm
			p.launch(stat, now)
		}
		return
	}
	if s != nil {
		p.gone(pid, s, now)
	}
	p.known[pid] = &seen{start: stat.Start, name: stat.Comm, round: p.round}
	if p.round > 1 && !stat.Kernel() {
		p.launch(stat, now)
	}
}

// launch reports a process that is new, or that changed its name as an exec
// does. The table reads the rest.
func (p *poller) launch(stat procfs.Stat, now time.Time) {
	proc := &event.Process{
		PID: stat.PID, PPID: stat.PPID, Name: stat.Comm, UID: event.ProcessUID{Start: stat.Start},
		User: event.User{UID: event.UnsetUID}, Terminal: procfs.TTYName(stat.TTY),
	}
	if c, err := p.proc.Credentials(stat.PID); err == nil {
		proc.User.UID = c.UID
		if c.EUID != c.UID {
			proc.Effective = &event.User{UID: c.EUID}
		}
	}
	login, session := p.proc.Login(stat.PID)
	if login != procfs.UnsetID {
		proc.Login = &event.User{UID: login}
	}
	if session != procfs.UnsetID {
		proc.Session = session
	}
	if exe, err := p.proc.Link(stat.PID, "exe"); err == nil {
		proc.Executable = &event.File{Path: exe}
		if path, deleted := strings.CutSuffix(exe, " (deleted)"); deleted {
			proc.Executable = &event.File{Path: path, Kind: event.FileDeleted}
		}
	}
	proc.Arguments, proc.Truncated = p.proc.Arguments(stat.PID)
	p.emit(event.ProcessLaunch, proc, now)
}

func (p *poller) gone(pid uint32, s *seen, now time.Time) {
	delete(p.known, pid)
	p.emit(event.ProcessTerminate, &event.Process{PID: pid, Name: s.name}, now)
}

func (p *poller) emit(activity event.Activity, proc *event.Process, now time.Time) {
	p.events = append(p.events, event.Event{
		Time: now, Class: event.ClassProcessActivity, Activity: activity, Status: event.StatusSuccess,
		Source: event.SourceProcfs, Process: proc,
	})
}
