package join_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/test/fleet"
)

// born makes a second machine of the namespaces that it runs in: nothing that is
// installed or written there is seen outside. It ends with its standard input,
// and everything that runs there with it, also when the test itself is killed.
const born = `set -e
mount --make-rprivate /
mount -t proc proc /proc
for dir in /etc/systemd /run /usr/local/bin /var/lib; do
	mount -t tmpfs -o mode=0755 tmpfs "$dir"
done
ip link set lo up
echo ready
exec cat >/dev/null`

// machine is the second machine.
type machine struct {
	t       *testing.T
	pid     string // of its first process
	gateway string // address of this machine that it reaches
}

// newMachine makes a machine with a wire to this one.
func newMachine(t *testing.T) *machine {
	t.Helper()
	for _, program := range []string{"ip", "nsenter", "mount", "curl"} {
		hosttest.Program(t, program)
	}
	cmd := exec.Command("sh", "-c", born)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID}
	var said bytes.Buffer
	cmd.Stderr = &said
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		hosttest.Missing(t, "namespaces cannot be made: %v", err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait() // how it ends does not matter
	})
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		_ = cmd.Wait()
		hosttest.Missing(t, "no second machine can be made: %q, %s", line, &said)
	}
	m := &machine{t: t, pid: strconv.Itoa(cmd.Process.Pid)}
	m.wire()
	return m
}

// wire connects the machine with this one.
func (m *machine) wire() {
	m.t.Helper()
	// Of the addresses for tests between networks, RFC 2544.
	net := fmt.Sprintf("198.18.%d.", rand.IntN(256))
	here, there := "hfjoin"+m.pid, "eth0"
	m.gateway = net + "1"
	m.must("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", m.pid)
	m.must("ip", "address", "add", m.gateway+"/24", "dev", here)
	m.must("ip", "link", "set", here, "up")
	m.must("nsenter", "-t", m.pid, "-n", "ip", "address", "add", net+"2/24", "dev", there)
	m.must("nsenter", "-t", m.pid, "-n", "ip", "link", "set", there, "up")
}

// must runs a command on this machine.
func (m *machine) must(args ...string) {
	m.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		m.t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// run has a line of shell carried out on the machine and returns what was said
// and the exit code.
func (m *machine) run(line string) (string, int) {
	m.t.Helper()
	return m.feed(line, "")
}

// feed is run with a text on standard input.
func (m *machine) feed(line, input string) (string, int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*fleet.Patience) // t's context has ended when things are cleaned up
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "-t", m.pid, "-n", "-m", "-p", "--", "sh", "-c", line)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	cmd.Stdin = io.LimitReader(strings.NewReader(input), int64(len(input)))
	cmd.WaitDelay = time.Second // for what it started and left
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		m.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// ok is run for what has to go well.
func (m *machine) ok(line string) string {
	m.t.Helper()
	out, code := m.run(line)
	if code != 0 {
		m.t.Fatalf("%s: exit code %d\n%s", line, code, out)
	}
	return out
}
