package syslogline

import (
	"bytes"
	"time"
)

// Clock completes what time stamps of logs leave out. The zero value reads
// stamps as of now and of the machine's zone.
type Clock struct {
	// Now returns the latest moment that a line can be from: time.Now for a
	// live file, the time of last change for an old one. nil means time.Now.
	Now func() time.Time
	// Zone is the zone of stamps that name none. nil means time.Local.
	Zone *time.Location
	// Boot is when the kernel started, for ring buffer stamps; when it is
	// zero such lines have no time.
	Boot time.Time

	minute *minute // of the latest stamp; nil remembers none
}

// slack is how far a stamp may lie ahead of Now, for clocks that differ and
// zones that are wrong, before it is taken to be of the year before.
const slack = 26 * time.Hour

func (c *Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c *Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.Local
	}
	return c.Zone
}

// cutTime reads the stamp that b starts with. Known are "Jan _2 15:04:05",
// the same with a year after or before it, RFC 3339 with "T" or blank between
// date and time, with or without fraction and zone.
func cutTime(b []byte, c Clock) (time.Time, []byte, bool) {
	if len(b) >= 15 && b[3] == ' ' {
		if t, ok := c.minute.cut(b, &c); ok {
			return t, b[15:], true
		}
		if month := monthOf(b[:3]); month != 0 {
			t, rest, ok := cutBSD(b, month, 0, c)
			if ok && len(b)-len(rest) == 15 {
				c.minute.keep(b, t)
			}
			return t, rest, ok
		}
	}
	if len(b) >= 20 && b[4] == ' ' && allDigits(b[:4]) {
		if month := monthOf(b[5:8]); month != 0 && b[8] == ' ' {
			return cutBSD(b[5:], month, int(number32(b[:4])), c)
		}
	}
	return cutISO(b, c)
}

// cutBSD reads "Jan _2 15:04:05" (RFC 3164 section 4.1.2); year is zero when
// it has to be found.
func cutBSD(b []byte, month time.Month, year int, c Clock) (time.Time, []byte, bool) {
	rest := bytes.TrimLeft(b[3:], " ")
	dayText, rest := cutField(rest)
	if len(dayText) > 2 || !allDigits(dayText) {
		return time.Time{}, nil, false
	}
	if len(rest) >= 13 && rest[4] == ' ' && allDigits(rest[:4]) { // "Jan 2 2026 15:04:05"
		year, rest = int(number32(rest[:4])), rest[5:]
	}
	day := int(number32(dayText))
	of, rest, ok := cutTimeOfDay(rest)
	if !ok || day < 1 || day > 31 || (len(rest) > 0 && rest[0] != ' ' && rest[0] != ':') {
		return time.Time{}, nil, false
	}
	rest = bytes.TrimPrefix(rest, []byte(":")) // Cisco and some relays
	if year != 0 {
		t, ok := date(year, month, day, of, c.zone())
		return t, rest, ok
	}
	t, ok := c.inferYear(month, day, of)
	return t, rest, ok
}

// inferYear finds the latest year in which the stamp is not in the future.
// 29 February is of the latest leap year.
func (c *Clock) inferYear(month time.Month, day int, of time.Duration) (time.Time, bool) {
	limit := c.now().Add(slack)
	for year := limit.Year() + 1; year > limit.Year()-9; year-- {
		if t, ok := date(year, month, day, of, c.zone()); ok && !t.After(limit) {
			return t, true
		}
	}
	return time.Time{}, false
}

// minute remembers what a stamp of RFC 3164 stands for without its seconds: most
// lines of a log are of the same minute as the line before. nil remembers none.
type minute struct {
	text  [len("Jan _2 15:04:")]byte
	start time.Time
}

// keep takes a stamp of 15 bytes and what was read from it.
func (m *minute) keep(b []byte, t time.Time) {
	if m == nil || !allDigits(b[13:15]) {
		return
	}
	copy(m.text[:], b)
	m.start = t.Add(-time.Duration(t.Second()) * time.Second)
}

