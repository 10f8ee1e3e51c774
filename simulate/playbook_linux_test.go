package simulate

import (
	"encoding/csv"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

// step is how a row of the published playbook is played here.
type step struct {
	action    string // how the row's action begins
	alert     finding.AlertType
	scenarios []string
	commands  []string // that the row tells to type on the host; each must raise the alert
	refused   bool     // also where the program is not there: the playbook does not ask for the tools
}

// playbook are the rows for Linux. The first is played from another machine, so
// that the host sees no command but sshd's records.
var playbook = []step{
	{action: "hydra ", alert: "VM_SshBruteForceSuccess", scenarios: []string{"ssh-brute-force-success"}},
	{
		action: "logkeys ", alert: "VM_KnownLinuxCredentialAccessTool", refused: true,
		scenarios: []string{"credential-tool", "credential-tool-missing", "credential-tool-refused"},
		commands:  []string{"logkeys --start", "/usr/bin/python3 /usr/lib/command-not-found -- logkeys", "sudo logkeys --start"},
	},
	{
		action: "perl slowloris.pl", alert: "VM_KnownLinuxAttackTool",
		scenarios: []string{"attack-tool-missing"},
		commands:  []string{"perl slowloris.pl -dns server.contoso.com"},
	},
	{
		action: "wget ", alert: "VM_SuspectDownloadArtifacts",
		scenarios: []string{"suspicious-download", "test-file-download"},
		commands:  []string{"wget http://198.51.100.9/download/eicar.com", "wget http://198.51.100.9/download/eicar.txt"},
	},
}

// TestPlaybook holds the rules and scenarios against the rows for Linux of the
// published playbook: each has a scenario for its alert, and raises it as it is
// typed, where the program is there and where it is not.
func TestPlaybook(t *testing.T) {
	file, err := os.Open(hosttest.Data(t, "asc-reference", "playbook_steps.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, row := range rows[1:] { // os, playbook, phase, action, …
		if row[0] != "linux" {
			continue
		}
		i := slices.IndexFunc(playbook, func(s step) bool { return strings.HasPrefix(row[3], s.action) })
		if i < 0 {
			t.Errorf("nothing plays %q", row[3])
			continue
		}
		played++
		t.Run(strings.TrimSpace(playbook[i].action), func(t *testing.T) { checkStep(t, playbook[i]) })
	}
	if played != len(playbook) {
		t.Errorf("%d rows are played, %d are known", played, len(playbook))
	}
}

func checkStep(t *testing.T, s step) {
	t.Helper()
	for _, name := range s.scenarios {
		if scenario, ok := Find(Scenarios(), name); !ok || scenario.AlertType != s.alert {
			t.Errorf("no scenario %s raises %s", name, s.alert)
		}
	}
	for _, line := range s.commands {
		if raised := raisedBy(t, typed(line)); !slices.Contains(raised, s.alert) {
			t.Errorf("%q raises %v, not %s", line, raised, s.alert)
		}
		if name := strings.Fields(line)[0]; s.refused && !strings.Contains(line, "/") && name != "sudo" {
			if raised := raisedBy(t, refused(name)); !slices.Contains(raised, s.alert) {
				t.Errorf("%q, which is not there, raises %v, not %s", line, raised, s.alert)
			}
		}
	}
}

// shell is what somebody types commands into.
func shell() *event.Process {
	return &event.Process{
		PID: 812, Name: "bash", Executable: &event.File{Path: "/usr/bin/bash"}, Arguments: []string{"-bash"}, CommandLine: "-bash",
		Directory: "/home/ann", User: event.User{UID: 1000, Name: "ann"}, Terminal: "pts0",
	}
}

// typed is the start of a program from a shell.
func typed(line string) *event.Event {
	args := strings.Fields(line)
	image := args[0]
	if !strings.Contains(image, "/") {
		image = "/usr/bin/" + image
	}
	p := *shell()
	p.PID, p.PPID, p.Parent = 813, 812, shell()
	p.Name, p.Executable, p.Arguments, p.CommandLine = path.Base(image), &event.File{Path: image}, args, line
	return launch(&p, event.StatusSuccess, nil)
}

// refused is the attempt to start a program that is not there.
func refused(name string) *event.Event {
	return launch(shell(), event.StatusFailure, &event.File{Path: "/usr/bin/" + name})
}

func launch(p *event.Process, status event.Status, file *event.File) *event.Event {
	return &event.Event{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
		Source: event.SourceAudit, Status: status, Process: p, File: file,
	}
}

// raisedBy returns the alert types that an event raises.
func raisedBy(t *testing.T, ev *event.Event) (raised []finding.AlertType) {
	t.Helper()
	set := rulefiles.Embedded().Compile()
	m := set.NewMatcher(detect.Limits{})
	fields.NewMapper(set).Each(ev, func(d *detect.Document) {
		m.Match(d, func(match detect.Match) { raised = append(raised, match.Rule.Holdfast.AlertType) })
	})
	return raised
}

// TestTheWayInRaisesNothing holds that the session in which a scenario plays
// raises no alert, so that what comes is the scenario's.
func TestTheWayInRaisesNothing(t *testing.T) {
	for _, image := range []string{"/tmp/holdfast-hfsim0123456789ab/login", "/usr/bin/dash"} {
		p := *shell()
		p.PID, p.PPID, p.Parent = 813, 812, shell()
		p.Name, p.Executable = path.Base(image), &event.File{Path: image}
		p.Arguments = []string{"sh", "/tmp/holdfast-hfsim0123456789ab/act1"}
		p.CommandLine, p.Terminal = strings.Join(p.Arguments, " "), ""
		if raised := raisedBy(t, launch(&p, event.StatusSuccess, nil)); len(raised) > 0 {
			t.Errorf("%s raises %v", image, raised)
		}
	}
}
