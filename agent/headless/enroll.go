package headless

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/agent/respond"
	"github.com/holdfast-security/holdfast/agent/spool"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/internal/version"
	"github.com/holdfast-security/holdfast/wire"
)

// errUsage marks what is wrong with a command line.
var errUsage = errors.New("see `holdfast-agent help`")

// parse reads flags that may stand before and after the arguments, of which
// there must be the given number, none or one.
func parse(flags *flag.FlagSet, args []string, want int) ([]string, error) {
	flags.SetOutput(io.Discard)
	var positional []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, fmt.Errorf("%w; %w", err, errUsage)
		}
		if flags.NArg() == 0 {
			break
		}
		positional = append(positional, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(positional) != want {
		if want == 1 {
			return nil, fmt.Errorf("%s takes one argument, not %d; %w", flags.Name(), len(positional), errUsage)
		}
		return nil, fmt.Errorf("%s takes no argument %q; %w", flags.Name(), positional[0], errUsage)
	}
	return positional, nil
}

// exit says what went wrong and returns the exit code for it.
func exit(err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		return exitDone
	}
	fmt.Fprintf(stderr, "holdfast-agent: %v\n", withRemedy(err, os.Geteuid()))
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

// asRoot is what to do where the user that runs this may not.
const asRoot = "run this as root"

// withRemedy adds what to do to an error that lacks it.
func withRemedy(err error, user int) error {
	if errors.Is(err, fs.ErrPermission) && user != 0 && !strings.Contains(err.Error(), asRoot) {
		return fmt.Errorf("%w; %s", err, asRoot)
	}
	return err
}

func enrollCommand(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("enroll", flag.ContinueOnError)
	server := flags.String("server", "", "URL of the server, instead of the token's")
	stateDir := flags.String("state-dir", agent.DefaultStateDir, "directory for what must survive a restart")
	positional, err := parse(flags, args, 1)
	if err != nil {
		return exit(err, stderr)
	}
	text := positional[0]
	if text == "-" { // so that it stands in no list of processes
		if text, err = bufio.NewReader(io.LimitReader(stdin, wire.MaxMessage)).ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
			return exit(fmt.Errorf("read the token: %w", err), stderr)
		}
	}
	token, err := wire.ParseToken(text)
	if err != nil {
		return exit(err, stderr)
	}
	if done, err := enrolledAlready(*stateDir, token, stdout); done || err != nil {
		return exit(err, stderr)
	}
	id, err := enroll(ctx, token, *server, *stateDir, slog.New(slog.NewTextHandler(stderr, nil)))
	if err == nil {
		fmt.Fprintf(stdout, "Enrolled as host %s at %s.\nStart the agent, or restart it: systemctl restart holdfast-agent\n", id.Host, id.Server)
	}
	return exit(err, stderr)
}

// enrolledAlready reports whether this machine is a host of the token's server.
// That of another is an error.
func enrolledAlready(stateDir string, token wire.Token, stdout io.Writer) (bool, error) {
	id, err := identity.Load(stateDir)
	switch {
	case errors.Is(err, identity.ErrNotEnrolled):
		return false, nil
	case err != nil:
		return false, err
	case !id.Pinned(token.Pin):
		return false, fmt.Errorf("this machine is enrolled at %s, which is not the token's server; `holdfast-agent unenroll` ends that", id.Server)
	}
	fmt.Fprintf(stdout, "This machine is enrolled as host %s at %s already; that was left as it is.\n", id.Host, id.Server)
	return true, nil
}

// enroll makes this machine a host and keeps its identity.
func enroll(ctx context.Context, token wire.Token, server, stateDir string, log *slog.Logger) (identity.Identity, error) {
	e := transport.Enrollment{Token: token, MachineID: machineID(), Agent: version.Get().String(), Log: log}
	if server != "" {
		if err := wire.ValidServer(server); err != nil {
			return identity.Identity{}, err
		}
		e.Servers = []string{server}
	}
	var err error
	if e.Hostname, err = os.Hostname(); err != nil {
		return identity.Identity{}, fmt.Errorf("learn the name of this machine: %w", err)
	}
	if err := readyToEnroll(stateDir); err != nil { // before the token is used up
		return identity.Identity{}, err
	}
	id, err := transport.Enroll(ctx, e)
	if err != nil {
		return identity.Identity{}, err
	}
	return id, identity.Create(stateDir, id)
}

// readyToEnroll reports what would be in the way of a new identity.
func readyToEnroll(stateDir string) error {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w; "+asRoot+", or choose another with --state-dir", err)
	}
	probe, err := os.CreateTemp(stateDir, ".probe-")
	if err != nil {
		return fmt.Errorf("write to the state directory: %w; "+asRoot+", or choose another with --state-dir", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("write to the state directory: %w", err)
	}
	left, err := inSpool(stateDir)
	if err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("%d events of an earlier enrolment wait in the spool; `holdfast-agent unenroll --force` discards them", left)
	}
	return os.RemoveAll(filepath.Join(stateDir, spoolDirectory)) // numbers begin anew with the host
}

// inSpool returns how many events wait in the spool of a stopped agent.
func inSpool(stateDir string) (uint64, error) {
	dir := filepath.Join(stateDir, spoolDirectory)
	if _, err := os.Stat(dir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return 0, nil
		}
		return 0, err
	}
	s, err := spool.Open(dir, spool.Options{})
	if errors.Is(err, spool.ErrInUse) {
		return 0, errors.New("the agent is running; stop it first: systemctl stop holdfast-agent")
	}
	if err != nil {
		return 0, err
	}
	left := s.Ledger().Spooled
	return left, s.Close()
}

// machineID returns machine-id(5), "" where there is none.
func machineID() string {
	data, err := os.ReadFile("/etc/machine-id")
	if err != nil || len(data) > 64 {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func unenrollCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("unenroll", flag.ContinueOnError)
	force := flags.Bool("force", false, "also when events would be lost")
	stateDir := flags.String("state-dir", agent.DefaultStateDir, "directory for what must survive a restart")
	runDir := flags.String("run-dir", agent.DefaultRunDir, "directory of the control socket")
	if _, err := parse(flags, args, 0); err != nil {
		return exit(err, stderr)
	}
	return exit(unenroll(ctx, *stateDir, *runDir, *force, stdout), stderr)
}

// unenroll forgets the server. It refuses while the agent runs, and, without
// force, when events are left.
func unenroll(ctx context.Context, stateDir, runDir string, force bool, stdout io.Writer) error {
	var running Report
	if err := control.Ask(ctx, runDir, &running); err == nil && running.Server != nil {
		return errors.New("the agent is running; stop it first: systemctl stop holdfast-agent")
	}
	left, err := inSpool(stateDir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil && !force:
		return fmt.Errorf("%w; --force discards the spool unread", err)
	case left > 0 && !force:
		return fmt.Errorf("%d events wait in the spool that the server does not have; start the agent to send them, or discard them with --force", left)
	case !identity.Enrolled(stateDir) && left == 0 && !force:
		return identity.ErrNotEnrolled
	}
	if err := identity.Remove(stateDir); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(stateDir, spoolDirectory)); err != nil {
		return fmt.Errorf("discard the spool: %w", err)
	}
	if err := errors.Join(bundle.Remove(stateDir), respond.Forget(stateDir)); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "This machine is no longer enrolled; %d events were discarded. Revoke the host in the console as well.\n", left)
	return nil
}
