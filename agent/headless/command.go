package headless

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/holdfast-security/holdfast/internal/version"
)

// Exit codes of the command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `holdfast-agent runs Holdfast's sensors without a terminal: for a server, or on its own.

  holdfast-agent enroll TOKEN|- [--server URL] [--state-dir DIR]
      make this machine a host of the server that the token is from, where it is not; - reads the token from
      standard input
  holdfast-agent run [--config FILE] [--output FILE|-] [--exceptions FILE|DIR] [--state-dir DIR]
      until stopped by SIGINT or SIGTERM: send events to the server; with --output, and where the machine is not
      enrolled, find attacks here and write alerts as JSON lines, but for those that exceptions cover
  holdfast-agent status [-o text|json] [--run-dir DIR]
      how the running agent is doing, and where every event went
  holdfast-agent unenroll [--force] [--state-dir DIR] [--run-dir DIR]
      forget the server; --force also when events would be lost that it does not have
  holdfast-agent version
      say which build this is

Exit codes: 0 stopped as asked; 1 failed; 2 wrong command line or configuration.
`

// Command carries out the command line args, without the program's name, and
// returns the exit code. What run writes to a terminal or log about itself goes
// to stderr. It returns when the work is done or ctx has ended.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "run":
		return runCommand(ctx, args, stdout, stderr)
	case "enroll":
		return enrollCommand(ctx, args, os.Stdin, stdout, stderr)
	case "status":
		return statusCommand(ctx, args, stdout, stderr)
	case "unenroll":
		return unenrollCommand(ctx, args, stdout, stderr)
	case "version", "--version":
		fmt.Fprintln(stdout, "holdfast-agent "+version.Get().String())
		return exitDone
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return exitDone
	case "":
		fmt.Fprint(stderr, usage)
	default:
		fmt.Fprintf(stderr, "holdfast-agent: there is no command %q; there are enroll, run, status, unenroll and version\n", name)
	}
	return exitUsage
}

func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configure(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		fmt.Fprintf(stderr, "holdfast-agent: %v\n", err)
		return exitUsage
	}
	return exit(Run(ctx, cfg, stdout, slog.New(slog.NewTextHandler(stderr, nil))), stderr)
}

// configure joins the configuration file and the flags, which win.
func configure(args []string, stderr io.Writer) (Config, error) {
	flags := flag.NewFlagSet("holdfast-agent run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are said once, by the caller
	path := flags.String("config", "", "configuration file, YAML or JSON")
	output := flags.String("output", "", "file to append JSON lines to; - is standard output")
	stateDir := flags.String("state-dir", "", "directory for what must survive a restart")
	var exceptions []string
	flags.Func("exceptions", "file or directory of exceptions, beside those of the configuration", func(path string) error {
		exceptions = append(exceptions, path)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, usage)
		}
		return Config{}, err
	}
	if flags.NArg() > 0 {
		return Config{}, fmt.Errorf("run takes no argument %q", flags.Arg(0))
	}
	var cfg Config
	if *path != "" {
		var err error
		if cfg, err = LoadConfig(*path); err != nil {
			return Config{}, err
		}
	}
	if *output != "" {
		cfg.Output = *output
	}
	if *stateDir != "" {
		cfg.StateDir = *stateDir
	}
	cfg.Exceptions = append(cfg.Exceptions, exceptions...)
	return cfg, cfg.Validate()
}
