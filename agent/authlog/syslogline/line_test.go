package syslogline_test

import (
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/authlog/syslogline"
)

func TestParseLine(t *testing.T) {
	boot := time.Date(2026, 2, 27, 9, 0, 0, 0, time.UTC)
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.UTC()
	}
	for _, test := range []struct {
		line, host, program, message string
		pid                          uint32
		when                         time.Time
	}{
		{"Feb  7 10:00:01 h sshd[12]: a: b", "h", "sshd", "a: b", 12, at("2026-02-07T10:00:01Z")},
		{"Mar  2 10:00:01 h sshd: soon", "h", "sshd", "soon", 0, at("2026-03-02T10:00:01Z")},
		{"Dec 31 23:59:59 h sshd: last year", "h", "sshd", "last year", 0, at("2025-12-31T23:59:59Z")},
		{"Feb 29 10:00:00 h sshd: leap", "h", "sshd", "leap", 0, at("2024-02-29T10:00:00Z")},
		{"Feb  7 2019 10:00:01 h sshd: x", "h", "sshd", "x", 0, at("2019-02-07T10:00:01Z")},
		{"2015 Nov 13 13:40:01 h rsyslogd-2177: x", "h", "rsyslogd-2177", "x", 0, at("2015-11-13T13:40:01Z")},
		{"2013-10-30T14:51:21.901728+01:00 h sshd[1]: x", "h", "sshd", "x", 1, at("2013-10-30T13:51:21.901728Z")},
		{"2020-03-23 06:47:42.801612-0700  h sshd[1]: x", "h", "sshd", "x", 1, at("2020-03-23T13:47:42.801612Z")},
		{"2020-03-23T06:47:60Z h sshd[1]: leap second", "h", "sshd", "leap second", 1, at("2020-03-23T06:47:59Z")},
		{"<38>Feb  7 10:00:01 h sshd[12]: x", "h", "sshd", "x", 12, at("2026-02-07T10:00:01Z")},
		{`<38>1 2026-02-07T10:00:01Z h sshd 12 ID1 [a@1 b="]\"x"][c] msg`, "h", "sshd", "msg", 12, at("2026-02-07T10:00:01Z")},
		{"<38>1 - - - - - - \xef\xbb\xbfmsg", "", "", "msg", 0, time.Time{}},
		{"[   12.500000] audit: x", "", "kernel", "audit: x", 0, boot.Add(12500 * time.Millisecond)},
		{"Feb  7 10:00:01 h kernel: [   12.5] eth0", "h", "kernel", "eth0", 0, at("2026-02-07T10:00:01Z")},
		{"Feb  7 10:00:01 sshd[12]: no host", "", "sshd", "no host", 12, at("2026-02-07T10:00:01Z")},
		{"Feb  7 10:00:01 h /usr/sbin/cron[12]: x", "h", "cron", "x", 12, at("2026-02-07T10:00:01Z")},
		{"Feb  7 10:00:01 h last message repeated 2 times", "h", "", "last message repeated 2 times", 0, at("2026-02-07T10:00:01Z")},
		{"Feb  7 10:00:01 2001:db8::1 sshd[12]: x", "2001:db8::1", "sshd", "x", 12, at("2026-02-07T10:00:01Z")},
	} {
		clock := fixedClock()
		clock.Boot = boot
		l, err := syslogline.ParseLine([]byte(test.line), clock)
		if err != nil {
			t.Errorf("%q: %v", test.line, err)
			continue
		}
		if string(l.Host) != test.host || string(l.Program) != test.program || string(l.Message) != test.message ||
			l.PID != test.pid || !l.Time.Equal(test.when) {
			t.Errorf("%q: got %v %q %q[%d] %q", test.line, l.Time, l.Host, l.Program, l.PID, l.Message)
		}
	}
}

func TestParseLineRefuses(t *testing.T) {
	for _, line := range []string{
		"", "hello", "Feb 30 10:00:00 h sshd: x", "Foo  7 10:00:01 h x: y", "Feb  7 25:00:00 h x: y", "[1.2 x", "[a.b] x",
		"2026-13-01T10:00:00Z h x: y", "<38>1 yesterday h sshd 1 - - x", `<38>1 2026-02-07T10:00:01Z h sshd 12 ID1 [a b="c] msg`,
		"Feb", "Feb  7 10:00:0", "2026-02-07T10:00:0",
	} {
		if l, err := syslogline.ParseLine([]byte(line), fixedClock()); err == nil {
			t.Errorf("%q was read as %+v", line, l)
		}
	}
}

func TestYearRollsOver(t *testing.T) {
	now := time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC)
	clock := syslogline.Clock{Now: func() time.Time { return now }, Zone: time.UTC}
	year := func(line string) int {
		l, err := syslogline.ParseLine([]byte(line), clock)
		if err != nil {
			t.Fatal(err)
		}
		return l.Time.Year()
	}
	if y := year("Dec 31 23:59:58 h a: b"); y != 2025 {
		t.Errorf("before midnight: %d", y)
	}
	if y := year("Jan  1 00:00:00 h a: b"); y != 2026 {
		t.Errorf("a clock a second ahead: %d", y)
	}
	now = now.Add(2 * time.Second)
	if y := year("Dec 31 23:59:58 h a: b"); y != 2025 {
		t.Errorf("a late line after midnight: %d", y)
	}
}

// TestStampsAreReadAlikeInAnyOrder gives one parser stamps that share their
// minute with the one before, or nearly, while its clock goes on for years.
func TestStampsAreReadAlikeInAnyOrder(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	clock := syslogline.Clock{Now: func() time.Time { return at }, Zone: time.UTC}
	p := syslogline.New(syslogline.Options{Clock: clock})
	for _, now := range []time.Duration{
		0, time.Second, -25 * time.Hour, -27 * time.Hour, 0, 363 * 24 * time.Hour, 364 * 24 * time.Hour, 365 * 24 * time.Hour, 0, 900 * 24 * time.Hour,
	} {
		at = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC).Add(now)
		for _, stamp := range []string{
			"Mar  1 12:00:00", "Mar  1 12:00:59", "Mar  1 12:00:60", "Mar  1 12:00:07.25", "Mar  1 12:00:08:", "Mar  1 12:00:09", "Mar  1 12:01:00",
			"Mar 01 12:01:00", "Mar  1 12:01:61", "Mar  1 12:01:1x", "Mar  2 14:00:31", "Mar  2 14:00:29", "Feb 29 00:00:00", "Feb 29 00:00:01",
		} {
			line := []byte(stamp + " host sshd[7]: Failed password for root from 192.0.2.1 port 22 ssh2")
			want, err := syslogline.ParseLine(line, clock)
			events := p.Append(nil, line)
			if (err == nil) != (len(events) == 1) || err == nil && !events[0].Time.Equal(want.Time) {
				t.Errorf("%s, read at %s: got %v, want %s, %v", stamp, at, events, want.Time, err)
			}
		}
	}
}