// cut reads a stamp of the same minute that nothing belongs to but its 15 bytes.
// The year is still the latest that is not in the future when the clock has come
// past the minute and not yet near to the same one a year on.
func (m *minute) cut(b []byte, c *Clock) (time.Time, bool) {
	const year = 364 * 24 * time.Hour // a day short of one
	if m == nil || string(b[:len(m.text)]) != string(m.text[:]) || len(b) > 15 && b[15] != ' ' {
		return time.Time{}, false
	}
	tens, ones := b[13]-'0', b[14]-'0'
	limit := c.now().Add(slack)
	if tens > 5 || ones > 9 || limit.Before(m.start.Add(time.Minute)) || limit.After(m.start.Add(year)) {
		return time.Time{}, false
	}
	return m.start.Add(time.Duration(tens*10+ones) * time.Second), true
}

// date refuses days that the month does not have.
func date(year int, month time.Month, day int, of time.Duration, zone *time.Location) (time.Time, bool) {
	h, m, s := int(of/time.Hour), int(of/time.Minute)%60, int(of/time.Second)%60
	t := time.Date(year, month, day, h, m, s, int(of%time.Second), zone)
	return t.UTC(), t.Month() == month && t.Day() == day
}

// cutTimeOfDay reads "15:04:05" with an optional fraction. Second 60 is the
// leap second of RFC 5424 and counts as 59.
func cutTimeOfDay(b []byte) (time.Duration, []byte, bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' ||
		!allDigits(b[:2]) || !allDigits(b[3:5]) || !allDigits(b[6:8]) {
		return 0, nil, false
	}
	h, m, s := number32(b[:2]), number32(b[3:5]), number32(b[6:8])
	if h > 23 || m > 59 || s > 60 {
		return 0, nil, false
	}
	of := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(min(s, 59))*time.Second
	b = b[8:]
	if len(b) > 1 && (b[0] == '.' || b[0] == ',') {
		n := 1
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		of += fraction(b[1:n])
		b = b[n:]
	}
	return of, b, true
}

// cutISO reads RFC 3339 and its relatives.
func cutISO(b []byte, c Clock) (time.Time, []byte, bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || (b[10] != 'T' && b[10] != ' ') ||
		!allDigits(b[:4]) || !allDigits(b[5:7]) || !allDigits(b[8:10]) {
		return time.Time{}, nil, false
	}
	of, rest, ok := cutTimeOfDay(b[11:])
	if !ok {
		return time.Time{}, nil, false
	}
	zone, rest := cutZone(rest, c.zone())
	month := time.Month(number32(b[5:7]))
	if month < time.January || month > time.December {
		return time.Time{}, nil, false
	}
	t, ok := date(int(number32(b[:4])), month, int(number32(b[8:10])), of, zone)
	return t, rest, ok
}

// cutZone reads "Z", "+01:00", "+0100"; without any of them the zone is unset.
func cutZone(b []byte, unset *time.Location) (*time.Location, []byte) {
	if len(b) > 0 && b[0] == 'Z' {
		return time.UTC, b[1:]
	}
	if len(b) < 5 || (b[0] != '+' && b[0] != '-') || !allDigits(b[1:3]) {
		return unset, b
	}
	minutes, rest := b[3:5], b[5:]
	if b[3] == ':' && len(b) >= 6 {
		minutes, rest = b[4:6], b[6:]
	}
	if !allDigits(minutes) {
		return unset, b
	}
	offset := int(number32(b[1:3]))*3600 + int(number32(minutes))*60
	if b[0] == '-' {
		offset = -offset
	}
	return time.FixedZone("", offset), rest
}

func monthOf(b []byte) time.Month {
	switch string(b) {
	case "Jan":
		return time.January
	case "Feb":
		return time.February
	case "Mar":
		return time.March
	case "Apr":
		return time.April
	case "May":
		return time.May
	case "Jun":
		return time.June
	case "Jul":
		return time.July
	case "Aug":
		return time.August
	case "Sep":
		return time.September
	case "Oct":
		return time.October
	case "Nov":
		return time.November
	case "Dec":
		return time.December
	}
	return 0
}
