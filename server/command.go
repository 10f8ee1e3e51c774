package server

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/internal/version"
	"github.com/holdfast-security/holdfast/server/backup"
	"github.com/holdfast-security/holdfast/server/datadir"
	"github.com/holdfast-security/holdfast/server/pki"
	"github.com/holdfast-security/holdfast/server/rulebook"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore"
)

// Exit codes of the command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// stopTime is how long a server that is asked to stop may take.
const stopTime = 25 * time.Second

const usage = `holdfast-server keeps what the agents of many hosts send, detects attacks in it,
and serves console and API.

  holdfast-server run [--config FILE] [--data DIR]
      serve until stopped by SIGINT or SIGTERM; SIGHUP reads rules and
      policies again
  holdfast-server check [--config FILE] [--data DIR]
      say whether the configuration and the rules that it names can be used
  holdfast-server backup [--config FILE] [--data DIR] FILE
      write state, keys and segments to a new tar file, also while a server runs
  holdfast-server restore FILE --data DIR
      put a backup into an empty data directory and check that it is whole
  holdfast-server admin reset-password [--config FILE] [--data DIR] NAME
      give an account a new password and print it, also while a server runs
  holdfast-server version
      say which build this is

Exit codes: 0 done, or stopped as asked; 1 failed; 2 wrong command line or
configuration.
`

// errUsage says that the command line is wrong.
var errUsage = errors.New("wrong command line")

// Command carries out the command line args, without the program's name, and
// returns the exit code. Results go to stdout; what a server says of itself,
// and errors, each one sentence, go to stderr. It returns when the work is done
// or ctx has ended.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitDone
	}
	fmt.Fprintf(stderr, "holdfast-server: %v\n", err)
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usageError("give a command: run, check, backup, restore, admin reset-password or version; see holdfast-server help")
	}
	name, args := args[0], args[1:]
	switch name {
	case "run":
		return runCommand(ctx, args, stderr)
	case "check":
		return checkCommand(args, stdout)
	case "backup":
		return backupCommand(ctx, args, stdout)
	case "restore":
		return restoreCommand(ctx, args, stdout)
	case "admin":
		if len(args) > 0 && args[0] == "reset-password" {
			return resetCommand(ctx, args[1:], stdout)
		}
		return usageError("admin has one command, reset-password")
	case "version", "--version":
		fmt.Fprintln(stdout, "holdfast-server "+version.Get().String())
		return nil
	case "help", "-h", "--help":
		return flag.ErrHelp
	}
	return usageError(fmt.Sprintf("there is no command %q; see holdfast-server help", name))
}

// usage wraps what is wrong with the command line or configuration.
type usageProblem struct{ err error }

func (u usageProblem) Error() string   { return u.err.Error() }
func (u usageProblem) Unwrap() []error { return []error{errUsage, u.err} }

func usageError(text string) error { return usageProblem{errors.New(text)} }

// options reads flags, and a configuration file where one is named. Flags may
// stand behind the other arguments, of which there must be as many as named.
func options(args []string, names ...string) (cfg Config, rest []string, err error) {
	flags := flag.NewFlagSet("holdfast-server", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are said once, by Command
	path := flags.String("config", "", "configuration file, YAML or JSON")
	data := flags.String("data", "", "data directory, in place of the configured one")
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return cfg, nil, err
			}
			return cfg, nil, usageProblem{fmt.Errorf("%w; see holdfast-server help", err)}
		}
		if flags.NArg() == 0 {
			break
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
	if len(rest) != len(names) {
		return cfg, nil, usageError(wrongCount(rest, names))
	}
	if *path != "" {
		if cfg, err = LoadConfig(*path); err != nil {
			return cfg, nil, usageProblem{err}
		}
	}
	if *data != "" {
		if cfg.DataDir, err = filepath.Abs(*data); err != nil {
			return cfg, nil, usageProblem{err}
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, nil, usageProblem{err}
	}
	return cfg, rest, nil
}

// wrongCount says what arguments there should be.
func wrongCount(given, names []string) string {
	if len(given) > len(names) {
		return fmt.Sprintf("there is nothing to do with %q; see holdfast-server help", given[len(names)])
	}
	return fmt.Sprintf("%s is missing; see holdfast-server help", names[len(given)])
}

func runCommand(ctx context.Context, args []string, stderr io.Writer) error {
	cfg, _, err := options(args)
	if err != nil {
		return err
	}
	return Run(ctx, cfg, stderr, nil)
}

// Run runs a server until ctx ends. It logs to stderr, where it also says how to
// log on the first time; the password itself is shown on a terminal only, for a
// log is kept and read by others. It reads rules and policies again on SIGHUP.
// Started, where not nil, is called when the server is up. The error is nil when
// it was stopped in order.
func Run(ctx context.Context, cfg Config, stderr io.Writer, started func(*Server)) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmp.Or(cfg.LogLevel, "info"))); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	s, err := New(ctx, cfg, log)
	if err != nil {
		return err
	}
	err = s.Start(ctx)
	if err == nil {
		s.welcome(stderr)
		if started != nil {
			started(s)
		}
		s.attend(ctx)
		log.Info("stopping")
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return errors.Join(err, s.Stop(stopping))
}

