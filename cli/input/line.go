package input

import (
	"bytes"
	"regexp"
)

// Format is what a line looks like.
type Format int

// Formats of a line.
const (
	Unknown Format = iota
	Blank
	Audit  // a Linux audit record, on its own or inside a line of syslog
	Syslog // time, host, program and message in any syslog dialect
	JSON   // an object
)

// syslogStart matches the beginnings of lines that syslog daemons write: RFC
// 3164 ("Mar  1 12:00:00"), ISO 8601 time stamps, and RFC 5424 or RFC 3164
// with a priority in angle brackets.
var syslogStart = regexp.MustCompile(`^(?:<[0-9]{1,3}>(?:[1-9][0-9]{0,2} )?)?` +
	`(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})`)

// searched is how far into a line an audit record may begin: past the head
// that a syslog daemon puts in front.
const searched = 512

// Detect says what format a line is in.
func Detect(line []byte) Format {
	line = bytes.TrimSpace(line)
	switch {
	case len(line) == 0:
		return Blank
	case line[0] == '{':
		return JSON
	}
	head := line[:min(len(line), searched)]
	if at := bytes.Index(head, []byte("audit(")); at >= 0 && bytes.Contains(head[:at], []byte("type=")) {
		return Audit
	}
	if syslogStart.Match(head) {
		return Syslog
	}
	return Unknown
}
