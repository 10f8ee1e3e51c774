package simulate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// stageRoot is where stages are made. It is /tmp and not TMPDIR because some
// rules are about programs below /tmp.
const stageRoot = "/tmp"

// Stage is what a scenario works with: a directory and a token of its own, and
// a list of clean-ups. It is for one goroutine.
//
// Commands are run from a session of the stage's own: a copy of the shell named
// login. Rules look at the parents of what happens and at how its session came
// into the host, and leave out what builds, packages and jobs do; thus a scenario
// is the same whether Holdfast was started by a person, by make or by cron.
type Stage struct {
	Token string // unique to this run of the scenario, letters and digits
	Dir   string // absolute, mode 0755, removed with all it contains; its name contains the token

	login    string // the copy of the shell; "" until it is needed
	acts     int    // commands that were run
	cleanups []cleanup
}

type cleanup struct {
	what string
	do   func() error
}

// newStage makes the directory.
func newStage() (*Stage, error) {
	random := make([]byte, 6)
	rand.Read(random) // never fails: crypto/rand
	s := &Stage{Token: "hfsim" + hex.EncodeToString(random)}
	s.Dir = filepath.Join(stageRoot, "holdfast-"+s.Token)
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the stage: %w", err)
	}
	s.Cleanup("remove "+s.Dir, func() error { return os.RemoveAll(s.Dir) })
	if err := os.Chmod(s.Dir, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("make the stage: %w", err), s.clean())
	}
	return s, nil
}

// Cleanup registers do to run when the scenario is over; the last registered
// runs first, and each runs whatever became of the others.
func (s *Stage) Cleanup(what string, do func() error) {
	s.cleanups = append(s.cleanups, cleanup{what, do})
}

// clean runs the clean-ups once, and returns what went wrong.
func (s *Stage) clean() error {
	var errs []error
	for len(s.cleanups) > 0 {
		last := s.cleanups[len(s.cleanups)-1]
		s.cleanups = s.cleanups[:len(s.cleanups)-1]
		if err := guarded(last.do); err != nil {
			errs = append(errs, fmt.Errorf("clean up (%s): %w", last.what, err))
		}
	}
	return errors.Join(errs...)
}

// guarded turns a panic of f into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// Path returns the path of name within the stage's directory.
func (s *Stage) Path(name string) string { return filepath.Join(s.Dir, name) }

// StandIn puts a program that does nothing and succeeds, a copy of true(1),
// into the stage under the given name and returns its path.
func (s *Stage) StandIn(name string) (string, error) { return s.Copy("true", s.Path(name)) }

// Copy copies a program of the PATH to the absolute path dst, makes it
// executable, registers its removal and returns dst.
func (s *Stage) Copy(program, dst string) (string, error) {
	src, err := exec.LookPath(program)
	if err != nil {
		return "", skip("no program %s", program)
	}
	in, err := os.Open(src)
	if err != nil {
		return "", fmt.Errorf("copy %s: %w", program, err)
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return "", fmt.Errorf("copy %s: %w", program, err)
	}
	s.Cleanup("remove "+dst, func() error { return os.RemoveAll(dst) })
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("copy %s: %w", program, err)
	}
	return dst, nil
}

// Write makes a file of the stage with the given text, executable, and
// returns its path.
func (s *Stage) Write(name, text string) (string, error) {
	path := s.Path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(text), 0o755)
}

// MakeDir makes a directory outside of the stage, which must not exist, and
// registers its removal with all that is in it. Its name must contain the
// token, which protects against removing what is not ours.
func (s *Stage) MakeDir(path string) error {
	if err := s.own(path); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	s.Cleanup("remove "+path, func() error { return os.RemoveAll(path) })
	return nil
}

// WillCreate registers the removal of a file that a command is about to make.
// The file must not exist, which protects what is not ours.
func (s *Stage) WillCreate(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return skip("%s exists already", path)
	}
	s.Cleanup("remove "+path, func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	})
	return nil
}

// Exec runs a program in the stage's directory and session, with little
// environment, its input and output nowhere, and waits for it. How it ends does
// not matter, for stand-ins and refused attempts fail as they may; only a program
// that is not there or may not be run is an error. A name without a slash is
// looked for on the PATH, and must not be one that shells have built in. When ctx
// ends first, it and what it started are killed.
func (s *Stage) Exec(ctx context.Context, path string, args ...string) error {
	return s.start(ctx, execOptions{wait: true}, path, args...)
}

// ExecDetached is Exec in a session of its own, without a terminal.
func (s *Stage) ExecDetached(ctx context.Context, path string, args ...string) error {
	return s.start(ctx, execOptions{wait: true, detached: true}, path, args...)
}

// Start is Exec without waiting; the process is killed at clean-up.
func (s *Stage) Start(ctx context.Context, path string, args ...string) error {
	return s.start(ctx, execOptions{}, path, args...)
}

// Shell runs a text with sh -c as [Stage.Exec] does; the token becomes $0.
func (s *Stage) Shell(ctx context.Context, text string) error {
	return s.Exec(ctx, "sh", "-c", text, s.Token)
}

type execOptions struct {
	wait     bool
	detached bool
}

func (s *Stage) start(ctx context.Context, options execOptions, path string, args ...string) error {
	cmd, err := s.command(ctx, path, args)
	if err != nil {
		return err
	}
	cmd.Dir = s.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "LANG=C"}
	ownGroup(cmd, options.detached)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		endGroup(cmd)
		_ = cmd.Wait() // the exit status is of no interest; see Exec
	}()
	s.Cleanup("end "+path, func() error { return end(cmd, ended) })
	if !options.wait {
		return nil
	}
	<-ended
	return ctx.Err()
}

// command returns the shell that runs a program as its child. What it is to run
// stands in a file, because in the shell's own arguments it would be taken for
// the act that the scenario is about.
func (s *Stage) command(ctx context.Context, path string, args []string) (*exec.Cmd, error) {
	switch _, err := exec.LookPath(path); {
	case errors.Is(err, exec.ErrNotFound):
		return nil, skip("no program %s", path)
	case err != nil:
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	if err := s.logIn(); err != nil {
		return nil, err
	}
	text := quoted(path)
	for _, arg := range args {
		text += " " + quoted(arg)
	}
	s.acts++
	script, err := s.Write(fmt.Sprintf("act%d", s.acts), text+"\nexit\n") // exit keeps the shell from becoming the program
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.login, script)
	cmd.Args[0] = "sh" // a shell of many names goes by how it is called
	return cmd, nil
}

// logIn makes the copy of the shell. Where nothing may be run below /tmp the
// shell itself has to do.
func (s *Stage) logIn() (err error) {
	if s.login != "" {
		return nil
	}
	if s.login, err = s.Copy("sh", s.Path("login")); err != nil {
		return err
	}
	if _, err := exec.LookPath(s.login); errors.Is(err, os.ErrPermission) {
		s.login, err = exec.LookPath("sh")
		return err
	}
	return nil
}

// quoted returns text as one word of a shell.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// end kills a command, unless it has ended, and waits until it was reaped.
func end(cmd *exec.Cmd, ended <-chan struct{}) error {
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(5 * time.Second):
		return fmt.Errorf("process %d does not end", cmd.Process.Pid)
	}
}

// own refuses paths whose last element does not contain the token.
func (s *Stage) own(path string) error {
	if !strings.Contains(filepath.Base(path), s.Token) {
		return fmt.Errorf("%s is not named after the stage", path)
	}
	return nil
}
