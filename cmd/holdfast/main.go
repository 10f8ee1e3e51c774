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
	// A closed output must be an error, not the end: the host has to be restored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// After the first signal the next one ends the program at once.
	context.AfterFunc(ctx, stop)
	code := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
