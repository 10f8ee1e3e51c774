package cli

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
)

const healthHelp = `Say how the agent on this machine is doing: its features, warnings with their
remedies, and where every event went.

A running agent, or a running holdfast watch, is asked over its socket. When
none runs, the sensors are started for a moment to see what this host can
carry, and what they changed is undone.`

// probeTime is how long sensors run when no agent can be asked.
const probeTime = time.Second

func (a *app) healthCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "health", Short: "Say how the agent is doing and what it lost", Long: healthHelp, Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.health(cmd.Context(), cmp.Or(dir, runDir())) },
	}
	cmd.Flags().StringVar(&dir, "run-dir", "", "directory of the agent's socket; by default that of an agent of this user")
	return cmd
}

// healthJSON is the result of `health -o json`: the agent's report, and
// whether it came from a running agent or from a probe.
type healthJSON struct {
	Agent string `json:"agent"` // "running" or "probe"
	agent.Report
}

func (a *app) health(ctx context.Context, dir string) error {
	result := healthJSON{Agent: "running"}
	err := control.Ask(ctx, dir, &result.Report)
	if errors.Is(err, control.ErrNoAgent) {
		result.Agent = "probe"
		result.Report, err = probe(ctx)
	}
	if err != nil {
		return err
	}
	if a.structured() {
		return a.printDocument(result)
	}
	return a.print(healthText(result, time.Now(), a.style(a.Out)))
}

func probe(ctx context.Context) (agent.Report, error) {
	s, err := startSession(ctx, agent.Config{})
	if err != nil {
		return agent.Report{}, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(probeTime):
	}
	report := s.agent.Report() // before the features are stopped
	_, err = s.stop(ctx)
	return report, errors.Join(err, ctx.Err())
}

// healthText is pure.
func healthText(h healthJSON, now time.Time, style render.Style) string {
	var b strings.Builder
	if h.Agent == "running" {
		about := "pid " + strconv.Itoa(h.PID) + ", up " + render.Duration(now.Sub(h.Started)) + ", " + h.System
		b.WriteString(render.Labelled("Agent of host "+string(h.Host), []string{about}, style) + "\n")
	} else {
		b.WriteString("No agent runs here. The sensors were tried for " + render.Duration(probeTime) + ":\n\n")
	}
	b.WriteString(render.Features(h.Features, style))
	b.WriteString("\nEvents\n" + render.Ledger(ledgerEntries(h.Report), style))
	return b.String()
}

// ledgerEntries sets out that produced = delivered + everything else.
func ledgerEntries(r agent.Report) []render.Entry {
	l := r.Ledger
	entries := []render.Entry{
		{Value: l.Emitted, What: "produced by the features"},
		{Value: l.Delivered, What: "= delivered to detection"},
		{Value: l.Merged + l.Folded, What: "+ reported by two features, delivered once"},
		{Value: l.Waiting, What: "+ under way"},
	}
	for _, name := range slices.Sorted(maps.Keys(l.Dropped)) {
		entries = append(entries, render.Entry{Value: l.Dropped[name], What: "lost: " + name, Bad: true})
	}
	return entries
}

// losses says what never reached detection, or that nothing is missing.
func losses(r agent.Report, style render.Style) string {
	var entries []render.Entry
	for _, name := range slices.Sorted(maps.Keys(r.Ledger.Dropped)) {
		if n := r.Ledger.Dropped[name]; n > 0 {
			entries = append(entries, render.Entry{Value: n, What: "lost: " + name, Bad: true})
		}
	}
	if len(entries) == 0 {
		return "Nothing was lost.\n"
	}
	return render.Ledger(entries, style)
}

func isRoot() bool { return os.Geteuid() == 0 }
