package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/ruletest"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

// testJSON is the result of `rules test -o json`.
type testJSON struct {
	Rules   int                 `json:"rules"` // compiled
	Samples int                 `json:"samples"`
	Failed  int                 `json:"failed"`
	Results []ruletest.Result   `json:"results"`
	Refused []rulefiles.Refusal `json:"refused"`
}

func (a *app) rulesTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test DIRECTORY", Short: "Run rules on the samples beside them",
		Long: `Run the rules in a directory on the samples beside them: NAME.txtar beside
NAME.yml with files match-*.log, which must match, and nomatch-*.log, which must
not; or SigmaHQ's regression_data. Logs are those that holdfast replay reads;
files ending in .json hold JSON objects. The exit code is 3 when a sample fails
or a rule is refused.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("%s needs one directory with rules and samples", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.testRules(args[0]) },
	}
}

func (a *app) testRules(dir string) error {
	set := &rulefiles.Set{}
	if err := set.Add(dir); err != nil {
		return err
	}
	compiled := set.Compile()
	results, err := ruletest.Run(compiled, dir)
	if err != nil {
		return err
	}
	report := testJSON{
		Rules: len(compiled.Rules()), Samples: len(results), Results: results, Refused: append([]rulefiles.Refusal{}, set.Refused...),
	}
	for _, r := range results {
		if !r.Passed {
			report.Failed++
		}
	}
	if err := a.printTest(report); err != nil {
		return err
	}
	if report.Failed > 0 || len(report.Refused) > 0 {
		return usage.ErrPartial
	}
	return nil
}

func (a *app) printTest(report testJSON) error {
	if a.structured() {
		return a.printDocument(report)
	}
	return a.print(testText(report))
}

// testText is pure.
func testText(report testJSON) string {
	var b strings.Builder
	for _, r := range report.Refused {
		b.WriteString("refused " + termtext.Bound(r.String(), maxMessage) + "\n")
	}
	for _, r := range report.Results {
		if !r.Passed {
			b.WriteString("failed " + termtext.Bound(r.Sample+": "+r.Reason, maxMessage) + "\n")
		}
	}
	b.WriteString(render.Plural(uint64(report.Rules), "rule") + ", " + render.Plural(uint64(report.Samples), "sample") + ", " +
		render.Number(uint64(report.Failed)) + " failed\n")
	return b.String()
}
