package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/agent/headless"
	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
)

// Agent is a holdfast-agent of an enrolled host. Its fields do not change; its
// methods are for one goroutine.
type Agent struct {
	Host     event.HostID
	StateDir string
	RunDir   string
	Config   string // path of the configuration file

	tb      TB
	program string
	log     tail
	process *process
}

// Enrol makes a host of the server with directories of its own. Settings are
// further lines of the agent's configuration file, YAML. The agent does not run
// yet.
func (s *Server) Enrol(settings string) *Agent {
	s.tb.Helper()
	dir := tempDir(s.tb)
	a := &Agent{
		StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run"), Config: filepath.Join(dir, "agent.yaml"),
		tb: s.tb, program: s.programs.Agent,
	}
	config := fmt.Sprintf("state_dir: %s\nrun_dir: %s\n%s\n", a.StateDir, a.RunDir, settings)
	if err := os.WriteFile(a.Config, []byte(config), 0o600); err != nil {
		s.tb.Fatalf("%v", err)
	}
	token, _ := s.EnrolToken(api.NewEnrollToken{Note: "tests", MaxUses: 1})
	cmd := exec.Command(a.program, "enroll", "-", "--state-dir", a.StateDir)
	cmd.Stdin = strings.NewReader(token + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.tb.Fatalf("enrol: %v\n%s", err, out)
	}
	id, err := identity.Load(a.StateDir)
	if err != nil {
		s.tb.Fatalf("%v", err)
	}
	a.Host = id.Host
	s.tb.Cleanup(a.end)
	return a
}

// end is what remains to be done when the test ends. The agent is stopped, not
// killed: it has rules in the kernel to take back.
func (a *Agent) end() {
	if a.process.running() {
		_ = a.process.stop()
	}
	if a.tb.Failed() {
		a.tb.Logf("the log of the agent of host %s:\n%s", a.Host, a.log.String())
	}
}

// Start starts the agent and waits until it answers.
func (a *Agent) Start() {
	a.tb.Helper()
	if a.process.running() {
		a.tb.Fatalf("the agent runs already")
	}
	var err error
	if a.process, err = launch(&a.log, exec.Command(a.program, "run", "--config", a.Config)); err != nil {
		a.tb.Fatalf("start the agent: %v", err)
	}
	Await(a.tb, "the agent answers", func() bool {
		if !a.process.running() {
			a.tb.Fatalf("the agent ended: %v\n%s", a.process.err, a.log.String())
		}
		_, err := a.Status()
		return err == nil
	})
}

// AwaitConnected waits until the agent is connected to its server.
func (a *Agent) AwaitConnected() {
	a.tb.Helper()
	Await(a.tb, "the agent is connected", func() bool {
		report, err := a.Status()
		return err == nil && report.Server.Connection.State == transport.Connected
	})
}

// Status asks the running agent how it is doing.
func (a *Agent) Status() (headless.Report, error) {
	ctx, cancel := asking()
	defer cancel()
	var report headless.Report
	if err := control.Ask(ctx, a.RunDir, &report); err != nil {
		return report, err
	}
	if report.Server == nil {
		return report, fmt.Errorf("the agent of host %s has no server", a.Host)
	}
	return report, nil
}

// StatusText returns what `holdfast-agent status` says.
func (a *Agent) StatusText() string {
	out, err := exec.Command(a.program, "status", "--run-dir", a.RunDir).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s%v", out, err)
	}
	return string(out)
}

// PID returns the id of the agent's process, which runs or ran.
func (a *Agent) PID() int { return a.process.cmd.Process.Pid }

// Kill ends the agent as kill -9 does.
func (a *Agent) Kill() { a.process.kill() }

// Stop ends the agent in order.
func (a *Agent) Stop() {
	a.tb.Helper()
	if err := a.process.stop(); err != nil {
		a.tb.Fatalf("stop the agent: %v", err)
	}
}
