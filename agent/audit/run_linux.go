package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/audit/kernel"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
	"github.com/holdfast-security/holdfast/agent/feature"
)

// Times of the reader.
const (
	// nap is how long the reader lets records gather after each look, so
	// that thousands of records a second cost tens of wake-ups.
	nap = 40 * time.Millisecond
	// eventAge is how often open audit events are looked at.
	eventAge = 100 * time.Millisecond
	// statusBusy and statusIdle are how often the kernel's counters are
	// read, and the owner looked for.
	statusBusy = time.Second
	statusIdle = 10 * time.Second
	// rulesEvery is how often the rule set is made anew, for accounts and
	// folders that appeared.
	rulesEvery = time.Minute
	// rulesSoon is how long after a hint (our rules were removed, a folder
	// was made) that happens.
	rulesSoon = 50 * time.Millisecond
	// yieldFor is how long the records are left to a program that asked
	// for them.
	yieldFor = 30 * time.Second
	// stopTime and stopPerRule bound the clean-up: the kernel takes about
	// 15 ms to take a rule out. What is not done then is left for the next
	// run.
	stopTime    = 5 * time.Second
	stopPerRule = 50 * time.Millisecond
	// lastReading bounds for how long a run that ends goes on reading what
	// came before its end: in a storm it would never come to an end of it.
	lastReading = 5 * time.Second
)

// Run watches until ctx ends, then takes out its rules and puts the audit
// status back. It returns an error wrapping [feature.ErrUnsupported] where the
// kernel has no audit system, the privilege is missing, or this is a container.
func (f *Feature) Run(ctx context.Context, host feature.Host) (err error) {
	client, err := kernel.Open()
	if err != nil {
		return unsupported(err)
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		return unsupported(err)
	}
	dir := f.sharedDir(host)
	keep, taken, err := newKeeper(ctx, client, dir, bootID(host))
	if err != nil {
		return fmt.Errorf("join the audit state in %q: %w", dir, err)
	}
	if taken {
		host.Log.Info("taking over the audit rules of a run that ended without cleaning up")
	}
	first, err := firstOn(dir, bootID(host), status.Enabled == kernel.Disabled)
	if err != nil {
		host.Log.Warn("remember when audit was switched on", "error", err)
	}
	r := &runner{client: client, keep: keep, host: host, firstOn: first, firstLost: status.Lost, pipe: newPipe(f.opts, host)}
	defer func() { err = errors.Join(err, r.stop()) }()
	return r.run(ctx)
}

// sharedDir makes the directory that the agents of this host have in common.
// Where that cannot be, as in a container with a /run of its own that is
// read-only, the state directory has to do: agents with others are not known
// then.
func (f *Feature) sharedDir(host feature.Host) string {
	dir := cmp.Or(f.opts.SharedDir, host.FS.Path("/run/holdfast-audit"))
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = onlyOurs(dir)
	}
	if err != nil {
		host.Log.Info("agents with another state directory on this host are not taken into account", "error", err)
		return host.StateDir
	}
	return dir
}

