package cli

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/internal/spelling"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// Exit codes. They are API.
const (
	ExitDone    = 0 // the command did what it was asked; alerts are no failure
	ExitFailed  = 1 // the operation failed; nothing or not all of it was done
	ExitUsage   = 2 // the command line was wrong; nothing was done
	ExitPartial = 3 // done, but part of the input was unreadable, a rule refused or a scenario failed
)

// exitCode maps the error of a command to the exit code.
func exitCode(err error) int {
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, usage.ErrPartial):
		return ExitPartial
	case errors.As(err, new(usage.Error)):
		return ExitUsage
	}
	return ExitFailed
}

// maxMessage bounds an error message, in columns.
const maxMessage = 2000

// say returns the line that tells of err, or "" when nothing is left to say.
func say(err error) string {
	switch {
	case err == nil, errors.Is(err, usage.ErrPartial), errors.Is(err, syscall.EPIPE):
		return "" // nobody reads a closed pipe, and closing it was meant
	case errors.Is(err, context.Canceled):
		return "holdfast: interrupted\n"
	}
	lines := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		lines[i] = termtext.Bound(l, maxMessage)
	}
	text := "holdfast: " + strings.Join(lines, "; ") + "\n"
	if errors.As(err, new(usage.Error)) {
		text += "See holdfast --help.\n"
	}
	return text
}

// flagError turns what the flag parser says into one sentence with the
// nearest flag that exists.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	given := unknown.GetSpecifiedName()
	if near := nearestFlag(cmd.Flags(), given); near != "" {
		return usage.Errorf("%s has no flag %s%s; did you mean --%s?", cmd.CommandPath(), dashes(given), given, near)
	}
	return usage.Errorf("%s has no flag %s%s", cmd.CommandPath(), dashes(given), given)
}

func dashes(flag string) string {
	if len(flag) == 1 {
		return "-"
	}
	return "--"
}

func nearestFlag(flags *pflag.FlagSet, given string) string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return spelling.Nearest(given, names)
}
