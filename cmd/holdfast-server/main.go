// Command holdfast-server runs the server: see `holdfast-server help` and
// package server.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-security/holdfast/server"
)

func main() {
	// A closed output must be an error, not the end: stores have to be closed.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the program at once.
	context.AfterFunc(ctx, stop)
	code := server.Command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
