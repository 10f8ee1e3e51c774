// Package usage tells mistakes in the command line from failures of the
// command, and those from a command that was done in part: each has an exit
// code of its own.
package usage

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/internal/spelling"
)

// ErrPartial says that the command went through, that what went wrong has been
// said already, and that the exit code must tell.
var ErrPartial = errors.New("done in part")

// Error is a mistake in the command line.
type Error struct{ error }

// Unwrap returns what the mistake is.
func (e Error) Unwrap() error { return e.error }

// Errorf returns an [Error] that says what is wrong in one sentence.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Wrap makes err a mistake in the command line; nil stays nil.
func Wrap(err error) error {
	if err == nil {
		return nil
	}
	return Error{err}
}

// NoArgs refuses arguments.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Errorf("%s takes no arguments, but was given %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// AtLeastOne wants arguments of the named kind.
func AtLeastOne(kind string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return Errorf("%s needs at least one %s", cmd.CommandPath(), kind)
		}
		return nil
	}
}

// One wants exactly one argument of the named kind.
func One(kind string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return Errorf("%s needs a %s", cmd.CommandPath(), kind)
		case len(args) > 1:
			return Errorf("%s takes one %s, but was given %q as well", cmd.CommandPath(), kind, args[1])
		}
		return nil
	}
}

// Unknown says that parent has no command of the given name, and which one
// may be meant.
func Unknown(parent *cobra.Command, given string) error {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := spelling.Nearest(given, names); near != "" {
		return Errorf("%s has no command %q; did you mean %s?", parent.CommandPath(), given, near)
	}
	return Errorf("%s has no command %q", parent.CommandPath(), given)
}

// Group returns a command that only holds others.
func Group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return Unknown(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}
