//go:build linux

// Command soak lets a machine do half an hour of honest work while Holdfast
// watches, and prints every alert that fires.
//
// The work is what servers do: packages come and go, programs are compiled, a
// web server and a database are under load, cron and logrotate run, somebody
// makes keys, backups and commits. It is done with the distribution's own
// programs, in loops side by side. An alert of severity medium or above is a
// failure, because its reader would have been woken for nothing; so is work
// that could not be done, because then the silence proves nothing. What other
// people do on the machine meanwhile is shown too, but not judged: an alert is
// theirs when its lineage is known down to the first process and the soak is
// not in it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

func main() {
	length := flag.Duration("for", 30*time.Minute, "how long")
	command := flag.String("command", "bin/holdfast", "the operator's command")
	only := flag.String("only", "", "work to do, comma-separated; empty means all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *command, *only, *length)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command, only string, length time.Duration) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it installs packages and watches the machine")
	}
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	release, err := hosttest.HoldAudit()
	if err != nil {
		return err
	}
	defer release()
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the database runs as its own user
		return err
	}
	for _, w := range chosen {
		if w.prepare == nil {
			continue
		}
		undo, err := w.prepare(ctx, dir)
		if undo != nil {
			defer undo()
		}
		if err != nil {
			return fmt.Errorf("prepare %s: %w", w.name, err)
		}
	}
	watch, err := startWatch(ctx, command)
	if err != nil {
		return err
	}
	fmt.Printf("benign work for %s\n", length)
	results := work(ctx, chosen, dir, length)
	time.Sleep(2 * time.Second) // the last alerts are on their way
	alerts, err := watch.stop()
	return errors.Join(err, report(results, alerts))
}

// report prints what was done and what fired, and returns an error when there
// was an alert that would have woken somebody, or work that was not done.
func report(results []result, alerts []finding.Alert) error {
	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	var errs []error
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%d times\t%d errors\t\n", r.name, r.done, r.failed)
		if r.done == 0 {
			errs = append(errs, fmt.Errorf("%s was never done: %w", r.name, r.last))
		}
	}
	ours, loud := 0, 0
	for _, a := range alerts {
		word := "ALERT"
		switch {
		case elsewhere(a.Process, uint32(os.Getpid())):
			word = "alert, not from this work"
		case a.Severity >= finding.Medium:
			loud++
			fallthrough
		default:
			ours++
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%.200q\n", word, a.Severity, a.Type, a.Story)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Printf("%d alerts over this work, %d of them medium or above\n", ours, loud)
	if loud > 0 {
		errs = append(errs, fmt.Errorf("%d alerts at medium or above over benign work", loud))
	}
	return errors.Join(errs...)
}

// elsewhere reports whether p is known to come from outside the soak: its
// lineage reaches the first process without passing pid.
func elsewhere(p *event.Process, pid uint32) bool {
	if p == nil {
		return false
	}
	last := p
	for _, ancestor := range p.Lineage() {
		if ancestor.PID == pid {
			return false
		}
		last = ancestor
	}
	return last.PID == 1
}
