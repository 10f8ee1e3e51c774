package sigma

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// TimePart is the part of a point in time that a number is compared with.
type TimePart uint8

// Parts of a time. Week is that of ISO 8601, which has 52 or 53 in a year.
const (
	WholeTime TimePart = iota // none: the value is a number itself
	Minute
	Hour
	Day // of the month
	Week
	Month
	Year
)

// timeParts are the parts with their words and what they can be.
var timeParts = [...]struct {
	word     string
	min, max float64
}{
	Minute: {"minute", 0, 59}, Hour: {"hour", 0, 23}, Day: {"day", 1, 31}, Week: {"week", 1, 53}, Month: {"month", 1, 12},
	Year: {"year", 1, 9999},
}

// String returns the modifier that asks for the part, "" for the whole.
func (p TimePart) String() string { return timeParts[p].word }

// check refuses a number that the part never is.
func (p TimePart) check(n float64) error {
	if of := timeParts[p]; p != WholeTime && (n != math.Trunc(n) || n < of.min || n > of.max) {
		return fmt.Errorf("the %s of a time is a whole number from %v to %v, not %v", of.word, of.min, of.max, n)
	}
	return nil
}

// Of returns the part of the point in time that a text tells, false where it
// tells none. The text is a date, with or without a time, as ISO 8601 writes it,
// or seconds, milli-, micro- or nanoseconds since 1970 in UTC. The time zone is
// the one that the text is written in.
func (p TimePart) Of(text string) (float64, bool) {
	t, ok := parseTime(text)
	if !ok {
		return 0, false
	}
	switch p {
	case Minute:
		return float64(t.Minute()), true
	case Hour:
		return float64(t.Hour()), true
	case Day:
		return float64(t.Day()), true
	case Week:
		_, week := t.ISOWeek()
		return float64(week), true
	case Month:
		return float64(t.Month()), true
	case Year:
		return float64(t.Year()), true
	}
	return 0, false
}

// timeLayouts are the forms of times in logs. Fractions of a second may follow
// the seconds of any.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02",
}

// maxTimeText bounds what is tried as a time.
const maxTimeText = 40

func parseTime(text string) (time.Time, bool) {
	if len(text) > maxTimeText {
		return time.Time{}, false
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(n) || n < 0 || n >= math.MaxInt64:
		return time.Time{}, false
	case n < 1e11: // until the year 5138
		return time.Unix(int64(n), 0).UTC(), true
	case n < 1e14:
		return time.UnixMilli(int64(n)).UTC(), true
	case n < 1e17:
		return time.UnixMicro(int64(n)).UTC(), true
	}
	return time.Unix(0, int64(n)).UTC(), true
}
