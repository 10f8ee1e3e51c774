package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/audit/kernel"
	"github.com/holdfast-security/holdfast/agent/audit/rule"
)

// fakeKernel behaves as the kernel's audit system does towards a keeper.
type fakeKernel struct {
	status kernel.Status
	rules  []string
	appear string // a rule that the owner adds just before us
	broken string // a rule that is refused for its path
	dieAt  int    // changes left until the process is killed; zero for never
}

var errKilled = errors.New("killed")

func (f *fakeKernel) Status(context.Context) (kernel.Status, error) { return f.status, nil }

func (f *fakeKernel) SetStatus(_ context.Context, set kernel.Set, s kernel.Status) error {
	if f.status.Enabled == kernel.Immutable && set != 0 {
		return kernel.ErrNotPermitted
	}
	for _, m := range []struct {
		set  kernel.Set
		to   *uint32
		from uint32
	}{
		{kernel.SetEnabled, &f.status.Enabled, s.Enabled},
		{kernel.SetFailure, &f.status.Failure, s.Failure},
		{kernel.SetRateLimit, &f.status.RateLimit, s.RateLimit},
		{kernel.SetBacklogLimit, &f.status.BacklogLimit, s.BacklogLimit},
		{kernel.SetBacklogWaitTime, &f.status.BacklogWaitTime, s.BacklogWaitTime},
	} {
		if set&m.set != 0 {
			*m.to = m.from
		}
	}
	return nil
}

func (f *fakeKernel) Rules(context.Context) ([][]byte, error) {
	var list [][]byte
	for _, r := range f.rules {
		list = append(list, append([]byte(r), 0, 0, 0)) // padded, as the kernel may
	}
	return list, nil
}

func (f *fakeKernel) AddRule(_ context.Context, data []byte) error {
	if f.dieAt > 0 {
		if f.dieAt--; f.dieAt == 0 {
			return errKilled
		}
	}
	if f.appear == string(data) {
		f.rules, f.appear = append(f.rules, f.appear), ""
	}
	switch {
	case f.status.Enabled == kernel.Immutable:
		return kernel.ErrImmutable
	case slices.Contains(f.rules, string(data)):
		return kernel.ErrExists
	case f.broken == string(data):
		return kernel.ErrNoPath
	}
	f.rules = append(f.rules, string(data))
	return nil
}

func (f *fakeKernel) DeleteRule(_ context.Context, data []byte) error {
	i := slices.Index(f.rules, string(data))
	switch {
	case f.status.Enabled == kernel.Immutable:
		return kernel.ErrImmutable
	case i < 0:
		return kernel.ErrNoRule
	}
	f.rules = slices.Delete(f.rules, i, i+1)
	return nil
}

func parse(t *testing.T, lines ...string) (rules []rule.Rule, encoded []string) {
	t.Helper()
	p := rule.Parser{Arch: 0xc000003e}
	for _, line := range lines {
		r, err := p.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		data, err := r.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		rules, encoded = append(rules, r), append(encoded, string(data))
	}
	return rules, encoded
}

const (
	execRule    = "-a always,exit -F arch=b64 -S execve -F key=holdfast-exec"
	passwdRule  = "-a always,exit -F path=/etc/passwd -F perm=wa -F key=holdfast-identity"
	shadowRule  = "-a always,exit -F path=/etc/shadow -F perm=wa -F key=holdfast-identity"
	foreignLine = "-a always,exit -F arch=b64 -S open -F key=foreign"
)

func keep(t *testing.T, f *fakeKernel, dir, boot string) (*keeper, bool) {
	t.Helper()
	k, taken, err := newKeeper(t.Context(), f, dir, boot)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.users.Close() })
	return k, taken
}

