package syslogline

import (
	"bytes"
	"errors"
	"math"
	"time"
)

// Line is one line of a log, split. The byte slices lie in the line that was
// parsed.
type Line struct {
	Time    time.Time // zero where the line has none, as in a kernel ring buffer without boot time
	Host    []byte    // as the line names it; empty where it does not
	Program []byte    // last path element of the tag, "kernel" for kernel messages; empty for none
	Module  []byte    // PAM module of the old form "sshd(pam_unix)[812]", else empty
	PID     uint32    // zero where the line has none
	Message []byte
}

// ErrNotSyslog is returned for a line that starts with no time stamp known here.
var ErrNotSyslog = errors.New("line is in no known syslog format")

// ParseLine splits a line without its line feed. Stamps without a year or a
// zone are completed from c.
func ParseLine(line []byte, c Clock) (Line, error) {
	rest := trimEnd(line)
	rest, pri := cutPriority(rest)
	if pri && len(rest) > 2 && rest[0] == '1' && rest[1] == ' ' {
		return parse5424(rest[2:], c)
	}
	if len(rest) > 0 && rest[0] == '[' {
		return parseRing(rest, c)
	}
	t, rest, ok := cutTime(rest, c)
	if !ok {
		return Line{}, ErrNotSyslog
	}
	l := Line{Time: t}
	l.header(bytes.TrimLeft(rest, " "))
	return l, nil
}

// trimEnd removes blanks, zero bytes and ends of lines from the end.
func trimEnd(line []byte) []byte {
	for n := len(line); n > 0; n-- {
		switch line[n-1] {
		case '\r', '\n', 0, ' ', '\t':
		default:
			return line[:n]
		}
	}
	return nil
}

// cutPriority removes the <PRI> of RFC 3164 section 4.1.1.
func cutPriority(b []byte) ([]byte, bool) {
	if len(b) < 3 || b[0] != '<' {
		return b, false
	}
	i := bytes.IndexByte(b[:min(len(b), 5)], '>')
	if i < 2 || !allDigits(b[1:i]) {
		return b, false
	}
	return b[i+1:], true
}

// header splits "host tag[pid]: message". Busybox and some configurations
// leave the host out.
func (l *Line) header(b []byte) {
	first, rest := cutField(b)
	if !isTag(first) {
		l.Host, b = first, rest
	}
	l.tag(b)
	l.kernelStamp()
}

// isTag reports whether a word is "program:" or "program[pid]:" rather than a
// host name; an IPv6 address as host ends without colon.
func isTag(word []byte) bool {
	if len(word) < 2 || word[len(word)-1] != ':' {
		return false
	}
	name := word[:len(word)-1]
	return name[len(name)-1] == ']' || !bytes.ContainsRune(name, ':')
}

// tag splits "program[pid]: message", "program(module)[pid]: message" and
// "program: message". Without any of these everything is message.
func (l *Line) tag(b []byte) {
	end := tagEnd(b)
	if end <= 0 {
		l.Message = b
		return
	}
	name, rest := b[:end], b[end:]
	if rest[0] == '(' {
		i := bytes.IndexByte(rest, ')')
		if i < 0 {
			l.Message = b
			return
		}
		l.Module, rest = rest[1:i], rest[i+1:]
	}
	if len(rest) > 0 && rest[0] == '[' {
		i := bytes.IndexByte(rest, ']')
		if i < 0 || !allDigits(rest[1:i]) {
			l.Module, l.Message = nil, b
			return
		}
		l.PID, rest = number32(rest[1:i]), rest[i+1:]
	}
	if len(rest) == 0 || rest[0] != ':' {
		l.Module, l.PID, l.Message = nil, 0, b
		return
	}
	l.Program, l.Message = base(name), bytes.TrimLeft(rest[1:], " ")
}

// tagEnd returns where the name in a tag ends, or -1.
func tagEnd(b []byte) int {
	for i, c := range b {
		switch c {
		case ':', '[', '(', ' ':
			return i
		}
	}
	return -1
}

