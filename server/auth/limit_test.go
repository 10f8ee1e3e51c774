package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
)

func TestLimits(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	l := newLimits(func() time.Time { return now })
	stranger := netip.MustParseAddr("198.51.100.1")
	for i := range perAccount.free {
		if err := l.attempt("alice", stranger); err != nil {
			t.Fatal(i, err)
		}
	}
	var throttled *account.ThrottledError
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if err := l.attempt("alice", stranger); !errors.As(err, &throttled) || throttled.After != want*time.Second {
			t.Fatalf("wait %v, want %d s", err, want)
		}
		now = now.Add(throttled.After)
		if err := l.attempt("alice", stranger); err != nil {
			t.Fatalf("after the wait: %v", err)
		}
	}
	l.succeed("alice", home) // alice was let in from home before
	if err := l.attempt("alice", home); err != nil {
		t.Errorf("the owner from home: %v", err)
	}
	now = now.Add(forgetAfter + time.Second)
	if err := l.attempt("alice", stranger); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestAddressesAreLimitedAcrossAccounts(t *testing.T) {
	now := time.Now()
	l := newLimits(func() time.Time { return now })
	for i := range perAddress.free {
		from := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) // all of one network
		if err := l.attempt(fmt.Sprint("user", i), from); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := l.attempt("another", netip.MustParseAddr("2001:db8::ffff")); !errors.Is(err, account.ErrThrottled) {
		t.Errorf("the same network: %v", err)
	}
	if err := l.attempt("another", netip.MustParseAddr("2001:db8:1::1")); err != nil {
		t.Errorf("another network: %v", err)
	}
}

func TestLimitsAreBounded(t *testing.T) {
	l := newLimits(time.Now)
	for i := range maxRemembered + 100 {
		_ = l.attempt(fmt.Sprint("user", i), netip.Addr{})
	}
	if n := len(l.failed); n > maxRemembered {
		t.Errorf("%d are remembered", n)
	}
}