// onlyOurs fails unless nobody but this user can have written to the directory.
func onlyOurs(dir string) error {
	var s unix.Stat_t
	if err := unix.Lstat(dir, &s); err != nil {
		return &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if s.Mode&unix.S_IFMT != unix.S_IFDIR || int(s.Uid) != os.Geteuid() || s.Mode&0o022 != 0 {
		return fmt.Errorf("%s is not a directory that only the user %d can write to", dir, os.Geteuid())
	}
	return nil
}

// unsupported gives the reasons that are outcomes their name.
func unsupported(err error) error {
	switch {
	case errors.Is(err, kernel.ErrNoAudit):
		return fmt.Errorf("%w: %w; boot without audit=0 and outside a container", feature.ErrUnsupported, err)
	case errors.Is(err, kernel.ErrNotPermitted):
		return fmt.Errorf("%w: %w; run as root in the host's own namespaces", feature.ErrUnsupported, err)
	}
	return err
}

// bootID returns the random id of this boot, or "" when it cannot be read.
func bootID(host feature.Host) string {
	id, _ := host.FS.ReadFile("/proc/sys/kernel/random/boot_id", 64)
	return strings.TrimSpace(string(id))
}

// runner is one run of the feature. All of it belongs to one goroutine, so
// that nothing needs a lock and an idle host costs no wake-ups but the clock's.
type runner struct {
	client *kernel.Client
	keep   *keeper
	host   feature.Host
	pipe   *pipe

	stream    *kernel.Stream
	owner     bool   // we own the records
	ownerPID  uint32 // who does, when not we
	yielded   time.Time
	probes    uint64
	counts    kernel.StreamCounts // of streams that ended
	firstLost uint32
	lost      uint64 // records that the kernel lost since the start
	lostAt    time.Time
	overflows uint64
	gaps      gaps
	loaded    int           // rules in the kernel
	firstOn   time.Duration // since boot, when we switched audit on; zero for unknown
	older     int           // programs older than that

	nextStatus time.Time
	nextRules  time.Time
}

func (r *runner) run(ctx context.Context) error {
	if err := r.attach(ctx); err != nil {
		return unsupported(err)
	}
	now := time.Now()
	r.nextStatus = now.Add(statusBusy)
	r.reload(ctx, now)
	r.host.Health.Set(feature.Running, r.detail())
	for ctx.Err() == nil {
		n, err := r.stream.Receive(ctx, r.limit(), r.pipe.push)
		if err != nil && ctx.Err() == nil {
			return err
		}
		now := time.Now()
		r.pipe.flush()
		if err := r.chores(ctx, now, n > 0); err != nil && ctx.Err() == nil {
			return err
		}
		if n > 0 && n < kernel.MaxReceive {
			time.Sleep(nap)
		}
	}
	return nil
}

// limit is how long the reader may sleep without records.
func (r *runner) limit() time.Duration {
	if r.pipe.open() > 0 {
		return eventAge
	}
	next := r.nextStatus
	if r.nextRules.Before(next) {
		next = r.nextRules
	}
	return max(time.Until(next), time.Millisecond)
}

// chores are what is done beside reading.
func (r *runner) chores(ctx context.Context, now time.Time, busy bool) error {
	if r.pipe.takeHint() {
		r.nextRules = min2(r.nextRules, now.Add(rulesSoon))
	}
	if busy {
		r.nextStatus = min2(r.nextStatus, now.Add(statusBusy))
	}
	if !now.Before(r.nextRules) {
		r.reload(ctx, now)
	}
	if now.Before(r.nextStatus) {
		return nil
	}
	r.nextStatus = now.Add(statusIdle)
	return r.check(ctx, now)
}

func min2(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// attach opens the stream: as the owner where nobody else is, else beside.
func (r *runner) attach(ctx context.Context) error {
	status, err := r.client.Status(ctx)
	if err != nil {
		return err
	}
	if (status.PID == 0 || !alive(status.PID)) && time.Since(r.yielded) > yieldFor {
		switch err := r.own(ctx); {
		case err == nil:
			return nil
		case !errors.Is(err, kernel.ErrOwned):
			return err
		}
		if status, err = r.client.Status(ctx); err != nil {
			return err
		}
	}
	stream, err := kernel.Listen()
	if err != nil {
		return err
	}
	r.replace(stream, false, status.PID)
	return nil
}

func (r *runner) own(ctx context.Context) error {
	stream, err := r.client.Own(ctx)
	if err != nil {
		return err
	}
	r.replace(stream, true, 0)
	set, err := r.keep.configure(ctx)
	r.pipe.expectSettings(set)
	return err
}

// replace makes stream the one that is read. What the former one still held
// is read first; records that both carry are told apart by the pipe.
func (r *runner) replace(stream *kernel.Stream, owner bool, pid uint32) {
	if former := r.stream; former != nil {
		r.pipe.overlap()
		for range 64 {
			n, err := former.Poll(r.pipe.push)
			if n == 0 && err == nil {
				break
			}
		}
		r.counts = sum(r.counts, former.Counts())
		former.Close()
		r.pipe.overlapEnds()
	}
	r.stream, r.owner, r.ownerPID, r.probes = stream, owner, pid, 0
}

func sum(a, b kernel.StreamCounts) kernel.StreamCounts {
	return kernel.StreamCounts{
		Records: a.Records + b.Records, Bytes: a.Bytes + b.Bytes, Wakes: a.Wakes + b.Wakes,
		Overflows: a.Overflows + b.Overflows, Cut: a.Cut + b.Cut, Probes: a.Probes + b.Probes,
	}
}

// alive reports whether the process exists. The kernel keeps the number of a
// dead owner until it has a record for it.
func alive(pid uint32) bool { return !errors.Is(unix.Kill(int(pid), 0), unix.ESRCH) }

// reload makes the kernel hold the rules that this host needs now.
func (r *runner) reload(ctx context.Context, now time.Time) {
	r.nextRules = now.Add(rulesEvery)
	nameFolders(r.host.FS, r.pipe.normalizer.NamePath)
	wanted, skipped, err := ruleSet(r.host.FS, syscalls.Native())
	if err != nil {
		r.host.Log.Error("some audit rules are not possible here", "error", err)
	}
	if skipped > 0 {
		r.host.Health.Warn("audit-homes", "Only the first %d home folders are watched for changes of keys, shell files and history; "+
			"%d are not, since every watch costs the host.", maxHomes, skipped)
	} else {
		r.host.Health.Clear("audit-homes")
	}
	if r.firstOn > 0 {
		r.older = countOlder(r.host.FS, r.firstOn)
		r.host.Health.Count("programs_before_audit", uint64(r.older))
	}
	result, err := r.keep.ensure(ctx, wanted)
	if err != nil {
		if ctx.Err() == nil {
			r.host.Health.Warn("audit-rules", "The audit rules could not be loaded: %v. Events are missing until this is mended.", err)
		}
		return
	}
	r.loaded = result.Loaded
	r.pipe.expectRemovals(result.Removed)
	r.host.Health.Count("rules", uint64(result.Loaded))
	r.warnRules(result, len(wanted))
	r.host.Health.Set(feature.Running, r.detail())
}

func (r *runner) warnRules(result report, wanted int) {
	health := r.host.Health
	if result.Locked {
		health.Warn("audit-immutable",
			"The audit configuration is immutable (auditctl -e 2): %d of our %d rules are loaded. "+
				"Start the agent before auditd loads -e 2, or add the rules to /etc/audit/rules.d, and reboot.", result.Loaded, wanted)
	} else {
		health.Clear("audit-immutable")
	}
	if len(result.Failed) > 0 {
		health.Warn("audit-rules", "%d audit rules could not be loaded, the first: %s", len(result.Failed), result.Failed[0])
	} else {
		health.Clear("audit-rules")
	}
	if result.Stale > 0 {
		health.Warn("audit-stale-rules",
			"%d audit rules with our key prefix %q are left from a run whose notes are gone; remove them with auditctl -D -k KEY.",
			result.Stale, KeyPrefix)
	} else {
		health.Clear("audit-stale-rules")
	}
}

// check reads the kernel's counters and follows changes of the owner.
func (r *runner) check(ctx context.Context, now time.Time) error {
	status, err := r.client.Status(ctx)
	if err != nil {
		return err
	}
	r.report(status, now)
	counts := r.stream.Counts()
	switch {
	case r.owner && status.PID != uint32(os.Getpid()):
		r.host.Log.Warn("the audit records went to another process", "pid", status.PID)
		return r.change(ctx)
	case r.owner && counts.Probes > r.probes && now.Sub(r.yielded) > yieldFor:
		r.probes = counts.Probes
		return r.yield(ctx, now)
	case !r.owner && (status.PID == 0 || !alive(status.PID)) && now.Sub(r.yielded) > yieldFor:
		return r.change(ctx)
	case !r.owner && status.PID != r.ownerPID:
		r.ownerPID = status.PID
		r.host.Health.Set(feature.Running, r.detail())
	}
	return nil
}

func (r *runner) change(ctx context.Context) error {
	if err := r.attach(ctx); err != nil {
		return err
	}
	r.host.Health.Set(feature.Running, r.detail())
	return nil
}

// yield steps aside for a program that asked to own the records, such as
// auditd being started: it was refused this time, and finds the place free
// when it is started again.
func (r *runner) yield(ctx context.Context, now time.Time) error {
	r.yielded = now
	stream, err := kernel.Listen()
	if err != nil {
		return err
	}
	r.replace(stream, false, 0)
	if err := r.client.Release(ctx); err != nil {
		return err
	}
	r.host.Log.Warn("another program asked for the audit records; stepped aside", "for", yieldFor)
	r.host.Health.Set(feature.Running, r.detail())
	return r.keep.yield(ctx)
}

// report turns the kernel's and our own counts into counters and warnings.
func (r *runner) report(status kernel.Status, now time.Time) {
	health := r.host.Health
	lost := uint64(status.Lost - r.firstLost) // wraps around as the kernel's number does
	counts := sum(r.counts, r.stream.Counts())
	if lost > r.lost || counts.Overflows > r.overflows {
		r.lostAt = now
	}
	r.lost, r.overflows = lost, counts.Overflows
	health.Count("records", counts.Records)
	health.Count("wakes", counts.Wakes)
	health.Count("backlog", uint64(status.Backlog))
	health.Count("backlog_limit", uint64(status.BacklogLimit))
	health.CountDropped("kernel_lost", lost)
	health.CountDropped("socket_overflow", counts.Overflows)
	health.CountDropped("records_cut", counts.Cut)
	health.CountDropped("serial_gaps", r.gaps.unexplained(r.pipe.gaps(), lost, r.owner || status.RateLimit > 0))
	r.pipe.report(health)
	switch {
	case !r.lostAt.IsZero() && now.Sub(r.lostAt) < time.Hour && r.owner:
		health.Warn("audit-lost", "The kernel lost %d audit records since the agent started, the last at %s: more came than its queue of %d holds. "+
			"Find the noisy rule with aureport --key, or give the agent more processor time.", lost, r.lostAt.UTC().Format(time.RFC3339), status.BacklogLimit)
	case !r.lostAt.IsZero() && now.Sub(r.lostAt) < time.Hour:
		health.Warn("audit-lost", "Audit records were lost since the agent started, the last at %s: the kernel lost %d, and the agent's buffer overflowed %d times. "+
			"Raise the owner's queue (auditctl -b), or narrow its rules.", r.lostAt.UTC().Format(time.RFC3339), lost, counts.Overflows)
	default:
		health.Clear("audit-lost")
	}
	if status.Enabled == kernel.Disabled {
		health.Warn("audit-disabled", "Audit is switched off on this host (auditctl -e 0), so nothing is seen; switch it on with auditctl -e 1.")
	} else {
		health.Clear("audit-disabled")
	}
}

// detail says how the feature works here.
func (r *runner) detail() string {
	if r.older == 0 {
		return r.position()
	}
	return fmt.Sprintf("%s; %d programs are older than audit here, so that only what they start is seen (boot with audit=1, or restart them)",
		r.position(), r.older)
}

func (r *runner) position() string {
	switch {
	case r.owner:
		return fmt.Sprintf("owns the audit records, %d rules", r.loaded)
	case r.ownerPID == 0:
		return fmt.Sprintf("listens to the audit records, %d rules", r.loaded)
	}
	name, _ := r.host.FS.ReadFile(fmt.Sprintf("/proc/%d/comm", r.ownerPID), 32)
	return fmt.Sprintf("beside %q (pid %d), %d rules", strings.TrimSpace(string(name)), r.ownerPID, r.loaded)
}

// stop reads what has come and undoes what the run changed, whatever ended it.
// The records are given up last: while rules are in the kernel, their records
// need an owner.
func (r *runner) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastReading+stopTime+time.Duration(r.loaded)*stopPerRule)
	defer cancel()
	if r.stream == nil {
		return r.keep.close(ctx)
	}
	err := r.readLast(ctx)
	r.pipe.close()
	err = errors.Join(err, r.keep.close(ctx))
	if r.owner {
		err = errors.Join(err, r.client.Release(ctx))
	}
	return errors.Join(err, r.stream.Close())
}

// readLast reads what came before the run's end: a host that is short of
// processor time may be seconds ahead of its reader. It says what it has to
// leave behind.
func (r *runner) readLast(ctx context.Context) error {
	for began := time.Now(); ; {
		n, err := r.stream.Poll(r.pipe.push)
		if err != nil {
			return err
		}
		r.pipe.flush()
		late := time.Since(began) > lastReading
		if n > 0 && !late {
			continue
		}
		status, err := r.client.Status(ctx)
		switch {
		case err != nil, n == 0 && (!r.owner || status.Backlog == 0):
			return err
		case late:
			r.host.Log.Warn("stopped before every audit record was read", "kernel_holds", status.Backlog)
			return nil
		}
		time.Sleep(time.Millisecond) // the kernel is about to hand on what it holds
	}
}
