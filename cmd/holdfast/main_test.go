package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-security/holdfast/internal/hosttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"holdfast": main})
}

// TestScripts runs the command as a process of its own, as any user.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: commands})
}

// TestLiveScripts runs the command on this kernel, one script at a time: each
// wants the audit system for itself.
func TestLiveScripts(t *testing.T) {
	hosttest.LockAudit(t)
	hosttest.Program(t, "bash")
	files, err := filepath.Glob("testdata/live/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run("", func(t *testing.T) {
			testscript.Run(t, testscript.Params{Files: []string{file}, Cmds: commands})
		})
	}
}

// commands are what the scripts have besides those of testscript.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"code": code, "gzip": compress,
}

// code CODE PROGRAM ARG… runs a program and wants it to end with that code.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// compress FILE puts FILE.gz in the place of FILE.
func compress(ts *testscript.TestScript, _ bool, args []string) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(errors.Join(err, w.Close()))
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path+".gz", b.Bytes(), 0o600))
	ts.Check(os.Remove(path))
}
