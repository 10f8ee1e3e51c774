package e2e_test

import (
	"archive/tar"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// image is the image that the containers run: the storm under a miner's name,
// and nothing else.
const image = "holdfast-e2e:1"

// inside is what the container runs: it starts twenty programs within a second.
var inside = []string{"/xmrig", "-run", "inside", "-rate", "20", "-for", "1s"}

// docker is a dockerd of the test's own.
type docker struct {
	client, socket, data string
}

// TestContainers runs an attack in a container and starts privileged ones.
func TestContainers(t *testing.T) {
	hosttest.Root(t)
	p, dir := build(t), t.TempDir()
	d := startDocker(t)
	d.run(t, "import", minerImage(t, p.storm), image)
	create := append([]string{"create", "--network", "none", "--name", "quarry", image}, inside...)
	id := strings.TrimSpace(d.run(t, create...))

	hosttest.LockAudit(t)
	agent := start(t, dir, d.seenBy(t, p.agent)...)
	d.run(t, "start", "--attach", id)
	// A privileged container starts only where this machine's root has every
	// capability; that somebody tries is what counts.
	_ = d.command("run", "--privileged", "--network", "none", image, "/xmrig", "-for", "10ms").Run()
	d.run(t, "run", "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--network", "none", image, "/xmrig", "-for", "10ms")
	alarming := func(output []byte, option string) bool {
		return slices.ContainsFunc(alerts(t, output, image), func(a finding.Alert) bool {
			return a.Type == "VM_PrivilegedContainerArtifacts" && strings.Contains(a.Process.CommandLine, option)
		})
	}
	for deadline := time.Now().Add(patience); !alarming(read(t, agent.output()), "--cap-add ALL") && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	agent.stop(t)
	output := read(t, agent.output())
	want := event.Container{ID: id, Runtime: "docker", Name: "quarry", Image: image}
	checkContainerStarts(t, output, want)
	checkContainerAlerts(t, alerts(t, output, inside[0]), want)
	if shown := execute(t, p.holdfast, "replay", agent.output()); !strings.Contains(shown, id[:12]+" (quarry, "+image+", docker)") {
		t.Errorf("the container is not shown:\n%s", shown)
	}
	for _, option := range []string{"--privileged", "--cap-add ALL"} {
		if !alarming(output, option) {
			t.Errorf("docker run %s raised no alert", option)
		}
	}
}

// checkContainerStarts wants the start of the container's program and of all
// that it started, with the container.
func checkContainerStarts(t *testing.T, output []byte, want event.Container) {
	t.Helper()
	first, others := 0, make(map[string]bool)
	for l := range strings.Lines(string(output)) {
		if !holding(`"activity_name":"launch"`, `"inside"`)([]byte(l)) || strings.Contains(l, `"alert_type"`) {
			continue
		}
		var e event.Event
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatalf("%v in %.1000s", err, l)
		}
		switch {
		case e.Process.Path() == inside[0]:
			first++
		case len(e.Process.Arguments) == 3 && e.Process.Arguments[1] == "inside":
			others[e.Process.Arguments[2]] = true
		default:
			continue // the client and the runtime carry the command line
		}
		if e.Process.Container == nil || *e.Process.Container != want {
			t.Errorf("%v is said to run in %+v, want %+v", e.Process.Arguments, e.Process.Container, want)
		}
		if e.Process.Entry.Kind != event.EntryContainer {
			t.Errorf("%v is said to have come in through %q, want %q", e.Process.Arguments, e.Process.Entry.Kind, event.EntryContainer)
		}
	}
	if first != 1 || len(others) != 20 {
		t.Errorf("%d and %d starts in the container were seen, want 1 and 20", first, len(others))
	}
}

// checkContainerAlerts wants an alert about the miner in the container want,
// and the container with every alert about a miner, short-lived as it may be.
func checkContainerAlerts(t *testing.T, list []finding.Alert, want event.Container) {
	t.Helper()
	found := false
	for _, a := range list {
		if a.Type != "VM_DigitalCurrencyMining" || a.Process.Path() != inside[0] {
			continue
		}
		switch c := a.Process.Container; {
		case c == nil || c.Image != want.Image || c.Runtime != want.Runtime:
			t.Errorf("the alert about %q names the container %+v", a.Process.CommandLine, c)
		case c.ID == want.ID:
			found = true
		}
	}
	if !found {
		t.Errorf("the miner in the container raised no alert; others: %v", types(list))
	}
}

// startDocker runs Debian's dockerd until the test ends, with everything it
// writes in a directory of the test, and its mounts in a namespace of its own.
func startDocker(t *testing.T) *docker {
	t.Helper()
	dockerd, dir := hosttest.Program(t, "dockerd"), t.TempDir()
	d := &docker{client: hosttest.Program(t, "docker"), socket: filepath.Join(dir, "docker.sock"), data: filepath.Join(dir, "data")}
	config := filepath.Join(dir, "daemon.json")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	groups := cgroups(t)
	// dockerd writes a key into /etc/docker whatever it is told.
	cmd := exec.Command("sh", "-c", `mount -t tmpfs tmpfs /etc/docker && exec "$@"`, "sh",
		dockerd, "--config-file", config, "--host", "unix://"+d.socket, "--data-root", d.data,
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--storage-driver", "vfs",
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	messages, err := os.Create(filepath.Join(dir, "messages"))
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Close()
	cmd.Stdout, cmd.Stderr = messages, messages
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it stops its containers and its containerd
		_ = cmd.Wait()
		for _, g := range cgroups(t) {
			if !slices.Contains(groups, g) {
				_ = os.Remove(g) // one in use is somebody else's by now
			}
		}
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if d.command("version").Run() == nil {
			return d
		}
	}
	said, _ := os.ReadFile(messages.Name())
	t.Fatalf("dockerd does not answer; it said:\n%s", said)
	return nil
}

// cgroups returns the groups that docker keeps its containers' in, of version
// 1 and 2.
func cgroups(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/sys/fs/cgroup/docker", "/sys/fs/cgroup/*/docker"} {
		groups, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, groups...)
	}
	return all
}

func (d *docker) command(args ...string) *exec.Cmd {
	return exec.Command(d.client, append([]string{"--host", "unix://" + d.socket}, args...)...)
}

// run runs the client, which must succeed, and returns what it prints.
func (d *docker) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := d.command(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// seenBy returns the command that runs a program which sees docker's data
// where docker has it by default, without anybody else seeing that.
func (d *docker) seenBy(t *testing.T, program string) []string {
	t.Helper()
	const usual = "/var/lib/docker"
	if err := os.Mkdir(usual, 0o710); err == nil {
		t.Cleanup(func() { _ = os.Remove(usual) }) // empty, or not ours any more
	}
	return []string{
		hosttest.Program(t, "unshare"), "--mount", "--propagation", "private",
		"sh", "-c", `mount --bind "$0" ` + usual + ` && exec "$@"`, d.data, program,
	}
}

// minerImage returns a tar file that holds a static program as /xmrig, and the
// directory for temporary files that it needs.
func minerImage(t *testing.T, program string) string {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "image.tar")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(file)
	err = w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o777})
	if err == nil {
		err = w.WriteHeader(&tar.Header{Name: "xmrig", Mode: 0o755, Size: int64(len(content))})
	}
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if closeErr := file.Close(); err != nil || closeErr != nil {
		t.Fatal(err, closeErr)
	}
	return name
}
