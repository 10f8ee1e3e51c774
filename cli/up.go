package cli

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/cli/up"
	"github.com/holdfast-security/holdfast/cli/usage"
)

const upHelp = `Run a whole Holdfast on this machine until interrupted: a server with everything
embedded, and an agent that watches this machine for it.

The first time it makes the server's keys and the first administrator, whose
password it prints, and enrols this machine. Everything is kept for the next
time. As root it uses the places of the real thing, /var/lib/holdfast-server and
/var/lib/holdfast; anyone else gets directories of their own, and sees less of
the machine.`

// serverDir is where a server that runs as root keeps everything.
const serverDir = "/var/lib/holdfast-server"

func (a *app) upCommand() *cobra.Command {
	var o up.Options
	cmd := &cobra.Command{
		Use: "up", Short: "Run a server, and an agent on this machine", Long: upHelp, Args: usage.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := upDirs(&o); err != nil {
				return err
			}
			o.Out = a.Out
			o.Notice = func(sentence string) { a.note("holdfast: %s\n", sentence) }
			return up.Run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Server, "data", "", "data directory of the server")
	flags.StringVar(&o.Agent, "state-dir", "", "state directory of the agent")
	flags.StringVar(&o.Run, "run-dir", "", "directory of the agent's control socket")
	flags.StringVar(&o.Listen, "listen", "", "address of console and API; by default :8443")
	flags.StringVar(&o.Stream, "stream-listen", "", "address that agents connect to; by default :4222")
	flags.StringSliceVar(&o.Names, "name", nil, "names or addresses under which others reach this machine; by default found out")
	flags.BoolVar(&o.Console, "no-agent", false, "run the server alone")
	return cmd
}

// upDirs fills in the directories that no flag named.
func upDirs(o *up.Options) error {
	if isRoot() {
		o.Server, o.Agent, o.Run = cmp.Or(o.Server, serverDir), cmp.Or(o.Agent, agent.DefaultStateDir), cmp.Or(o.Run, agent.DefaultRunDir)
		return nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	own := filepath.Join(dir, "holdfast")
	o.Server, o.Agent, o.Run = cmp.Or(o.Server, filepath.Join(own, "server")), cmp.Or(o.Agent, filepath.Join(own, "agent")), cmp.Or(o.Run, runDir())
	return nil
}