// kernelStamp removes the ring buffer's "[   12.345678]" that some daemons
// leave in front of kernel messages.
func (l *Line) kernelStamp() {
	if string(l.Program) != "kernel" || len(l.Message) == 0 || l.Message[0] != '[' {
		return
	}
	if _, rest, ok := cutUptime(l.Message); ok {
		l.Message = rest
	}
}

// parse5424 reads what follows "<PRI>1 " (RFC 5424 section 6).
func parse5424(b []byte, c Clock) (Line, error) {
	stamp, b := cutField(b)
	var l Line
	if string(stamp) != "-" {
		t, rest, ok := cutTime(stamp, c)
		if !ok || len(rest) != 0 {
			return Line{}, ErrNotSyslog
		}
		l.Time = t
	}
	var proc []byte
	l.Host, b = cutField(b)
	l.Program, b = cutField(b)
	proc, b = cutField(b)
	_, b = cutField(b) // MSGID
	b, ok := cutStructuredData(b)
	if !ok {
		return Line{}, ErrNotSyslog
	}
	if string(l.Host) == "-" {
		l.Host = nil
	}
	if string(l.Program) == "-" {
		l.Program = nil
	}
	l.Program = base(l.Program)
	if allDigits(proc) {
		l.PID = number32(proc)
	}
	l.Message = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	l.kernelStamp()
	return l, nil
}

// cutStructuredData removes "-" or any number of "[id name=\"value\" …]"
// (RFC 5424 section 6.3; \", \\ and \] are escapes inside values).
func cutStructuredData(b []byte) ([]byte, bool) {
	if len(b) > 0 && b[0] == '-' {
		return bytes.TrimPrefix(b[1:], []byte(" ")), true
	}
	if len(b) == 0 || b[0] != '[' {
		return nil, false
	}
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\' && quoted:
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == ']' && !quoted && (i+1 == len(b) || b[i+1] != '['):
			return bytes.TrimPrefix(b[i+1:], []byte(" ")), true
		}
	}
	return nil, false
}

// parseRing reads a line of dmesg(1): "[   12.345678] message".
func parseRing(b []byte, c Clock) (Line, error) {
	up, rest, ok := cutUptime(b)
	if !ok {
		return Line{}, ErrNotSyslog
	}
	l := Line{Program: kernelTag, Message: rest}
	if !c.Boot.IsZero() {
		l.Time = c.Boot.Add(up).UTC()
	}
	return l, nil
}

var kernelTag = []byte("kernel")

func cutUptime(b []byte) (time.Duration, []byte, bool) {
	end := bytes.IndexByte(b, ']')
	if end < 0 || end > 32 {
		return 0, nil, false
	}
	whole, frac, ok := bytes.Cut(bytes.TrimSpace(b[1:end]), []byte("."))
	if !ok || !allDigits(whole) || !allDigits(frac) || len(whole) > 9 {
		return 0, nil, false
	}
	up := time.Duration(number32(whole))*time.Second + fraction(frac)
	return up, bytes.TrimLeft(b[end+1:], " "), true
}

func cutField(b []byte) (field, rest []byte) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return b, nil
	}
	return b[:i], bytes.TrimLeft(b[i:], " ")
}

func base(name []byte) []byte {
	if i := bytes.LastIndexByte(name, '/'); i >= 0 && name[0] == '/' {
		return name[i+1:]
	}
	return name
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// number32 reads decimal digits; what does not fit is zero.
func number32(b []byte) uint32 {
	var n uint64
	for _, c := range b {
		if c -= '0'; c > 9 {
			return 0
		}
		if n = n*10 + uint64(c); n > math.MaxUint32 {
			return 0
		}
	}
	return uint32(n)
}

// fraction reads the digits behind a decimal point of seconds.
func fraction(digits []byte) time.Duration {
	var d time.Duration
	unit := time.Second
	for _, c := range digits {
		if unit /= 10; unit == 0 {
			break
		}
		d += time.Duration(c-'0') * unit
	}
	return d
}
