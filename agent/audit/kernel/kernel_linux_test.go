package kernel_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/audit/kernel"
	"github.com/holdfast-security/holdfast/agent/audit/rule"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// Roles that the test binary plays as a subprocess.
const (
	roleVariable   = "HOLDFAST_KERNEL_TEST_ROLE"
	eventsVariable = "HOLDFAST_KERNEL_TEST_EVENTS"
)

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		goleak.VerifyTestMain(m)
	case "unprivileged":
		c, err := kernel.Open()
		if err == nil {
			_, err = c.Status(context.Background())
		}
		_, listenErr := kernel.Listen()
		fmt.Println(errors.Is(err, kernel.ErrNotPermitted), errors.Is(listenErr, kernel.ErrNotPermitted), err, listenErr)
	case "owner":
		own()
	case "produce":
		n, _ := strconv.Atoi(os.Getenv(eventsVariable))
		for range n {
			// A call that fails at once is cheaper than an exec.
			_, _, _ = syscall.RawSyscall(unix.SYS_SETNS, ^uintptr(0), 0, 0)
		}
	}
}

// own takes the records and keeps them until standard input ends.
func own() {
	c, err := kernel.Open()
	if err == nil {
		_, err = c.Own(context.Background())
	}
	fmt.Println(err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

func run(t *testing.T, role string, attr *syscall.SysProcAttr) string {
	t.Helper()
	out, err := subprocess(role, attr).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func subprocess(role string, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.SysProcAttr = attr
	return cmd
}

func open(t *testing.T) *kernel.Client {
	t.Helper()
	hosttest.LockAudit(t)
	c, err := kernel.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	before, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		set := kernel.SetEnabled | kernel.SetFailure | kernel.SetRateLimit | kernel.SetBacklogLimit | kernel.SetBacklogWaitTime
		if err := c.SetStatus(context.Background(), set, before); err != nil {
			t.Error(err)
		}
	})
	return c
}

func encode(t *testing.T, line string) []byte {
	t.Helper()
	r, err := rule.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func rules(t *testing.T, c *kernel.Client) [][]byte {
	t.Helper()
	list, err := c.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRulesComeBackAsTheyWere(t *testing.T) {
	c := open(t)
	before := rules(t, c)
	dir := t.TempDir()
	lines := []string{
		"-a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -F key=holdfast-test",
		"-a always,exit -F arch=b32 -S openat -F exit=-EACCES -C uid!=euid -F key=holdfast-test",
		"-a always,exit -F path=" + dir + "/file -F perm=wa -F key=holdfast-test",
		"-a always,exit -F dir=" + dir + " -F perm=r -F key=holdfast-test -F key=second",
		"-a always,exit -F arch=b64 -S bpf -F a0=0x5 -F a1&0x7 -F a2&=0x3",
		"-a never,exclude -F msgtype>=AVC -F msgtype<=UNKNOWN[1499]",
		"-a never,user -F uid=4711",
		"-a never,filesystem -F fstype=tracefs",
	}
	for _, line := range lines {
		data := encode(t, line)
		if err := c.AddRule(t.Context(), data); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		t.Cleanup(func() { _ = c.DeleteRule(context.Background(), data) })
		if err := c.AddRule(t.Context(), data); !errors.Is(err, kernel.ErrExists) {
			t.Errorf("%s added twice: %v", line, err)
		}
	}
	listed := make(map[string]bool)
	for _, data := range rules(t, c) {
		var r rule.Rule
		if err := r.UnmarshalBinary(data); err != nil {
			t.Errorf("the kernel lists what we cannot read: %v", err)
		}
		listed[r.String()] = true
	}
	for _, line := range lines {
		if !listed[line] {
			t.Errorf("not listed as it was written: %s\nlist: %v", line, listed)
		}
		if err := c.DeleteRule(t.Context(), encode(t, line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if err := c.DeleteRule(t.Context(), encode(t, line)); !errors.Is(err, kernel.ErrNoRule) {
			t.Errorf("%s deleted twice: %v", line, err)
		}
	}
	if after := rules(t, c); !equal(before, after) {
		t.Errorf("the list is not as before: %d rules, were %d", len(after), len(before))
	}
}

func equal(a, b [][]byte) bool {
	return bytes.Equal(bytes.Join(a, []byte("|")), bytes.Join(b, []byte("|")))
}

func TestRuleForMissingPath(t *testing.T) {
	c := open(t)
	err := c.AddRule(t.Context(), encode(t, "-a always,exit -F dir=/no/such/folder -F perm=wa"))
	if !errors.Is(err, kernel.ErrNoPath) {
		t.Errorf("got %v", err)
	}
}

func TestStatusIsSetAndPutBack(t *testing.T) {
	c := open(t)
	before, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := kernel.Status{BacklogLimit: before.BacklogLimit + 77, RateLimit: 12345}
	if err := c.SetStatus(t.Context(), kernel.SetBacklogLimit|kernel.SetRateLimit, want); err != nil {
		t.Fatal(err)
	}
	now, err := c.Status(t.Context())
	if err != nil || now.BacklogLimit != want.BacklogLimit || now.RateLimit != want.RateLimit ||
		now.Enabled != before.Enabled || now.Failure != before.Failure || now.BacklogWaitTime != before.BacklogWaitTime {
		t.Errorf("status is %+v, was %+v, error %v", now, before, err)
	}
}

func TestOwnership(t *testing.T) {
	c := open(t)
	stream, err := c.Own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status, err := c.Status(t.Context()); err != nil || status.PID != uint32(os.Getpid()) {
		t.Errorf("owner is %d, error %v", status.PID, err)
	}
	if got := run(t, "owner", nil); !strings.Contains(got, kernel.ErrOwned.Error()) {
		t.Errorf("a second owner says %q", got)
	}
	probed := time.Now().Add(time.Minute)
	for stream.Counts().Probes == 0 && time.Now().Before(probed) {
		if _, err := stream.Receive(t.Context(), 10*time.Millisecond, func(kernel.Record) {}); err != nil {
			t.Fatal(err)
		}
	}
	if stream.Counts().Probes == 0 {
		t.Error("the owner does not notice that another asks")
	}
	if err := c.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if status, err := c.Status(t.Context()); err != nil || status.PID != 0 {
		t.Errorf("after release the owner is %d, error %v", status.PID, err)
	}
	stream.Close()
}

func TestOwnerThatWasKilled(t *testing.T) {
	c := open(t)
	cmd := subprocess("owner", nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "<nil>\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	if _, err := c.Own(t.Context()); !errors.Is(err, kernel.ErrOwned) {
		t.Errorf("beside a living owner: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	stream, err := c.Own(t.Context())
	if err != nil {
		t.Fatalf("after the owner was killed: %v", err)
	}
	defer stream.Close()
	if err := c.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWithoutPrivilege(t *testing.T) {
	hosttest.Root(t)
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if got := run(t, "unprivileged", nobody); !strings.HasPrefix(got, "true true ") {
		t.Errorf("as nobody: %s", got)
	}
}

func TestInOtherPIDNamespace(t *testing.T) {
	hosttest.Root(t)
	got := run(t, "unprivileged", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
	if !strings.HasPrefix(got, "true ") {
		t.Errorf("in another pid namespace: %s", got)
	}
}

// produce makes n audit events under setnsRule. A process of its own does it:
// one that was born before audit was first switched on is never audited.
func produce(t *testing.T, n int) {
	t.Helper()
	cmd := subprocess("produce", nil)
	cmd.Env = append(cmd.Env, eventsVariable+"="+strconv.Itoa(n))
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

const setnsRule = "-a always,exit -F arch=b64 -S setns -F key=holdfast-test"

// TestOverflowIsCountedExactly fills a small backlog while nobody reads. What
// was received and what the kernel says it lost must add up to what was made.
// Events are cut down to one record each, since the kernel counts an event
// whose first record finds no room as one loss, whatever would have followed.
func TestOverflowIsCountedExactly(t *testing.T) {
	c := open(t)
	for _, line := range []string{
		setnsRule, "-a always,exclude -F msgtype=PROCTITLE", "-a always,exclude -F msgtype=EOE",
	} {
		data := encode(t, line)
		if err := c.AddRule(t.Context(), data); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.DeleteRule(context.Background(), data) }()
	}
	set := kernel.SetEnabled | kernel.SetBacklogLimit | kernel.SetBacklogWaitTime | kernel.SetRateLimit | kernel.SetFailure
	if err := c.SetStatus(t.Context(), set, kernel.Status{Enabled: 1, BacklogLimit: 32}); err != nil {
		t.Fatal(err)
	}
	stream, err := c.Own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	defer func() { _ = c.Release(context.Background()) }()

	drain(t, stream)
	before, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const events = 50000
	produce(t, events) // more than the socket takes while nobody reads
	got := drain(t, stream)
	after, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost := int(after.Lost - before.Lost)
	t.Logf("%d events: %d received, %d lost", events, got, lost)
	if lost == 0 {
		t.Error("nothing was lost: the test is no test")
	}
	if got+lost != events {
		t.Errorf("received %d + lost %d is not the %d produced", got, lost, events)
	}
}

// drain reads until the stream is quiet and returns how many records of our
// rule's events there were.
func drain(t *testing.T, s *kernel.Stream) (n int) {
	t.Helper()
	for {
		got, err := s.Receive(t.Context(), 300*time.Millisecond, func(r kernel.Record) {
			if r.Type >= 1300 && r.Type < 1400 && r.Type != 1305 {
				n++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if got == 0 {
			return n
		}
	}
}

func TestListenersHearWhatTheOwnerHears(t *testing.T) {
	c := open(t)
	data := encode(t, setnsRule)
	if err := c.AddRule(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.DeleteRule(context.Background(), data) }()
	if err := c.SetStatus(t.Context(), kernel.SetEnabled|kernel.SetBacklogLimit|kernel.SetRateLimit, kernel.Status{Enabled: 1, BacklogLimit: 8192}); err != nil {
		t.Fatal(err)
	}
	owner, err := c.Own(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	defer func() { _ = c.Release(context.Background()) }()
	listener, err := kernel.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	drain(t, owner)
	drain(t, listener)
	produce(t, 100)
	var own, heard bytes.Buffer
	for _, side := range []struct {
		s *kernel.Stream
		b *bytes.Buffer
	}{{owner, &own}, {listener, &heard}} {
		for {
			n, err := side.s.Receive(t.Context(), 300*time.Millisecond, func(r kernel.Record) {
				side.b.WriteString(strconv.Itoa(int(r.Type)) + " " + string(r.Payload) + "\n")
			})
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
	}
	if own.Len() == 0 || own.String() != heard.String() {
		t.Errorf("owner and listener differ: %d and %d bytes\n%.500s\n--\n%.500s", own.Len(), heard.Len(), own.String(), heard.String())
	}
	if strings.ContainsRune(own.String(), 0) {
		t.Error("a payload holds a zero byte")
	}
}
