package headless

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent"
	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/control"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

func statusCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("status", flag.ContinueOnError)
	form := flags.String("o", "text", "text or json")
	runDir := flags.String("run-dir", agent.DefaultRunDir, "directory of the control socket")
	_, err := parse(flags, args, 0)
	if err == nil && *form != "text" && *form != "json" {
		err = fmt.Errorf("-o is text or json, not %q; %w", *form, errUsage)
	}
	if err != nil {
		return exit(err, stderr)
	}
	var r Report
	if err := control.Ask(ctx, *runDir, &r); err != nil {
		return exit(err, stderr)
	}
	if *form == "json" {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return exit(encoder.Encode(r), stderr)
	}
	_, err = io.WriteString(stdout, statusText(r, time.Now()))
	return exit(err, stderr)
}

// statusText says in words what a report holds.
func statusText(r Report, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "running     since %s, process %d\n", moment(r.Started), r.PID)
	if r.Server == nil {
		b.WriteString("server      none: this machine is not enrolled\n")
	} else {
		serverText(&b, *r.Server, now)
	}
	for i, f := range r.Features {
		name := "features"
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(&b, "%-11s %s\n", name, featureText(f))
		for _, w := range f.Warnings {
			fmt.Fprintf(&b, "%-11s   %s\n", "", termtext.Escape(w.Text))
		}
	}
	return b.String()
}

func serverText(b *strings.Builder, s ServerReport, now time.Time) {
	c := s.Connection
	fmt.Fprintf(b, "host        %s, enrolled at %s\n", termtext.Escape(string(s.Host)), termtext.Escape(s.Server))
	switch c.State {
	case transport.Connected:
		fmt.Fprintf(b, "connection  to %s since %s\n", termtext.Escape(c.Server), moment(c.Since))
	case transport.Revoked:
		fmt.Fprintf(b, "connection  refused since %s: %s\n", moment(c.Since), termtext.Escape(c.Detail))
	default:
		fmt.Fprintf(b, "connection  none since %s, trying again: %s\n", moment(c.Since), termtext.Escape(c.Detail))
	}
	last := "nothing yet"
	if !c.LastAck.IsZero() {
		last = fmt.Sprintf("%s ago", max(now.Sub(c.LastAck), 0).Round(time.Second))
	}
	fmt.Fprintf(b, "taken       by the server: %s\n", last)
	fmt.Fprintf(b, "policy      %s\n", policyText(s))
	if s.Rules != nil {
		fmt.Fprintf(b, "rules       %s\n", rulesText(*s.Rules))
	}
	l := s.Ledger
	fmt.Fprintf(b, "spool       %.1f of %.0f MiB, %d events\n", float64(l.SpoolBytes)/(1<<20), float64(l.SpoolLimit)/(1<<20), l.Spooled)
	fmt.Fprintf(b, "ledger      %d events produced = %d combined + %d in memory + %d in the spool + %d taken by the server + %s\n",
		l.Produced, l.Combined, l.Queued, l.Spooled, l.Acknowledged, droppedText(s))
}

func policyText(s ServerReport) string {
	text := fmt.Sprintf("version %d", s.Policy)
	if s.Policy == 0 {
		text = "the built-in one"
	}
	if s.Refused != "" {
		text += "; " + termtext.Escape(s.Refused)
	}
	return text
}

func rulesText(s bundle.Status) string {
	text := "Holdfast's own"
	if s.InForce != "" {
		text += fmt.Sprintf(" and the server's, %.12s", s.InForce)
	}
	if s.Warning != "" {
		text += "; " + termtext.Escape(s.Warning)
	}
	return text
}

func droppedText(s ServerReport) string {
	var sum uint64
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(s.Ledger.Dropped)) {
		n := s.Ledger.Dropped[why]
		sum += n
		parts = append(parts, fmt.Sprintf("%s %d", termtext.Escape(string(why)), n))
	}
	if sum == 0 {
		return "0 dropped"
	}
	return fmt.Sprintf("%d dropped (%s)", sum, strings.Join(parts, ", "))
}

func featureText(f feature.Status) string {
	text := fmt.Sprintf("%-9s %s", termtext.Escape(f.Name), termtext.Escape(string(f.State)))
	if f.Detail != "" {
		text += ", " + termtext.Escape(f.Detail)
	}
	return text
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
