package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/audit/kernel"
	"github.com/holdfast-security/holdfast/agent/audit/rule"
)

// control is what the keeper needs of [kernel.Client].
type control interface {
	Status(ctx context.Context) (kernel.Status, error)
	SetStatus(ctx context.Context, set kernel.Set, s kernel.Status) error
	Rules(ctx context.Context) ([][]byte, error)
	AddRule(ctx context.Context, rule []byte) error
	DeleteRule(ctx context.Context, rule []byte) error
}

var _ control = (*kernel.Client)(nil)

// keeper keeps our rules and settings in the kernel, and knows how to take
// them out again. What it is about to change it writes to the state file
// before, so that a run after a crash can finish the work.
//
// Several running instances with one directory share the rules: each
// holds the users file locked shared as long as it lives, which the kernel
// ends for a killed one, and the last one takes the rules out. While there are
// several, each adds what it wants and removes nothing: instances of different
// versions would undo each other's work.
type keeper struct {
	ctl   control
	dir   string
	boot  string
	users *os.File
	state state
}

// state is what was changed in the kernel.
type state struct {
	Boot   string   `json:"boot"`             // boot id; changes of another boot are gone
	Rules  [][]byte `json:"rules"`            // added by us, struct audit_rule_data, in the order of adding
	Before *before  `json:"before,omitempty"` // nil while the status is not changed
}

// before is the part of the status that we change, as it was.
type before struct {
	Enabled         uint32 `json:"enabled"`
	Failure         uint32 `json:"failure"`
	RateLimit       uint32 `json:"rate_limit"`
	BacklogLimit    uint32 `json:"backlog_limit"`
	BacklogWaitTime uint32 `json:"backlog_wait_time"`
}

// Names in the directory.
const (
	stateFile = "audit.json"
	lockFile  = "audit.lock"  // held while state and kernel are changed together
	usersFile = "audit.users" // locked shared by every running instance
)

// newKeeper joins the instances that keep rules under dir. taken says that a
// dead run's changes were found.
func newKeeper(ctx context.Context, ctl control, dir, boot string) (k *keeper, taken bool, err error) {
	k = &keeper{ctl: ctl, dir: dir, boot: boot}
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	if k.users, err = os.OpenFile(filepath.Join(dir, usersFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, false, err
	}
	alone, err := k.alone()
	if err != nil {
		k.users.Close()
		return nil, false, err
	}
	if err := k.read(); err != nil {
		k.users.Close()
		return nil, false, err
	}
	return k, alone && (len(k.state.Rules) > 0 || k.state.Before != nil), nil
}

// lockEvery is how often a lock that another instance holds is tried again.
const lockEvery = 10 * time.Millisecond

// lock holds the other instances off until unlock is called. One that takes
// its rules out holds the lock for seconds; ctx bounds the wait.
func (k *keeper) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(k.dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another agent to unlock %s: %w", f.Name(), ctx.Err())
		case <-time.After(lockEvery):
		}
	}
	f.Close()
	return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// alone reports whether no other instance lives, and locks the users file
// shared. It is called under [keeper.lock]: to ask, the shared lock is given up
// (flock(2), conversion), which no other instance may see.
func (k *keeper) alone() (bool, error) {
	alone := flock(k.users, unix.LOCK_EX|unix.LOCK_NB) == nil
	if err := flock(k.users, unix.LOCK_SH); err != nil {
		return false, fmt.Errorf("lock %s: %w", k.users.Name(), err)
	}
	return alone, nil
}

func (k *keeper) read() error {
	name := filepath.Join(k.dir, stateFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		k.state = state{Boot: k.boot}
		return nil
	}
	if err != nil {
		return err
	}
	var read state
	if err := json.Unmarshal(data, &read); err != nil {
		// Rules it named will show as stale. Watching on is better than
		// giving up.
		k.state = state{Boot: k.boot}
		return os.Rename(name, name+".bad")
	}
	if read.Boot != k.boot {
		read = state{Boot: k.boot}
	}
	k.state = read
	return nil
}

