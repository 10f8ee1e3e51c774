// Package join_test lets a second machine join a server the way people do it:
// `holdfast up` on this machine as root, and the line that `holdfast
// enroll-token` prints on another one, made of namespaces.
package join_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	types "github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/packaging/systemd"
	"github.com/holdfast-security/holdfast/test/fleet"
)

// hostID is how the install script names the host.
var hostID = regexp.MustCompile(`enrolled as host (h[a-z0-9]+) at|Enrolled as host (h[a-z0-9]+) at`)

func hostIn(t *testing.T, text string) string {
	t.Helper()
	match := hostID.FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no host is named:\n%s", text)
	}
	return match[1] + match[2]
}

// fakeSystemctl stands in for systemd on the second machine: it notes what it
// is asked for and starts the agent, when the one before has ended.
const fakeSystemctl = `#!/bin/sh
echo "$*" >>/run/systemctl.asked
[ "$1" = restart ] || exit 0
if [ -e /run/agent.pid ]; then
	kill "$(cat /run/agent.pid)"
	n=0; while pidof holdfast-agent >/dev/null && [ $n -lt 600 ]; do n=$((n+1)); sleep 0.1; done
fi
setsid /usr/local/bin/holdfast-agent run >>/run/agent.log 2>&1 </dev/null &
echo $! >/run/agent.pid
`

// stopAgent stops the agent that fakeSystemctl started, and waits for its end.
const stopAgent = `kill "$(cat /run/agent.pid)"; rm /run/agent.pid
n=0; while holdfast-agent status >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 600 ] || exit 1; sleep 0.1; done
while pidof holdfast-agent >/dev/null; do n=$((n+1)); [ $n -lt 600 ] || exit 1; sleep 0.1; done`

func TestJoin(t *testing.T) {
	hosttest.Root(t)
	programs := fleet.Build(t)
	hosttest.LockAudit(t)
	m := newMachine(t)
	f := up(t, programs, m.gateway)
	if !strings.Contains(f.welcome, f.url) || !strings.Contains(f.welcome, "password") {
		t.Errorf("the administrator is told:\n%s", f.welcome)
	}
	t.Cleanup(func() {
		if log, _ := m.run("cat /run/agent.log"); t.Failed() {
			t.Logf("the agent of the second machine said:\n%s", log)
		}
	})
	line, token := f.join()
	steps := []struct {
		name string
		do   func(t *testing.T)
	}{
		{"the script is sound", func(t *testing.T) { soundScript(t, m, line) }},
		{"another server is not asked", func(t *testing.T) { wrongPin(t, m, line) }},
		{"a changed program is not taken", func(t *testing.T) { changedProgram(t, m, f, line, token) }},
		{"the machine joins", func(t *testing.T) { joins(t, m, f, line) }},
		{"once more changes nothing", func(t *testing.T) { again(t, m, f, line) }},
		{"systemd starts the agent", func(t *testing.T) { starts(t, m, f, line) }},
		{"a revoked host is told so", func(t *testing.T) { revoked(t, m, f, line) }},
		{"the machine leaves", func(t *testing.T) { leaves(t, m) }},
		{"a token that is used up is refused", func(t *testing.T) { usedUp(t, m, f, line) }},
		{"a new token makes a new host", func(t *testing.T) { anew(t, m, f) }},
	}
	for _, step := range steps {
		if !t.Run(step.name, step.do) {
			return // what follows builds on it
		}
	}
}

// soundScript has the shells read the script without carrying it out.
func soundScript(t *testing.T, m *machine, line string) {
	fetch, _, _ := strings.Cut(line, "|")
	script := m.ok(fetch)
	for _, shell := range []string{"sh", "dash", "bash"} {
		if out, code := m.feed("command -v "+shell+" >/dev/null || exit 0; "+shell+" -n", script); code != 0 {
			t.Errorf("%s: %s", shell, out)
		}
	}
	for _, test := range []struct{ arguments, want string }{
		{"", "give the enrolment token"},
		{"-- hfe2.x", "give the enrolment token"},
		{"-- hfe1.x", "token"},
	} {
		out, code := m.feed("sh -s "+test.arguments, script)
		if code == 0 || !strings.Contains(out, test.want) {
			t.Errorf("%q: exit code %d: %s", test.arguments, code, out)
		}
	}
	if out, code := m.feed("sh -s -- hfe1.x", script[:len(script)*9/10]); code != 0 && strings.Contains(out, "fetching") {
		t.Errorf("a script that was cut off does something: %s", out)
	}
	nothingInstalled(t, m)
}

