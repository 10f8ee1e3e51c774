package input

import "bytes"

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

// startsLikeSyslog reports whether a line begins as syslog daemons write it: RFC
// 3164 ("Mar  1 12:00:00"), ISO 8601 time stamps, and RFC 5424 or RFC 3164
// with a priority in angle brackets.
func startsLikeSyslog(line []byte) bool {
	if line[0] == '<' {
		end := bytes.IndexByte(line[:min(len(line), len("<191>"))], '>')
		if end < 2 || !fits(line[1:end], "000"[:end-1]) {
			return false
		}
		line = line[end+1:]
		for _, version := range []string{"1 ", "10 ", "100 "} {
			if fits(line, version) && line[0] != '0' {
				line = line[len(version):]
				break
			}
		}
	}
	return fits(line, "Aaa 00 00:00:00") || fits(line, "Aaa  0 00:00:00") ||
		fits(line, "0000-00-00T00:00:00") || fits(line, "0000-00-00 00:00:00")
}

// fits reports whether a text begins like a sample: digits stand for any digit,
// the letters A and a for any letter of that case, all else for itself.
func fits(text []byte, sample string) bool {
	if len(text) < len(sample) {
		return false
	}
	for i, c := range text[:len(sample)] {
		var ok bool
		switch sample[i] {
		case '0', '1':
			ok = c >= '0' && c <= '9'
		case 'A':
			ok = c >= 'A' && c <= 'Z'
		case 'a':
			ok = c >= 'a' && c <= 'z'
		default:
			ok = c == sample[i]
		}
		if !ok {
			return false
		}
	}
	return true
}

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
	if hasRecord(head) {
		return Audit
	}
	if startsLikeSyslog(head) {
		return Syslog
	}
	return Unknown
}

// hasRecord reports whether the first stamp of an audit record in a text has the
// record's type before it. Most lines have few parentheses to look at.
func hasRecord(text []byte) bool {
	for at := 0; ; at++ {
		i := bytes.IndexByte(text[at:], '(')
		if i < 0 {
			return false
		}
		if at += i; bytes.HasSuffix(text[:at], []byte("audit")) {
			return bytes.Contains(text[:at], []byte("type="))
		}
	}
}