// write makes the state file say what k.state says, or be gone when there is
// nothing to say.
func (k *keeper) write() error {
	name := filepath.Join(k.dir, stateFile)
	if len(k.state.Rules) == 0 && k.state.Before == nil {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.Marshal(k.state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// report says what became of the rules that were wanted.
type report struct {
	Loaded  int      // in the kernel now, ours and the owner's
	Foreign int      // of these, the owner's
	Added   int      // by this call
	Removed int      // by this call
	Failed  []string // with the reason
	Stale   int      // rules with our key that nobody of us knows
	Locked  bool     // the configuration is immutable
}

// ensure makes the kernel hold the wanted rules: it adds what is missing, and
// then deletes rules of ours that are wanted no more, so that nothing goes
// unwatched in between. Rules of the owner are used as they are, and so are
// those of other instances.
func (k *keeper) ensure(ctx context.Context, wanted []rule.Rule) (report, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return report{}, err
	}
	defer unlock()
	if err := k.read(); err != nil {
		return report{}, err
	}
	present, err := k.present(ctx)
	if err != nil {
		return report{}, err
	}
	var r report
	goal := make(map[string]bool, len(wanted))
	var missing [][]byte
	ours := k.ours()
	for i := range wanted {
		data, err := wanted[i].MarshalBinary()
		if err != nil {
			return report{}, err
		}
		goal[string(data)] = true
		switch {
		case !present[string(data)]:
			missing = append(missing, data)
		case !ours[string(data)]:
			r.Foreign++
			r.Loaded++
		default:
			r.Loaded++
		}
	}
	r.Stale = stale(present, ours, goal)
	if err := k.add(ctx, missing, &r); err != nil {
		return r, err
	}
	if alone, err := k.alone(); err != nil || !alone {
		return r, err
	}
	return r, k.drop(ctx, func(data []byte) bool { return !goal[string(data)] }, &r)
}

// present returns the rules in the kernel, without padding.
func (k *keeper) present(ctx context.Context) (map[string]bool, error) {
	rules, err := k.ctl.Rules(ctx)
	if err != nil {
		return nil, err
	}
	present := make(map[string]bool, len(rules))
	for _, data := range rules {
		var r rule.Rule
		if r.UnmarshalBinary(data) != nil {
			continue // of a newer kernel, and not one of ours
		}
		if bare, err := r.MarshalBinary(); err == nil {
			present[string(bare)] = true
		}
	}
	return present, nil
}

func (k *keeper) ours() map[string]bool {
	ours := make(map[string]bool, len(k.state.Rules))
	for _, data := range k.state.Rules {
		ours[string(data)] = true
	}
	return ours
}

// stale counts rules that carry our key but are neither ours nor wanted.
func stale(present, ours, goal map[string]bool) (n int) {
	for data := range present {
		var r rule.Rule
		if ours[data] || goal[data] || r.UnmarshalBinary([]byte(data)) != nil {
			continue
		}
		if strings.HasPrefix(r.Key(), KeyPrefix) {
			n++
		}
	}
	return n
}

// add loads rules. They count as ours from before the kernel has them, so
// that none is left behind by a crash.
func (k *keeper) add(ctx context.Context, rules [][]byte, r *report) error {
	if len(rules) == 0 {
		return nil
	}
	ours := k.ours()
	for _, data := range rules {
		if !ours[string(data)] {
			k.state.Rules = append(k.state.Rules, data)
		}
	}
	if err := k.write(); err != nil {
		return err
	}
	refused := make(map[string]bool)
	for _, data := range rules {
		err := k.ctl.AddRule(ctx, data)
		switch {
		case err == nil:
			r.Added++
			r.Loaded++
			continue
		case errors.Is(err, kernel.ErrExists): // added by the owner this moment
			r.Loaded++
			r.Foreign++
		case errors.Is(err, kernel.ErrImmutable):
			r.Locked = true
		default:
			r.Failed = append(r.Failed, describe(data)+": "+err.Error())
		}
		refused[string(data)] = true
	}
	if len(refused) == 0 {
		return nil
	}
	k.forget(func(data []byte) bool { return refused[string(data)] })
	return k.write()
}

// drop deletes those of our rules that which names, the youngest first.
func (k *keeper) drop(ctx context.Context, which func([]byte) bool, r *report) error {
	gone := make(map[string]bool)
	for i := len(k.state.Rules) - 1; i >= 0; i-- {
		data := k.state.Rules[i]
		if !which(data) {
			continue
		}
		err := k.ctl.DeleteRule(ctx, data)
		switch {
		case err == nil:
			r.Removed++
			gone[string(data)] = true
		case errors.Is(err, kernel.ErrNoRule):
			gone[string(data)] = true
		case errors.Is(err, kernel.ErrImmutable):
			r.Locked = true
		default:
			r.Failed = append(r.Failed, "delete "+describe(data)+": "+err.Error())
		}
	}
	if len(gone) == 0 {
		return nil
	}
	k.forget(func(data []byte) bool { return gone[string(data)] })
	return k.write()
}

func (k *keeper) forget(which func([]byte) bool) {
	var kept [][]byte
	for _, data := range k.state.Rules {
		if !which(data) {
			kept = append(kept, data)
		}
	}
	k.state.Rules = kept
}

func describe(data []byte) string {
	var r rule.Rule
	if err := r.UnmarshalBinary(data); err != nil {
		return "rule"
	}
	return r.String()
}

// Settings while we own the records. Without a wait a full backlog costs
// records, which are counted, and never stalls the host's processes.
const (
	backlogLimit    = 16384
	backlogWaitTime = 0
)

// allSettings are the members of the status that the keeper sets.
const allSettings = kernel.SetEnabled | kernel.SetFailure | kernel.SetRateLimit | kernel.SetBacklogLimit | kernel.SetBacklogWaitTime

// settings are what the status is set to, given what it was.
func settings(was before) kernel.Status {
	return kernel.Status{
		Enabled: kernel.Enabled, Failure: kernel.FailurePrintk, RateLimit: 0,
		BacklogLimit: max(backlogLimit, was.BacklogLimit), BacklogWaitTime: backlogWaitTime,
	}
}

// configure sets the status for the owner of the records, and returns what
// it is set to. In immutable mode it changes nothing.
func (k *keeper) configure(ctx context.Context) (kernel.Status, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return kernel.Status{}, err
	}
	defer unlock()
	if err := k.read(); err != nil {
		return kernel.Status{}, err
	}
	now, err := k.ctl.Status(ctx)
	if err != nil || now.Enabled == kernel.Immutable {
		return now, err
	}
	if k.state.Before == nil {
		k.state.Before = &before{now.Enabled, now.Failure, now.RateLimit, now.BacklogLimit, now.BacklogWaitTime}
		if err := k.write(); err != nil {
			return now, err
		}
	}
	want := settings(*k.state.Before)
	return want, k.ctl.SetStatus(ctx, differences(now, want), want)
}

// differences names the settings that differ.
func differences(a, b kernel.Status) (set kernel.Set) {
	for _, member := range []struct {
		set  kernel.Set
		a, b uint32
	}{
		{kernel.SetEnabled, a.Enabled, b.Enabled},
		{kernel.SetFailure, a.Failure, b.Failure},
		{kernel.SetRateLimit, a.RateLimit, b.RateLimit},
		{kernel.SetBacklogLimit, a.BacklogLimit, b.BacklogLimit},
		{kernel.SetBacklogWaitTime, a.BacklogWaitTime, b.BacklogWaitTime},
	} {
		if member.a != member.b {
			set |= member.set
		}
	}
	return set
}

// restore puts the status back as it was. What somebody else has set
// meanwhile stays.
func (k *keeper) restore(ctx context.Context) error {
	was := k.state.Before
	if was == nil {
		return nil
	}
	now, err := k.ctl.Status(ctx)
	if err != nil {
		return err
	}
	if now.Enabled != kernel.Immutable {
		untouched := allSettings &^ differences(now, settings(*was))
		old := kernel.Status{
			Enabled: was.Enabled, Failure: was.Failure, RateLimit: was.RateLimit,
			BacklogLimit: was.BacklogLimit, BacklogWaitTime: was.BacklogWaitTime,
		}
		if err := k.ctl.SetStatus(ctx, untouched&differences(now, old), old); err != nil {
			return err
		}
	}
	k.state.Before = nil
	return k.write()
}

// yield puts the status back because another program becomes the owner of
// the records; audit itself stays on, for that program and for us.
func (k *keeper) yield(ctx context.Context) error {
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := k.read(); err != nil {
		return err
	}
	if k.state.Before != nil {
		k.state.Before.Enabled = kernel.Enabled
	}
	return k.restore(ctx)
}

// close leaves the instances. The last one takes out the rules and puts the
// status back; an error says what could not be undone, and the state file
// keeps it for the next run.
func (k *keeper) close(ctx context.Context) error {
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	defer k.users.Close()
	if alone, err := k.alone(); err != nil || !alone {
		return err
	}
	if err := k.read(); err != nil {
		return err
	}
	// With audit off again, where it was off, the rules cost nothing any
	// more while they are taken out one by one.
	err = k.restore(ctx)
	var r report
	err = errors.Join(err, k.drop(ctx, func([]byte) bool { return true }, &r))
	if len(r.Failed) > 0 {
		err = errors.Join(err, errors.New(strings.Join(r.Failed, "; ")))
	}
	return err
}
