package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/simulate"
)

// hostile attacks the terminal wherever it is shown.
const hostile = "\x1b]0;owned\x07\nfake line\u202e\xff"

func hostileReport() agent.Report {
	return agent.Report{
		Host: hostile, System: hostile, Features: []feature.Status{{
			Name: "audit", State: feature.Degraded, Detail: hostile,
			Warnings: []feature.Warning{{Code: "audit-lost", Text: "The kernel lost records. " + hostile}},
		}},
		Ledger: agent.Ledger{Emitted: 5, Delivered: 3, Merged: 2, Dropped: map[string]uint64{"audit." + hostile: 7}},
	}
}

// texts are what the commands say, given hostile values.
func texts(style render.Style) map[string]string {
	r := hostileReport()
	return map[string]string{
		"opening": opening(r, []feature.Definition{{Name: "audit", Changes: []string{"Loads rules. " + hostile}}}, 25, style),
		"health":  healthText(healthJSON{Agent: "running", Report: r}, time.Now(), style),
		"probe":   healthText(healthJSON{Agent: "probe", Report: r}, time.Now(), style),
		"losses":  losses(r, style),
		"replay": replayText(replaySummary{
			Files: 1, Skipped: 1, Skips: []replay.Skip{{Reason: "malformed", Lines: 1, File: hostile, Line: 3, Sample: hostile}},
			Alerts: map[finding.AlertType]int{hostile: 1}, Suppressed: 3, Unreadable: []unreadable{{File: hostile, Reason: hostile}},
		}, style),
		"simulate": resultText([]simulate.Result{{Scenario: "x", AlertType: "VM_X", Outcome: simulate.Fail, Reason: hostile}}, style),
		"rules":    ruleTable([]ruleJSON{{Title: hostile}}, style),
		"explain":  explainText(explanationJSON{ruleJSON: ruleJSON{Title: hostile, Path: hostile}, Description: hostile, Fields: []string{hostile}}, true, style),
		"error":    say(fmt.Errorf("read %s: %w", hostile, errors.New(hostile))),
	}
}

func TestNothingHostileReachesTheTerminal(t *testing.T) {
	for name, text := range texts(render.Style{Width: 80}) {
		for line := range strings.SplitSeq(text, "\n") {
			if termtext.Escape(line) != line {
				t.Errorf("%s: unescaped text in %q", name, line)
			}
			if w := termtext.Width(line); w > 80 && name != "error" {
				t.Errorf("%s: a line takes %d columns: %q", name, w, line)
			}
		}
	}
}

func TestTextsSayWhatMatters(t *testing.T) {
	all := texts(render.Style{Width: 80})
	for name, want := range map[string][]string{
		"opening":  {"with 25 rules", "degraded", "audit-lost", "changed on this host while it runs", "Loads rules", "Ctrl-C"},
		"health":   {"5  produced by the features", "3  = delivered to detection", "2  + reported by two features", "7  lost: audit."},
		"probe":    {"No agent runs here"},
		"losses":   {"7  lost: audit."},
		"replay":   {"Read 1 file", "Skipped 1 line:", "malformed", ":3: ", "Not read", "Alerts:"},
		"simulate": {"fail", "0 passed, 1 failed, 0 skipped"},
	} {
		for _, w := range want {
			if !strings.Contains(all[name], w) {
				t.Errorf("%s does not say %q:\n%s", name, w, all[name])
			}
		}
	}
	if got := losses(agent.Report{}, render.Style{}); got != "Nothing was lost.\n" {
		t.Errorf("without losses: %q", got)
	}
	if got := replayText(replaySummary{}, render.Style{}); !strings.Contains(got, "No alerts.") {
		t.Errorf("without alerts: %q", got)
	}
}

func TestExitCodes(t *testing.T) {
	for want, err := range map[int]error{
		ExitDone: nil, ExitFailed: errors.New("x"), ExitUsage: fmt.Errorf("y: %w", usage.Errorf("x")), ExitPartial: errors.Join(usage.ErrPartial),
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
	}
	if say(fmt.Errorf("write: %w", syscall.EPIPE)) != "" {
		t.Error("a closed pipe is complained about")
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{out: &out, style: render.Style{Width: 80}, now: func() time.Time { return now }, total: 1000, terminal: true}
	p.began, p.next = now, now.Add(progressAfter)
	now = now.Add(time.Second)
	p.show(100, 10)
	if out.Len() > 0 {
		t.Errorf("it speaks before two seconds: %q", out.String())
	}
	now = now.Add(2 * time.Second)
	p.show(250, 30000)
	for _, want := range []string{"25 %", "30,000 lines", "10,000 lines/s", "9.0s left"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q does not say %q", out.String(), want)
		}
	}
	p.erase()
	if !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Errorf("the line stays: %q", out.String())
	}
	if got := progressText(5, 0, 1, time.Second); strings.Contains(got, "left") {
		t.Errorf("time left without a size: %q", got)
	}
}