func nothingInstalled(t *testing.T, m *machine) {
	t.Helper()
	if out := m.ok("find /usr/local/bin /etc/systemd /var/lib -mindepth 1"); out != "" {
		t.Errorf("left behind:\n%s", out)
	}
}

// wrongPin takes the line of a server with another key.
func wrongPin(t *testing.T, m *machine, line string) {
	pin := regexp.MustCompile(`sha256//[^']*`)
	other := pin.ReplaceAllString(line, "sha256//"+strings.Repeat("A", 43)+"=")
	out, _ := m.run(other) // the exit code is that of the shell, which got nothing
	if !strings.Contains(out, "pinned") || strings.Contains(out, "holdfast:") {
		t.Errorf("curl says %q", out)
	}
	nothingInstalled(t, m)
}

// changedProgram has the script expect other programs than it gets.
func changedProgram(t *testing.T, m *machine, f *first, line, token string) {
	fetch, _, _ := strings.Cut(line, "|")
	sum := fileSum(t, f.programs.Agent)
	script := m.ok(fetch)
	if !strings.Contains(script, sum) {
		t.Fatalf("the script does not know the agent's SHA-256 %s", sum)
	}
	out, code := m.feed("sh -s -- "+token, strings.ReplaceAll(script, sum, strings.Repeat("0", len(sum))))
	if code == 0 || !strings.Contains(out, sum) || !strings.Contains(out, "not what the server promised") {
		t.Errorf("exit code %d: %s", code, out)
	}
	nothingInstalled(t, m)
	if n := f.uses(); n != 0 {
		t.Errorf("the token was used %d times", n)
	}
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// joins takes the line as it is.
func joins(t *testing.T, m *machine, f *first, line string) {
	out := m.ok(line)
	host := f.host(hostIn(t, out))
	if !strings.Contains(out, "start the agent with: /usr/local/bin/holdfast-agent run\n") {
		t.Errorf("without systemd nobody is told how to start the agent:\n%s", out)
	}
	if host.State != types.Active || host.Labels["role"] != "web" || !host.LastSeen.IsZero() {
		t.Errorf("the server knows %+v", host)
	}
	for name, path := range map[string]string{"holdfast": f.programs.Holdfast, "holdfast-agent": f.programs.Agent} {
		if got := m.ok("sha256sum /usr/local/bin/" + name); !strings.HasPrefix(got, fileSum(t, path)) {
			t.Errorf("%s was installed as %s", name, got)
		}
	}
	modes := m.ok("stat -c '%a %n' /usr/local/bin /usr/local/bin/* /usr/local/bin/.??* /var/lib/holdfast/identity/* 2>/dev/null || :")
	want := "755 /usr/local/bin\n755 /usr/local/bin/holdfast\n755 /usr/local/bin/holdfast-agent\n600 /var/lib/holdfast/identity/identity.json\n"
	if !strings.HasPrefix(modes, want) || strings.Contains(modes, ".new") {
		t.Errorf("modes:\n%swant at first\n%s", modes, want)
	}
}

// again takes the line once more, on a machine that has joined.
func again(t *testing.T, m *machine, f *first, line string) {
	before := m.ok("sha256sum /var/lib/holdfast/identity/identity.json")
	out := m.ok(line)
	if id := hostIn(t, out); !strings.Contains(out, "already") || f.host(id).State != types.Active {
		t.Errorf("it says\n%s", out)
	}
	if after := m.ok("sha256sum /var/lib/holdfast/identity/identity.json"); after != before {
		t.Error("the identity has changed")
	}
	if n := len(f.hosts()); n != 2 || f.uses() != 1 {
		t.Errorf("there are %d hosts, the token was used %d times", n, f.uses())
	}
}

// starts takes the line once more where systemd runs, or seems to.
func starts(t *testing.T, m *machine, f *first, line string) {
	m.ok("mkdir -p /run/systemd/system /etc/systemd/system")
	if out, code := m.feed("cat >/usr/local/bin/systemctl && chmod 755 /usr/local/bin/systemctl", fakeSystemctl); code != 0 {
		t.Fatal(out)
	}
	out := m.ok(line)
	if !strings.Contains(out, "the agent runs") {
		t.Errorf("it says\n%s", out)
	}
	if unit := m.ok("cat /etc/systemd/system/holdfast-agent.service"); unit != systemd.Agent() {
		t.Errorf("the unit is\n%s", unit)
	}
	if mode := m.ok("stat -c %a /etc/systemd/system/holdfast-agent.service"); mode != "644\n" {
		t.Errorf("the unit has the mode %s", mode)
	}
	if asked := m.ok("cat /run/systemctl.asked"); asked != "daemon-reload\nenable --quiet holdfast-agent\nrestart holdfast-agent\n" {
		t.Errorf("systemctl is asked for\n%s", asked)
	}
	id := hostIn(t, out)
	fleet.Await(t, "the server hears of the host's health", func() bool {
		h := f.host(id)
		return h.Heartbeat != nil && len(h.Heartbeat.Features) > 0 && h.Heartbeat.Ledger.Produced > 0
	})
	if text := f.holdfast("hosts", "list"); !strings.Contains(text, id) {
		t.Errorf("hosts list shows\n%s", text)
	}
	fleet.Await(t, "its events arrive", func() bool {
		m.ok("/bin/true") // something to see
		return f.host(id).Intake.Stored > 0
	})
	if text := m.ok("holdfast-agent status"); !strings.Contains(text, id) {
		t.Errorf("status says\n%s", text)
	}
}

// revoked cuts the machine off, which its own administrator finds out by asking.
func revoked(t *testing.T, m *machine, f *first, line string) {
	id := hostIn(t, m.ok(line))
	f.holdfast("hosts", "revoke", id)
	fleet.Await(t, "the agent says that it was revoked", func() bool {
		text, _ := m.run("holdfast-agent status") // it has just been started again
		return strings.Contains(text, "the host was revoked") && strings.Contains(text, "unenroll")
	})
	if h := f.host(id); h.State != types.Revoked {
		t.Errorf("the server knows %+v", h)
	}
}

// leaves ends what starts began.
func leaves(t *testing.T, m *machine) {
	if out, code := m.run("holdfast-agent unenroll"); code != 1 || !strings.Contains(out, "stop it first") {
		t.Errorf("beside the agent, code %d: %s", code, out)
	}
	m.ok(stopAgent)
	if out := m.ok("holdfast-agent unenroll --force"); !strings.Contains(out, "no longer enrolled") {
		t.Errorf("it says %s", out)
	}
	if out, code := m.run("holdfast-agent unenroll"); code != 1 || !strings.Contains(out, "not enrolled") {
		t.Errorf("once more, code %d: %s", code, out)
	}
	if left := m.ok("find /var/lib/holdfast -name 'identity*' -o -name 'spool*'"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// usedUp takes the line a third time, on a machine that is no host any more.
func usedUp(t *testing.T, m *machine, f *first, line string) {
	out, code := m.run(line)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := lines[len(lines)-1]
	if code != 1 || !strings.HasPrefix(last, "holdfast-agent: ") || !strings.Contains(last, "used up") || strings.Count(out, "holdfast-agent: ") != 1 {
		t.Errorf("code %d:\n%s", code, out)
	}
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, "holdfast: fetching ") {
			t.Errorf("beside the sentence it says %q", line)
		}
	}
	if n := len(f.hosts()); n != 2 {
		t.Errorf("there are %d hosts", n)
	}
}

// anew joins with another token.
func anew(t *testing.T, m *machine, f *first) {
	line, _ := f.join()
	id := hostIn(t, m.ok(line))
	if n := len(f.hosts()); n != 3 {
		t.Errorf("there are %d hosts", n)
	}
	fleet.Await(t, "the new host is seen", func() bool { return f.host(id).Heartbeat != nil })
	m.ok(stopAgent)
}
