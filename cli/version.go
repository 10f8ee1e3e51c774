package cli

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/internal/version"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is", Args: usage.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info := version.Get()
			if a.structured() {
				return a.printDocument(info)
			}
			return a.print("holdfast " + info.String() + ", " + info.Go + ", " + info.Platform + "\n")
		},
	}
}

const completionHelp = `Print a script that completes commands and flags in a shell.

  bash  holdfast completion bash > /etc/bash_completion.d/holdfast
  zsh   holdfast completion zsh > "${fpath[1]}/_holdfast"
  fish  holdfast completion fish > ~/.config/fish/completions/holdfast.fish`

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print a completion script for a shell", Long: completionHelp,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("%s needs one shell: bash, zsh or fish", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return written(cmd.Root().GenBashCompletionV2(a.Out, true))
			case "zsh":
				return written(cmd.Root().GenZshCompletion(a.Out))
			case "fish":
				return written(cmd.Root().GenFishCompletion(a.Out, true))
			}
			return usage.Errorf("there is no completion for %q; there is for bash, zsh and fish", args[0])
		},
	}
}
