package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLengthsOfTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "30d": 30 * 24 * time.Hour, "1h30m": 90 * time.Minute,
		"": 0, "0": 0, "0d": 0, "-1h": 0, "-1d": 0, "d": 0, "1.5d": 0, "70000d": 0, "1w": 0, "1d2h": 0,
	} {
		var d durationFlag
		if err := d.Set(text); (err == nil) != (want > 0) || d.Duration != want {
			t.Errorf("%q: %s, %v", text, d, err)
		}
	}
	var at timeFlag
	if err := at.Set("2d"); err != nil || time.Since(at.Time) < 48*time.Hour || time.Since(at.Time) > 50*time.Hour {
		t.Errorf("two days ago: %s, %v", at.Time, err)
	}
}

func TestUnreachedSaysWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"that the server runs": &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"the server's name":    &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x"}},
		"firewalls":            &net.OpError{Op: "dial", Err: context.DeadlineExceeded},
	} {
		got := unreached(fmt.Errorf("GET x: %w", err))
		if !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if other := errors.New("other"); unreached(other) != other {
		t.Error("another error is changed")
	}
}
