package join_test

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	types "github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/test/fleet"
)

// first is the first machine: this one, with `holdfast up`.
type first struct {
	t        *testing.T
	programs fleet.Programs
	dir      string // of everything
	url      string // of console and API
	welcome  string // what the administrator was told
}

// up starts a server and an agent as an administrator does, reachable at the
// address.
func up(t *testing.T, programs fleet.Programs, address string) *first {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listen := net.JoinHostPort(address, freePort(t))
	f := &first{t: t, programs: programs, dir: dir, url: "https://" + listen}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := f.command("up", "--data", dir+"/data", "--state-dir", dir+"/agent", "--run-dir", dir+"/run",
		"--listen", listen, "--stream-listen", net.JoinHostPort(address, freePort(t)))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { f.down(cmd, ended) })
	fleet.Await(t, "holdfast is up", func() bool {
		if len(ended) > 0 {
			t.Fatalf("holdfast up ended:\n%s", f.said())
		}
		return strings.Contains(f.said(), "Holdfast is up")
	})
	f.welcome = f.said()
	return f
}

func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(fleet.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// said returns what `holdfast up` has said.
func (f *first) said() string {
	data, err := os.ReadFile(filepath.Join(f.dir, "log"))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(data)
}

// down ends server and agent as Ctrl-C does.
func (f *first) down(cmd *exec.Cmd, ended chan error) {
	if len(ended) == 0 {
		_ = cmd.Process.Signal(syscall.SIGINT)
	}
	if err := <-ended; err != nil {
		f.t.Errorf("holdfast up ended with %v", err)
	}
	if f.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(f.dir, "data", "up.log"))
		f.t.Logf("holdfast up said:\n%s\nand server and agent:\n%s", f.said(), log)
	}
}

// command is the administrator's holdfast.
func (f *first) command(args ...string) *exec.Cmd {
	cmd := exec.Command(f.programs.Holdfast, args...)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+filepath.Join(f.dir, "config"))
	return cmd
}

// holdfast runs a command of the administrator's and returns what it said.
func (f *first) holdfast(args ...string) string {
	f.t.Helper()
	out, err := f.command(args...).CombinedOutput()
	if err != nil {
		f.t.Fatalf("holdfast %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// hosts returns what `holdfast hosts list` shows.
func (f *first) hosts() []types.Host {
	f.t.Helper()
	var list []types.Host
	if err := json.Unmarshal([]byte(f.holdfast("hosts", "list", "-o", "json")), &list); err != nil {
		f.t.Fatal(err)
	}
	return list
}

// host returns one of them.
func (f *first) host(id string) types.Host {
	f.t.Helper()
	for _, h := range f.hosts() {
		if string(h.ID) == id {
			return h
		}
	}
	f.t.Fatalf("there is no host %s", id)
	return types.Host{}
}

// joinLine matches what the administrator copies to another machine.
var joinLine = regexp.MustCompile(`(?m)^  (curl .* sh -s -- '(hfe1\.[A-Za-z0-9_-]+)')$`)

// join makes a token and returns the line for another machine, and the token.
// The machine of the test needs no sudo.
func (f *first) join() (line, token string) {
	f.t.Helper()
	text := f.holdfast("enroll-token", "--uses", "1", "--note", "second machine", "--label", "role=web")
	match := joinLine.FindStringSubmatch(text)
	if match == nil {
		f.t.Fatalf("there is no line in:\n%s", text)
	}
	return strings.Replace(match[1], "| sudo sh", "| sh", 1), match[2]
}

// uses returns how often the newest token was used.
func (f *first) uses() int {
	f.t.Helper()
	var list []types.EnrolToken
	if err := json.Unmarshal([]byte(f.holdfast("enroll-token", "list", "-o", "json")), &list); err != nil || len(list) == 0 {
		f.t.Fatalf("%v: %d tokens", err, len(list))
	}
	return list[0].Uses
}
