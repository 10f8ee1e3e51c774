// Command holdfast-agent runs the agent without a terminal: see
// `holdfast-agent help` and package agent/headless.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-security/holdfast/agent/headless"
)

func main() {
	// A closed output must be an error, not the end: the host has to be restored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// After the first signal the next one ends the program at once.
	context.AfterFunc(ctx, stop)
	code := headless.Command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
