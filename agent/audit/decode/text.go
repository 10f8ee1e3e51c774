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
	return string(AppendText(nil, value))
}

// AppendText appends what [Text] returns to dst.
func AppendText(dst, value []byte) []byte {
	if inner, ok := quoted(value); ok {
		return append(dst, inner...)
	}
	if string(value) == "(null)" {
		return dst
	}
	if !IsHex(value) {
		return append(dst, value...)
	}
	for i := 0; i < len(value); i += 2 {
		dst = append(dst, unhex(value[i])<<4|unhex(value[i+1]))
	}
	return dst
}

// Plain returns a value that is never written in hex: without quotes, and ""
// for the marks of an absent value, "(null)", "(none)" and "?".
func Plain(value []byte) string { return string(Unquote(value)) }

// Unquote returns the part of value that [Plain] returns.
func Unquote(value []byte) []byte {
	if inner, ok := quoted(value); ok {
		value = inner
	}
	switch string(value) {
	case "(null)", "(none)", "?":
		return nil
	}
	return value
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
	const most = 20 // digits; one less always fits
	if len(value) == 0 || len(value) > most {
		return 0, false
	}
	if len(value) == most {
		n, err := strconv.ParseUint(string(value), 10, 64)
		return n, err == nil
	}
	for _, c := range value {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return n, true
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
	for _, c := range value {
		digit := hexDigits[c]
		if digit == noDigit {
			return 0, false
		}
		n = n<<4 | uint64(digit)
	}
	return n, true
}

// noDigit stands in hexDigits for what is no digit.
const noDigit = 0xff

// hexDigits are the values of the hexadecimal digits of both cases.
var hexDigits = func() (digits [256]byte) {
	for i := range digits {
		digits[i] = noDigit
	}
	for i, c := range "0123456789abcdef" {
		digits[c] = byte(i)
	}
	for i, c := range "ABCDEF" {
		digits[c] = byte(10 + i)
	}
	return digits
}()

// quoted returns what stands between double or single quotes.
func quoted(value []byte) (inner []byte, ok bool) {
	n := len(value)
	if n < 2 || value[0] != value[n-1] || value[0] != '"' && value[0] != '\'' {
		return nil, false
	}
	return value[1 : n-1], true
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) byte { return hexDigits[c] }