// welcome says how to log on to a new server.
func (s *Server) welcome(w io.Writer) {
	if s.first == "" {
		return
	}
	path := s.cfg.path(firstPasswordName)
	if terminal(w) {
		fmt.Fprintf(w, "\nLog on at %s as %q with the password %s\nIt also stands in %s until it is changed.\n", s.URL(), FirstAdmin, s.first, path)
	} else {
		fmt.Fprintf(w, "\nLog on at %s as %q with the password that stands in %s until it is changed.\n", s.URL(), FirstAdmin, path)
	}
	if s.cfg.CertificateFile == "" {
		fmt.Fprintf(w, "Browsers warn of the certificate until they are given that of the server's authority, %s.\n", s.cfg.path(authorityName))
	}
	fmt.Fprintln(w)
}

// terminal reports whether w is a device with somebody before it.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// attend waits for ctx to end, and reads rules and policies again on SIGHUP.
func (s *Server) attend(ctx context.Context) {
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
			if err := s.Reload(ctx); err != nil {
				s.log.Error("what is in force stays so", "error", err)
			}
		}
	}
}

// checkCommand looks at everything that can be looked at without starting.
func checkCommand(args []string, stdout io.Writer) error {
	cfg, _, err := options(args)
	if err != nil {
		return err
	}
	if _, err := cfg.database(); err != nil {
		return usageProblem{err}
	}
	if cfg.CertificateFile != "" {
		if err := pki.CheckOwn(cfg.CertificateFile, cfg.KeyFile, time.Now()); err != nil {
			return usageProblem{err}
		}
	}
	rules, err := rulebook.Load(cfg.Rules)
	if err != nil {
		return usageProblem{err}
	}
	fmt.Fprintf(stdout, "the configuration can be used: %d rules, data in %s\n", rules, cfg.dataDir())
	return nil
}

// backupCommand writes a backup beside its name first, checks it, and renames
// it, so that a file of that name is whole.
func backupCommand(ctx context.Context, args []string, stdout io.Writer) error {
	cfg, rest, err := options(args, "FILE")
	if err != nil {
		return err
	}
	path := rest[0]
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("back up to %s: there is such a file; name a new one", path)
	}
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	m, err := backUp(ctx, cfg, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := atomicfile.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	fmt.Fprintf(stdout, "%s holds %d files\n", path, len(m.Files))
	return nil
}

// backUp writes a backup to a file and reads it again.
func backUp(ctx context.Context, cfg Config, file *os.File) (backup.Manifest, error) {
	buffered := bufio.NewWriterSize(file, 1<<20)
	err := withServer(ctx, cfg, "/backup", nil, buffered, func(s *Server) error { return s.Backup(ctx, buffered) })
	if err = errors.Join(err, buffered.Flush()); err != nil {
		return backup.Manifest{}, err
	}
	if err := file.Sync(); err != nil {
		return backup.Manifest{}, fmt.Errorf("back up: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return backup.Manifest{}, fmt.Errorf("back up: %w", err)
	}
	return backup.Read(bufio.NewReaderSize(file, 1<<20), func(_ string, content io.Reader) error {
		_, err := io.Copy(io.Discard, content)
		return err
	})
}

// withServer asks the server that runs on the data directory, or, when there is
// none, opens one without starting it.
func withServer(ctx context.Context, cfg Config, path string, form url.Values, answer io.Writer, offline func(*Server) error) error {
	if _, err := os.Stat(cfg.path(backup.KeysName)); err != nil {
		return fmt.Errorf("there is no server's data in %s, name it with --data: %w", cfg.dataDir(), err)
	}
	s, err := New(ctx, cfg, slog.New(slog.DiscardHandler))
	if errors.Is(err, datadir.ErrLocked) {
		return ask(ctx, cfg.path(controlName), path, form, answer)
	}
	if err != nil {
		return err
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return errors.Join(offline(s), s.Stop(stopping))
}

func restoreCommand(ctx context.Context, args []string, stdout io.Writer) error {
	cfg, rest, err := options(args, "FILE")
	if err != nil {
		return err
	}
	if cfg.DataDir == "" {
		return usageError("restore needs --data with the directory to restore into")
	}
	m, err := backup.Restore(ctx, rest[0], cfg.DataDir, namedSegments)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "restored into %s and checked: a backup of %s, made by Holdfast %s, of %d files\n",
		cfg.DataDir, m.Created.Format("2006-01-02 15:04:05 MST"), m.Server, len(m.Files))
	return nil
}

// namedSegments returns the segments that the database in a file names.
func namedSegments(ctx context.Context, path string) (segments []store.Segment, err error) {
	state, err := sqlstore.Open(ctx, sqlstore.Config{Path: path})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	return state.SegmentList(ctx, store.SegmentFilter{})
}

func resetCommand(ctx context.Context, args []string, stdout io.Writer) error {
	cfg, rest, err := options(args, "NAME")
	if err != nil {
		return err
	}
	name, password := rest[0], ""
	var answer bytes.Buffer
	err = withServer(ctx, cfg, "/reset-password", url.Values{"name": {name}}, &answer, func(s *Server) (err error) {
		password, err = s.resetPassword(ctx, name)
		return err
	})
	if err == nil && answer.Len() > 0 {
		err = json.Unmarshal(answer.Bytes(), &password)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "the password of %s is now %s\n", name, password)
	return nil
}
