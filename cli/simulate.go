package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/alert"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/spelling"
	"github.com/holdfast-security/holdfast/simulate"
)

const simulateHelp = `Play attacks for real but without harm, and say whether each raised its alert.

Every scenario does what its rule is about, with harmless means, cleans up
after itself, and waits for its alert to come through the sensors and the rules.
The results are pass, fail or skip, with the reason; the exit code is 3 when one
fails, or when none could be played. --list says what each does.`

// simulateOptions are the flags of simulate.
type simulateOptions struct {
	list, all bool
	host      string // of a server, "" for this machine
}

func (a *app) simulateCommand() *cobra.Command {
	var opts simulateOptions
	cmd := &cobra.Command{
		Use: "simulate [NAME…]", Short: "Play harmless attacks; each must raise its alert", Long: simulateHelp,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarioNames(simulate.Scenarios()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.simulate(cmd.Context(), args, opts) },
	}
	cmd.Flags().BoolVar(&opts.list, "list", false, "list the scenarios, play none")
	cmd.Flags().BoolVar(&opts.all, "all", false, "play all scenarios")
	cmd.Flags().StringVar(&opts.host, "host", "", "name or uid of a host of a server to play them on, in place of this machine")
	a.remote.AddContextFlag(cmd)
	return cmd
}

func scenarioNames(list []simulate.Scenario) []string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

func (a *app) simulate(ctx context.Context, names []string, opts simulateOptions) error {
	if opts.host != "" && !opts.list {
		if opts.all != (len(names) == 0) {
			return usage.Errorf("name the scenarios to play, or --all")
		}
		return a.remote.Simulate(ctx, opts.host, names)
	}
	chosen, err := chooseScenarios(simulate.Scenarios(), names, opts)
	if err != nil {
		return err
	}
	if opts.list {
		return a.listScenarios(chosen)
	}
	results, err := a.play(ctx, chosen)
	if results != nil { // also of an interrupted run
		err = errors.Join(err, a.printResults(results))
	}
	if err != nil {
		return err
	}
	passed, failed := count(results, simulate.Pass), count(results, simulate.Fail)
	if failed > 0 || passed == 0 {
		return usage.ErrPartial
	}
	return nil
}

func chooseScenarios(all []simulate.Scenario, names []string, opts simulateOptions) ([]simulate.Scenario, error) {
	switch {
	case opts.all && len(names) > 0:
		return nil, usage.Errorf("give --all or names of scenarios, not both")
	case len(names) == 0 && !opts.all && !opts.list:
		return nil, usage.Errorf("name the scenarios to play, or --all; --list names them")
	case len(names) == 0:
		return all, nil
	}
	var chosen []simulate.Scenario
	for _, name := range names {
		s, ok := simulate.Find(all, name)
		if !ok {
			return nil, unknownScenario(all, name)
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

func unknownScenario(all []simulate.Scenario, name string) error {
	if near := spelling.Nearest(name, scenarioNames(all)); near != "" {
		return usage.Errorf("there is no scenario %q; did you mean %s?", name, near)
	}
	return usage.Errorf("there is no scenario %q; holdfast simulate --list names them", name)
}

func (a *app) listScenarios(list []simulate.Scenario) error {
	if a.structured() {
		return a.printDocument(append([]simulate.Scenario{}, list...))
	}
	var rows [][]string
	for _, s := range list {
		var needs []string
		for _, n := range s.Needs {
			needs = append(needs, string(n))
		}
		rows = append(rows, []string{s.Name, string(s.AlertType), s.Summary, strings.Join(needs, ", ")})
	}
	return a.print(render.Table([]string{"SCENARIO", "ALERT TYPE", "WHAT HAPPENS", "NEEDS"}, rows, a.style(a.Out)))
}

// alertRoom is how many alerts may wait for the runner, which reads all the
// time.
const alertRoom = 4096

// play runs sensors, engine and scenarios.
func (a *app) play(ctx context.Context, chosen []simulate.Scenario) ([]simulate.Result, error) {
	rules, err := a.compileRules(nil)
	if err != nil {
		return nil, err
	}
	alerts := make(chan finding.Alert, alertRoom)
	detector := alert.NewDetector(rules, detect.Limits{}, nil, func(f finding.Alert, repeat bool) {
		if repeat {
			f.Time = f.LastTime // the match at hand is what the runner waits for
		}
		select {
		case alerts <- f:
		default: // nobody reads any more: the last scenario is over
		}
	})
	s, err := startSession(ctx, agent.Config{Handler: detector.Handle, RawRecords: detector.NeedsRecords()})
	if err != nil {
		return nil, err
	}
	a.note("%s", render.Warnings(s.agent.Report().Features, a.style(a.Err)))
	if note := privilegeNote(); note != "" {
		a.note("%s", render.Labelled("not root, so most scenarios will fail", []string{note}, a.style(a.Err)))
	}
	results := a.run(ctx, alerts, chosen)
	_, err = s.stop(ctx)
	return results, errors.Join(err, ctx.Err())
}

// run plays the scenarios and says on standard error how far it is.
func (a *app) run(ctx context.Context, alerts <-chan finding.Alert, chosen []simulate.Scenario) []simulate.Result {
	style := a.style(a.Err)
	_, terminal := terminalWidth(a.Err)
	played := 0
	runner := simulate.Runner{Alerts: alerts}
	if terminal {
		runner.Started = func(s simulate.Scenario) {
			text := fmt.Sprintf("%d of %d: %s", played+1, len(chosen), s.Name)
			a.note("\r\x1b[K%s", render.Status(text, style))
		}
	}
	runner.Done = func(r simulate.Result) {
		played++
		if terminal {
			a.note("\r\x1b[K")
		} else {
			a.note("%d of %d: %s: %s\n", played, len(chosen), r.Scenario, r.Outcome)
		}
	}
	return runner.Run(ctx, chosen)
}

func (a *app) printResults(results []simulate.Result) error {
	if a.structured() {
		return a.printDocument(append([]simulate.Result{}, results...))
	}
	return a.print(resultText(results, a.style(a.Out)))
}

// resultText is pure.
func resultText(results []simulate.Result, style render.Style) string {
	var rows [][]string
	for _, r := range results {
		seconds := "-"
		if r.Outcome == simulate.Pass {
			seconds = strconv.FormatFloat(r.SecondsToAlert, 'f', 2, 64)
		}
		rows = append(rows, []string{r.Scenario, string(r.AlertType), string(r.Outcome), seconds, r.Reason})
	}
	return render.Table([]string{"SCENARIO", "ALERT TYPE", "RESULT", "SECONDS", "REASON"}, rows, style) +
		fmt.Sprintf("\n%d passed, %d failed, %d skipped.\n",
			count(results, simulate.Pass), count(results, simulate.Fail), count(results, simulate.Skip))
}

func count(results []simulate.Result, outcome simulate.Outcome) int {
	n := 0
	for _, r := range results {
		if r.Outcome == outcome {
			n++
		}
	}
	return n
}
