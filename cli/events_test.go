package cli

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-security/holdfast/agent/aggregate"
	"github.com/holdfast-security/holdfast/cli/filter"
	"github.com/holdfast-security/holdfast/cli/output"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/event"
)

// openings are n refused openings of one file, a second apart.
func openings(n int) []*event.Event {
	var events []*event.Event
	for i := range n {
		events = append(events, &event.Event{
			Time: time.Now().Add(time.Duration(i) * time.Second), Class: event.ClassFileActivity, Activity: event.FileOpen,
			Status: event.StatusFailure, File: &event.File{Path: "/etc/shadow"},
			Process: &event.Process{PID: uint32(i + 1), Executable: &event.File{Path: "/usr/bin/cat"}},
		})
	}
	return events
}

func TestEventsAggregate(t *testing.T) {
	for format, want := range map[output.Format]string{output.Table: "×4", output.JSON: `"count":4`} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			p := &eventPrinter{style: render.Style{Width: 120}, out: bufio.NewWriter(&out), format: format, repeats: aggregate.New(aggregate.Options{Window: 10 * time.Second})}
			p.handle(openings(5))
			if n := strings.Count(out.String(), "\n"); n != 1 || strings.Contains(out.String(), want) {
				t.Errorf("at once:\n%s", &out)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			p.wait(ctx)
			if n := strings.Count(out.String(), "\n"); n != 2 || !strings.Contains(out.String(), want) {
				t.Errorf("after the window, no %s:\n%s", want, &out)
			}
			if got, want := p.summary(9), "5 of 9 events shown, 4 of them as repeats in 1 line."; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestEventsShowEach(t *testing.T) {
	var out bytes.Buffer
	p := &eventPrinter{out: bufio.NewWriter(&out)}
	p.handle(openings(5))
	if n := strings.Count(out.String(), "\n"); n != 5 {
		t.Errorf("%d lines for 5 events", n)
	}
	if got, want := p.summary(5), "5 of 5 events shown."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEventsRefusesFilters(t *testing.T) {
	for _, o := range []filter.Options{{Class: "nonsense"}, {Where: []string{"NoSuchField=x"}}, {Where: []string{"Image"}}} {
		var out bytes.Buffer
		a := &app{Streams: Streams{Out: &out, Err: &out}}
		if err := a.events(t.Context(), o, 0); exitCode(err) != ExitUsage || out.Len() > 0 {
			t.Errorf("%+v: got %v and %q, want a usage error", o, err, &out)
		}
	}
}
