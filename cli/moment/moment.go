// Package moment reads moments and lengths of time from the command line.
package moment

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// duration reads how long something is: as Go writes it, or in days.
func duration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	return time.ParseDuration(text)
}

// Length is a flag for how long something is.
type Length struct{ time.Duration }

// Set implements pflag.Value.
func (d *Length) Set(text string) error {
	length, err := duration(text)
	if err != nil || length <= 0 {
		return fmt.Errorf("%q is not a length of time, such as 90m, 12h or 30d", text)
	}
	d.Duration = length
	return nil
}

// Type implements pflag.Value.
func (d *Length) Type() string { return "duration" }

// Flag is a flag for a moment: RFC 3339, a date, or how long ago.
type Flag struct{ time.Time }

// Set implements pflag.Value.
func (t *Flag) Set(text string) error {
	if ago, err := duration(text); err == nil && ago >= 0 {
		t.Time = time.Now().Add(-ago)
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			t.Time = at
			return nil
		}
	}
	return fmt.Errorf("%q is neither a time such as 2026-11-23T10:00:00Z or 2026-11-23, nor how long ago, such as 90m or 7d", text)
}

// String implements pflag.Value.
func (t *Flag) String() string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// Type implements pflag.Value.
func (t *Flag) Type() string { return "time" }
