// Command holdfast is the operator's command line: see `holdfast --help` and
// package cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-security/holdfast/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the program at once.
	context.AfterFunc(ctx, stop)
	code := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