func ensure(t *testing.T, k *keeper, rules []rule.Rule) report {
	t.Helper()
	r, err := k.ensure(t.Context(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closeKeeper(t *testing.T, k *keeper) {
	t.Helper()
	if err := k.close(context.Background()); err != nil {
		t.Error(err)
	}
}

func noState(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, stateFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state file is left behind: %v", err)
	}
}

func TestKeeperAddsAndRemovesExactlyItsOwn(t *testing.T) {
	wanted, data := parse(t, execRule, passwdRule, shadowRule)
	_, foreign := parse(t, foreignLine)
	f := &fakeKernel{rules: []string{foreign[0], data[1]}, appear: data[2]}
	dir := t.TempDir()
	k, taken := keep(t, f, dir, "boot")
	r := ensure(t, k, wanted)
	if taken || r.Loaded != 3 || r.Foreign != 2 || r.Added != 1 || r.Stale != 0 || len(r.Failed) != 0 {
		t.Errorf("taken over %v, report %+v", taken, r)
	}
	if r := ensure(t, k, wanted); r.Loaded != 3 || r.Added != 0 {
		t.Errorf("the second time: %+v", r)
	}
	closeKeeper(t, k)
	if want := []string{foreign[0], data[1], data[2]}; !slices.Equal(f.rules, want) {
		t.Errorf("%d rules are left, want the owner's %d", len(f.rules), len(want))
	}
	noState(t, dir)
}

func TestKeeperFollowsChangedWishes(t *testing.T) {
	wanted, data := parse(t, execRule, passwdRule, shadowRule)
	f := &fakeKernel{}
	k, _ := keep(t, f, t.TempDir(), "boot")
	ensure(t, k, wanted[:2])
	r := ensure(t, k, wanted[1:])
	if r.Removed != 1 || r.Added != 1 || !slices.Equal(f.rules, data[1:]) {
		t.Errorf("report %+v, %d rules", r, len(f.rules))
	}
	f.rules = f.rules[1:] // somebody else deletes one
	if r := ensure(t, k, wanted[1:]); r.Added != 1 || len(f.rules) != 2 {
		t.Errorf("after a deletion: %+v, %d rules", r, len(f.rules))
	}
	closeKeeper(t, k)
	if len(f.rules) != 0 {
		t.Errorf("%d rules are left", len(f.rules))
	}
}

func TestKeeperReportsRefusedRule(t *testing.T) {
	wanted, data := parse(t, execRule, passwdRule)
	f := &fakeKernel{broken: data[1]}
	k, _ := keep(t, f, t.TempDir(), "boot")
	r := ensure(t, k, wanted)
	if r.Loaded != 1 || len(r.Failed) != 1 || !strings.Contains(r.Failed[0], "path=/etc/passwd") {
		t.Errorf("report %+v", r)
	}
	closeKeeper(t, k)
}

func TestKeeperInImmutableMode(t *testing.T) {
	wanted, data := parse(t, execRule, passwdRule)
	f := &fakeKernel{status: kernel.Status{Enabled: kernel.Immutable, BacklogLimit: 64}, rules: []string{data[0]}}
	dir := t.TempDir()
	k, _ := keep(t, f, dir, "boot")
	if _, err := k.configure(t.Context()); err != nil {
		t.Error(err)
	}
	if r := ensure(t, k, wanted); !r.Locked || r.Loaded != 1 || len(r.Failed) != 0 {
		t.Errorf("report %+v", r)
	}
	closeKeeper(t, k)
	if !slices.Equal(f.rules, data[:1]) || f.status.BacklogLimit != 64 {
		t.Errorf("changed: %d rules, %+v", len(f.rules), f.status)
	}
	noState(t, dir)
}

// TestKeeperLockedWhileRunning is -e 2 by the owner after our rules are there:
// they stay until the next boot, and a run after that forgets them.
func TestKeeperLockedWhileRunning(t *testing.T) {
	wanted, _ := parse(t, execRule)
	f := &fakeKernel{status: kernel.Status{Enabled: kernel.Enabled}}
	dir := t.TempDir()
	k, _ := keep(t, f, dir, "boot")
	ensure(t, k, wanted)
	f.status.Enabled = kernel.Immutable
	closeKeeper(t, k)
	if len(f.rules) != 1 {
		t.Errorf("%d rules", len(f.rules))
	}
	again, taken := keep(t, f, dir, "boot")
	if r := ensure(t, again, wanted); !taken || r.Loaded != 1 || r.Foreign != 0 {
		t.Errorf("taken over %v, %+v", taken, r)
	}
	again.users.Close()
	f = &fakeKernel{}
	if _, taken := keep(t, f, dir, "next boot"); taken {
		t.Error("changes of an earlier boot are taken over")
	}
}

func TestKeeperTakesOverAtAnyMoment(t *testing.T) {
	wanted, data := parse(t, execRule, passwdRule, shadowRule)
	_, foreign := parse(t, foreignLine)
	for dieAt := 1; dieAt <= 3; dieAt++ {
		f := &fakeKernel{rules: slices.Clone(foreign), dieAt: dieAt, status: kernel.Status{BacklogLimit: 64, BacklogWaitTime: 15000, Failure: 2}}
		dir := t.TempDir()
		k, _ := keep(t, f, dir, "boot")
		if _, err := k.configure(t.Context()); err != nil {
			t.Fatal(err)
		}
		crash(t, k, wanted, dir)
		again, taken := keep(t, f, dir, "boot")
		if !taken {
			t.Errorf("killed at %d: nothing to take over", dieAt)
		}
		if r := ensure(t, again, wanted[:2]); r.Loaded != 2 || r.Foreign != 0 || r.Stale != 0 {
			t.Errorf("killed at %d: %+v", dieAt, r)
		}
		if slices.Contains(f.rules, data[2]) {
			t.Errorf("killed at %d: a rule that is wanted no more is left", dieAt)
		}
		closeKeeper(t, again)
		want := kernel.Status{BacklogLimit: 64, BacklogWaitTime: 15000, Failure: 2}
		if !slices.Equal(f.rules, foreign) || f.status != want {
			t.Errorf("killed at %d: the host has %d rules and status %+v", dieAt, len(f.rules), f.status)
		}
		noState(t, dir)
	}
}

// crash lets ensure run until the process would be killed: the state file is
// as it was at that moment.
func crash(t *testing.T, k *keeper, wanted []rule.Rule, dir string) {
	t.Helper()
	f := k.ctl.(*fakeKernel)
	k.ctl = &dying{f, func() []byte {
		data, err := os.ReadFile(filepath.Join(dir, stateFile))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}, nil}
	if _, err := k.ensure(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), k.ctl.(*dying).state, 0o600); err != nil {
		t.Fatal(err)
	}
	k.users.Close()
}

// dying is a kernel whose client is killed: after that no change arrives.
type dying struct {
	*fakeKernel
	read  func() []byte
	state []byte // of the state file at the moment of death
}

func (d *dying) AddRule(ctx context.Context, data []byte) error {
	if d.state != nil {
		return errKilled
	}
	err := d.fakeKernel.AddRule(ctx, data)
	if errors.Is(err, errKilled) {
		d.state = d.read()
	}
	return err
}

func TestKeeperLeavesWhatOthersSet(t *testing.T) {
	f := &fakeKernel{status: kernel.Status{BacklogLimit: 64, Failure: 2, BacklogWaitTime: 15000}}
	k, _ := keep(t, f, t.TempDir(), "boot")
	set, err := k.configure(t.Context())
	want := kernel.Status{Enabled: 1, Failure: 1, BacklogLimit: backlogLimit}
	if err != nil || set != want || f.status != want {
		t.Errorf("set %+v, status %+v, error %v", set, f.status, err)
	}
	f.status.Failure = 0 // the administrator changes it meanwhile
	closeKeeper(t, k)
	if want := (kernel.Status{BacklogLimit: 64, BacklogWaitTime: 15000}); f.status != want {
		t.Errorf("status %+v, want %+v", f.status, want)
	}
}

func TestKeeperYieldsButKeepsAuditOn(t *testing.T) {
	f := &fakeKernel{status: kernel.Status{BacklogLimit: 64, BacklogWaitTime: 15000}}
	k, _ := keep(t, f, t.TempDir(), "boot")
	if _, err := k.configure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.yield(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := (kernel.Status{Enabled: 1, BacklogLimit: 64, BacklogWaitTime: 15000}); f.status != want {
		t.Errorf("status %+v, want %+v", f.status, want)
	}
	closeKeeper(t, k)
	if f.status.Enabled != kernel.Enabled {
		t.Error("audit of another owner was switched off")
	}
}

func TestInstancesShareAndLastOneCleansUp(t *testing.T) {
	wanted, _ := parse(t, execRule, passwdRule)
	f := &fakeKernel{status: kernel.Status{BacklogLimit: 64}}
	dir := t.TempDir()
	first, _ := keep(t, f, dir, "boot")
	if _, err := first.configure(t.Context()); err != nil {
		t.Fatal(err)
	}
	ensure(t, first, wanted[:1])
	second, taken := keep(t, f, dir, "boot")
	if r := ensure(t, second, wanted); taken || r.Loaded != 2 || r.Foreign != 0 {
		t.Errorf("taken over %v from a living instance, %+v", taken, r)
	}
	closeKeeper(t, first)
	if len(f.rules) != 2 || f.status.Enabled != kernel.Enabled {
		t.Errorf("the first instance cleaned up: %d rules, %+v", len(f.rules), f.status)
	}
	closeKeeper(t, second)
	if len(f.rules) != 0 || f.status != (kernel.Status{BacklogLimit: 64}) {
		t.Errorf("the last instance left %d rules, %+v", len(f.rules), f.status)
	}
	noState(t, dir)
}

// TestInstancesOfDifferentVersionsAgree lets two instances that want different
// rules reload in turn, as each does when it sees a rule of ours removed.
func TestInstancesOfDifferentVersionsAgree(t *testing.T) {
	wanted, _ := parse(t, execRule, passwdRule)
	f := &fakeKernel{}
	dir := t.TempDir()
	older, _ := keep(t, f, dir, "boot")
	ensure(t, older, wanted[:1])
	newer, _ := keep(t, f, dir, "boot")
	ensure(t, newer, wanted[1:])
	for range 3 {
		for k, want := range map[*keeper][]rule.Rule{older: wanted[:1], newer: wanted[1:]} {
			if r := ensure(t, k, want); r.Added != 0 || r.Removed != 0 {
				t.Fatalf("the instances undo each other's work: %+v", r)
			}
		}
	}
	closeKeeper(t, older)
	if r := ensure(t, newer, wanted[1:]); r.Removed != 1 || len(f.rules) != 1 {
		t.Errorf("what only the older one wanted stays: %+v, %d rules", r, len(f.rules))
	}
	closeKeeper(t, newer)
	if len(f.rules) != 0 {
		t.Errorf("%d rules are left", len(f.rules))
	}
	noState(t, dir)
}

func TestWaitForTheLockEnds(t *testing.T) {
	f := &fakeKernel{}
	dir := t.TempDir()
	first, _ := keep(t, f, dir, "boot")
	second, _ := keep(t, f, dir, "boot")
	unlock, err := first.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := second.ensure(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	unlock()
	closeKeeper(t, second)
	closeKeeper(t, first)
}

func TestLostStateShowsStaleRules(t *testing.T) {
	wanted, data := parse(t, execRule, passwdRule)
	f := &fakeKernel{rules: []string{data[1]}}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, _ := keep(t, f, dir, "boot")
	if r := ensure(t, k, wanted[:1]); r.Stale != 1 {
		t.Errorf("report %+v", r)
	}
	closeKeeper(t, k)
	if !slices.Equal(f.rules, data[1:]) {
		t.Errorf("%d rules are left", len(f.rules))
	}
}
