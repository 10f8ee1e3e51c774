// Package decode turns the values of audit records into what they stand for:
// text that the kernel wrote in hex, argument vectors spread over many
// records, socket addresses, and the names of errors, flags, capabilities and
// other kernel constants. It is pure and keeps no state.
//
// All values come from hostile programs. Decoders accept any bytes, bound what
// they return, and return the bytes as the program had them; whoever shows
// them escapes them.
package decode

import (
	"strconv"

	"github.com/holdfast-security/holdfast/agent/audit/record"
)

// Text returns a string that a program chose. The kernel writes it in double
// quotes, or in hex without quotes where it holds a space, a quote or a byte
// outside printable ASCII (audit_log_untrustedstring in kernel/audit.c).
// "(null)" is "".
func Text(value []byte) string {
	if inner, ok := quoted(value); ok {
		return string(inner)
	}
	if string(value) == "(null)" {
		return ""
	}
	if !IsHex(value) {
		return string(value)
	}
	text := make([]byte, len(value)/2)
	for i := range text {
		text[i] = unhex(value[2*i])<<4 | unhex(value[2*i+1])
	}
	return string(text)
}

// Plain returns a value that is never written in hex: without quotes, and ""
// for the marks of an absent value, "(null)", "(none)" and "?".
func Plain(value []byte) string {
	if inner, ok := quoted(value); ok {
		value = inner
	}
	switch string(value) {
	case "(null)", "(none)", "?":
		return ""
	}
	return string(value)
}

// IsHex reports whether value is bytes written in upper-case hex, as audit
// writes them, at least one.
func IsHex(value []byte) bool {
	if len(value) == 0 || len(value)%2 != 0 {
		return false
	}
	for _, c := range value {
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// Encoded reports whether the field of a record of type t is one that
// [Text] decodes; other fields are [Plain]. The names are those that the
// kernel's audit code and libaudit (audit_encode_nv_string) pass through
// their encoders.
func Encoded(t record.Type, name string) bool {
	switch name {
	case "comm", "exe", "name", "cwd", "key", "path", "ocomm", "proctitle", "cmd", "acct",
		"data", "dir", "file", "old_dev_name", "new_dev_name", "grp", "new_group", "old-disk", "new-disk":
		return true
	}
	return t == record.Execve && len(name) > 1 && name[0] == 'a' && name[1] >= '0' && name[1] <= '9' && !hasSuffixLen(name)
}

func hasSuffixLen(name string) bool { return len(name) > 4 && name[len(name)-4:] == "_len" }

// Uint reads a decimal number; ok is false for anything else, and for
// numbers that do not fit.
func Uint(value []byte) (n uint64, ok bool) {
	if len(value) == 0 || len(value) > 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	return n, err == nil
}

// Int reads a decimal number that may be negative, like the exit field.
func Int(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > 20 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil
}

// Hex reads a hexadecimal number without prefix, like the arguments a0 to a3.
func Hex(value []byte) (n uint64, ok bool) {
	if len(value) == 0 || len(value) > 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(value), 16, 64)
	return n, err == nil
}

// quoted returns what stands between double or single quotes.
func quoted(value []byte) (inner []byte, ok bool) {
	n := len(value)
	if n < 2 || value[0] != value[n-1] || value[0] != '"' && value[0] != '\'' {
		return nil, false
	}
	return value[1 : n-1], true
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
