// Package record reads Linux audit records and puts the records of one audit
// event together again.
//
// A record is one line of an audit log or one netlink message; an event is
// all records that the kernel wrote for one system call, or the single record
// that a program wrote. [ParseLine] and [ParseMessage] split off the head and
// leave the body alone; [Record.Fields] walks over the body's name=value
// pairs without copying. [Reassembler] collects records by node and serial
// number and hands over whole events, in bounded memory, counting everything
// that was late, doubled, incomplete or missing.
//
// What values mean is left to package decode, what events mean to package
// normalize.
//
// Every byte comes from programs that may be hostile, through a log file that
// anyone may have written. Nothing is trusted to be well-formed or short.
package record

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Record is one audit record. Its slices point into the caller's buffer and
// are valid as long as that is.
type Record struct {
	Type   Type
	Milli  int64  // milliseconds since 1970 by the host's clock, as the kernel stamped it
	Serial uint64 // of the event within one boot; records of one event share it

	Node     []byte // host name that a log server put in front; nil for none
	Body     []byte // name=value pairs as written
	Enriched []byte // pairs that auditd added after byte 0x1d (log_format=ENRICHED); nil for none
}

// Time returns the stamp of the record in UTC.
func (r *Record) Time() time.Time { return time.UnixMilli(r.Milli).UTC() }

// Errors that the parsers return, wrapped with the place.
var (
	// ErrNotAudit says that a line holds no audit record at all.
	ErrNotAudit = errors.New("no audit record")
	// ErrMalformed says that a line begins like an audit record but cannot
	// be read as one.
	ErrMalformed = errors.New("malformed audit record")
)

// ParseLine reads one line of an audit log: "type=… msg=audit(…): …" with or
// without "node=… " in front, or the same inside a line of syslog, dmesg or a
// journal ("… audit: type=1400 audit(…): …"). A newline at the end is ignored.
// The record points into line.
func ParseLine(line []byte) (Record, error) {
	var r Record
	rest, ok := bytes.CutPrefix(line, []byte("type="))
	if !ok {
		var err error
		if r.Node, rest, err = findType(line); err != nil {
			return Record{}, err
		}
	}
	end := bytes.IndexByte(rest, ' ')
	if end < 0 {
		return Record{}, fmt.Errorf("%w: nothing after the type", ErrMalformed)
	}
	name, rest := rest[:end], bytes.TrimLeft(rest[end:], " ")
	if r.Type, ok = ParseType(name); !ok && !isTypeName(name) {
		return Record{}, fmt.Errorf("%w: type %.32q", ErrMalformed, name)
	}
	rest = bytes.TrimPrefix(rest, []byte("msg="))
	return r, r.parseHead(rest)
}

// ParseMessage reads the payload of a netlink message of type t, as the kernel
// sends it: "audit(seconds.millis:serial): …", with or without a zero byte at
// the end. The record points into payload.
func ParseMessage(t Type, payload []byte) (Record, error) {
	r := Record{Type: t}
	return r, r.parseHead(payload)
}

// findType finds the type of a record that does not begin its line, and the
// node in front of it.
func findType(line []byte) (node, rest []byte, err error) {
	stamp := bytes.Index(line, []byte("audit("))
	if stamp < 0 {
		return nil, nil, ErrNotAudit
	}
	at := bytes.LastIndex(line[:stamp], []byte("type="))
	if at < 0 || at > 0 && line[at-1] != ' ' && line[at-1] != '\t' {
		return nil, nil, fmt.Errorf("%w: no type before the stamp", ErrMalformed)
	}
	front := bytes.TrimRight(line[:at], " \t")
	if i := bytes.LastIndex(front, []byte("node=")); i >= 0 && bytes.IndexByte(front[i:], ' ') < 0 {
		node = front[i+len("node="):]
	}
	return node, line[at+len("type="):], nil
}

// isTypeName accepts names that this build does not know, from a newer audit.
func isTypeName(name []byte) bool {
	for _, c := range name {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(name) > 0
}

// maxSerial is the largest serial number: the kernel's counter is an unsigned
// int (audit_serial in kernel/audit.c).
const maxSerial = 1<<32 - 1

// maxSeconds bounds stamps so that milliseconds and time.Time stay in range:
// the end of the year 9999.
const maxSeconds = 253402300799

// parseHead reads "audit(seconds.millis:serial): body".
func (r *Record) parseHead(text []byte) error {
	rest, ok := bytes.CutPrefix(text, []byte("audit("))
	if !ok {
		return fmt.Errorf("%w: no stamp after the type", ErrMalformed)
	}
	seconds, rest, ok := digits(rest)
	if !ok || seconds > maxSeconds || len(rest) == 0 || rest[0] != '.' {
		return fmt.Errorf("%w: seconds in the stamp", ErrMalformed)
	}
	fraction := rest[1:]
	millis, rest, ok := digits(fraction)
	if width := len(fraction) - len(rest); !ok || width != 3 || len(rest) == 0 || rest[0] != ':' {
		return fmt.Errorf("%w: milliseconds in the stamp", ErrMalformed)
	}
	if r.Serial, rest, ok = digits(rest[1:]); !ok || r.Serial > maxSerial {
		return fmt.Errorf("%w: serial number in the stamp", ErrMalformed)
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(")")); !ok {
		return fmt.Errorf("%w: stamp is not closed", ErrMalformed)
	}
	rest = bytes.TrimPrefix(rest, []byte(":")) // auditd forgot it in some DAEMON_CONFIG records
	r.Milli = int64(seconds*1000 + millis)
	r.Body, r.Enriched = splitBody(rest)
	return nil
}

// splitBody parts what the kernel wrote from what auditd added.
func splitBody(text []byte) (body, enriched []byte) {
	for n := len(text); n > 0 && (text[n-1] == '\n' || text[n-1] == '\r' || text[n-1] == 0); n-- {
		text = text[:n-1]
	}
	for len(text) > 0 && text[0] == ' ' {
		text = text[1:]
	}
	if i := bytes.IndexByte(text, 0x1d); i >= 0 {
		return text[:i], text[i+1:]
	}
	return splitEscaped(text)
}

// splitEscaped parts the same at byte 0x1d as rsyslog writes it: control
// characters that it receives become # and three octal digits
// (parser.escapeControlCharactersOnReceive, on by default). Within quotes that
// is text which a program chose, and parts nothing.
func splitEscaped(text []byte) (body, enriched []byte) {
	const escape = "#035"
	double, single := 0, 0
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte(escape))
		if i < 0 {
			return text, nil
		}
		before := text[at : at+i]
		double += bytes.Count(before, []byte{'"'})
		single += bytes.Count(before, []byte{'\''})
		at += i + len(escape)
		if double%2 == 0 && single%2 == 0 && at < len(text) && text[at] >= 'A' && text[at] <= 'Z' {
			return text[:at-len(escape)], text[at:]
		}
	}
}

// digits reads the decimal number that text begins with.
func digits(text []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		if n > (1<<64-1-9)/10 {
			return 0, text, false
		}
		n = n*10 + uint64(text[i]-'0')
	}
	return n, text[i:], i > 0
}
