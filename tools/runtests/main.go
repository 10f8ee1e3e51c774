// Command runtests runs go test and shows what it shows, with two differences:
// in a full run (HOLDFAST_TEST=full) a skipped test is a failure, and the last
// lines say how many tests passed, failed and were skipped, and why.
//
// A test that is skipped for want of the shared test data stays a skip: the
// data is not part of the project, and not every machine has it.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "runtests:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := report{out: out, full: os.Getenv("HOLDFAST_TEST") == "full"}
	readErr := r.read(stream)
	waitErr := cmd.Wait()
	if readErr != nil {
		return fmt.Errorf("read the output of go test: %w", readErr)
	}
	if err := r.summary(); err != nil {
		return err
	}
	return waitErr // what no test reported: a package that does not build
}
