package cli

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/output"
	"github.com/holdfast-security/holdfast/cli/remote"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/secret"
	"github.com/holdfast-security/holdfast/cli/usage"
)

// Streams are the standard streams of the command. Out and Err are drawn on
// in colour when they are terminals.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Run carries out the command line args, without the program's name, and
// returns the exit code. When ctx ends, watch and events stop with their
// summary and everything else is interrupted.
func Run(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	_, _ = io.WriteString(streams.Err, say(err))
	return exitCode(err)
}

// app is what all subcommands share.
type app struct {
	Streams
	format  output.Format
	noColor bool
	remote  *remote.Env
}

const rootHelp = `Holdfast watches machines for attacks and says what happened, which process
did it, why a rule fired and what to do.

  holdfast up               run a server, and an agent on this machine (as root)
  holdfast watch            show alerts of this machine as they happen, without a server
  holdfast simulate --all   prove it: harmless attacks, each must raise its alert
  holdfast replay FILE…     the same rules over recorded logs

Exit codes: 0 done; 1 failed; 2 wrong command line; 3 done in part (input
unreadable, rule refused, scenario failed). Alerts are no failure.`

func newRoot(streams Streams) *cobra.Command {
	a := &app{Streams: streams}
	a.remote = &remote.Env{
		In: streams.In, Out: streams.Out, Err: streams.Err, Secret: secret.Ask,
		Format: func() output.Format { return a.format }, Style: a.style,
	}
	root := &cobra.Command{
		Use: "holdfast", Short: "Watch a machine for attacks", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usage.Unknown(cmd, args[0])
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkFormat() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.StringVarP((*string)(&a.format), "output", "o", string(output.Table), "how to print: table, json or yaml")
	flags.BoolVar(&a.noColor, "no-color", false, "no colours; so does the environment variable NO_COLOR")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(output.Formats(), cobra.ShellCompDirectiveNoFileComp))
	root.AddGroup(&cobra.Group{ID: groupHere, Title: "On this machine:"}, &cobra.Group{ID: groupServer, Title: "With a server:"})
	root.AddCommand(a.commands()...)
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// The groups of commands in the help.
const (
	groupHere   = "here"
	groupServer = "server"
)

func (a *app) commands() []*cobra.Command {
	list := inGroup(groupHere, a.upCommand(), a.watchCommand(), a.eventsCommand(), a.simulateCommand(), a.replayCommand(), a.rulesCommand(),
		a.featuresCommand(), a.healthCommand())
	list = append(list, inGroup(groupServer, a.remote.Commands()...)...)
	return append(list, a.versionCommand(), a.completionCommand())
}

func inGroup(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
	}
	return commands
}

// style returns how to draw on w.
func (a *app) style(w io.Writer) render.Style {
	columns, terminal := terminalWidth(w)
	return render.Style{Width: columns, Color: terminal && !a.noColor && colorWanted(), Location: time.Local}
}
