package rule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
)

// unset is the user and session number of processes that no login started.
const unset = 1<<32 - 1

// errNumber says what is wrong with something that is no number.
var errNumber = errors.New("not a 32-bit number")

// parseUint reads a number as strtoul(3) with base zero does.
func parseUint(text string) (uint32, error) {
	n, err := strconv.ParseUint(octal(text), 0, 32)
	if err != nil {
		return 0, errNumber
	}
	return uint32(n), nil
}

// parseInt is parseUint with a sign.
func parseInt(text string) (uint32, error) {
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		return parseUint(text)
	}
	n, err := parseUint(digits)
	if err != nil || n > 1<<31 {
		return 0, errNumber
	}
	return -n, nil
}

// octal keeps Go's own forms of numbers (0b1, 0o7, 1_000) out.
func octal(text string) string {
	if strings.ContainsAny(text, "_oObB+") && !strings.HasPrefix(strings.ToLower(text), "0x") || strings.Contains(text, "_") {
		return ""
	}
	return text
}

// value reads the value of a field that is a number for the kernel.
func (p *Parser) value(f *field, text string) (uint32, error) {
	switch f.kind {
	case kindUser:
		return account(f, text, p.user, "account")
	case kindGroup:
		return account(f, text, p.group, "group")
	case kindSession:
		if text == "unset" {
			return unset, nil
		}
	case kindExit:
		return parseExit(f, text)
	case kindArch:
		return p.arch(text)
	case kindType:
		if t, ok := record.ParseType([]byte(text)); ok {
			return uint32(t), nil
		}
		return 0, fmt.Errorf("%s is no record type; write a name such as CWD or a number", quote(text))
	case kindPerm:
		return parsePerm(text)
	case kindFileType:
		return parseFileType(f, text)
	case kindFS:
		for _, fs := range fileSystems {
			if fs.name == text {
				return fs.magic, nil
			}
		}
	case kindFamily:
		for _, family := range families {
			if family.name == text {
				return family.number, nil
			}
		}
	}
	n, err := parseInt(text)
	if err != nil {
		return 0, fmt.Errorf("%s of field %s is no number; write it in decimal or as 0x…", quote(text), f.name)
	}
	return n, nil
}

func account(f *field, text string, lookup func(string) (uint32, error), what string) (uint32, error) {
	if text == "unset" {
		return unset, nil
	}
	if n, err := parseInt(text); err == nil {
		return n, nil
	}
	if text == "" {
		return 0, fmt.Errorf("field %s lacks its value; write a number or the name of a %s", f.name, what)
	}
	n, err := lookup(text)
	if err != nil {
		return 0, fmt.Errorf("this host has no %s %s; write its number in field %s or create it first", what, quote(text), f.name)
	}
	return n, nil
}

func parseExit(f *field, text string) (uint32, error) {
	if n, err := parseInt(text); err == nil {
		return n, nil
	}
	name, negative := strings.CutPrefix(text, "-")
	nr, ok := errnoNumber(name)
	if !ok {
		return 0, fmt.Errorf("%s of field %s is neither a number nor an error name; write for example -EACCES", quote(text), f.name)
	}
	if negative {
		return -nr, nil
	}
	return nr, nil
}

func (p *Parser) arch(text string) (uint32, error) {
	native := p.native()
	switch text {
	case "b64":
		if !native.Is64() {
			return 0, fmt.Errorf("this %s machine has no 64-bit system calls; leave the rule out", native)
		}
		return uint32(native), nil
	case "b32":
		if native.Compat() == 0 {
			return 0, fmt.Errorf("this %s machine has no 32-bit system calls; leave the rule out", native)
		}
		return uint32(native.Compat()), nil
	}
	if arch, ok := syscalls.ParseArch(text); ok {
		return uint32(arch), nil
	}
	if strings.HasPrefix(text, "0x") {
		if n, err := parseUint(text); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s is no architecture; write b64, b32, x86_64, i386, aarch64 or arm", quote(text))
}

func parsePerm(text string) (uint32, error) {
	var bits uint32
	for i := range len(text) {
		bit := uint32(0)
		for _, p := range permissions {
			if p.letter == text[i]|0x20 {
				bit = p.bit
			}
		}
		if bit == 0 {
			return 0, fmt.Errorf("%s is no permission; write letters of rwxa", quote(text))
		}
		bits |= bit
	}
	if bits == 0 {
		return 0, errors.New("the permission is empty; write letters of rwxa")
	}
	return bits, nil
}

func parseFileType(f *field, text string) (uint32, error) {
	var names []string
	for _, t := range fileTypes {
		if t.name == text {
			return t.mode, nil
		}
		names = append(names, t.name)
	}
	if text == "symlink" {
		return 0o120000, nil
	}
	if n, err := parseUint(text); err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("%s of field %s is no type of file; write one of %s", quote(text), f.name, strings.Join(names, ", "))
}

// format writes the value of a field that is a number so that value reads it.
func format(f *field, native syscalls.Arch, value uint32) string {
	switch f.kind {
	case kindUser, kindGroup, kindSession:
		if value == unset && f.kind != kindGroup {
			return "unset"
		}
	case kindHex:
		return "0x" + strconv.FormatUint(uint64(value), 16)
	case kindExit:
		return formatExit(int32(value))
	case kindArch:
		return formatArch(native, syscalls.Arch(value))
	case kindType:
		return record.Type(value).String()
	case kindPerm:
		return formatPerm(value)
	case kindFileType:
		for _, t := range fileTypes {
			if t.mode == value {
				return t.name
			}
		}
		return "0" + strconv.FormatUint(uint64(value), 8)
	case kindFS:
		for _, fs := range fileSystems {
			if fs.magic == value {
				return fs.name
			}
		}
		return "0x" + strconv.FormatUint(uint64(value), 16)
	}
	return strconv.FormatUint(uint64(value), 10)
}

func formatExit(value int32) string {
	if value >= 0 {
		return strconv.Itoa(int(value))
	}
	if name, ok := errnoName(-int64(value)); ok {
		return "-" + name
	}
	return strconv.Itoa(int(value))
}

func formatArch(native, arch syscalls.Arch) string {
	switch {
	case arch == native && native.Is64():
		return "b64"
	case arch == native.Compat():
		return "b32"
	}
	return arch.String()
}

func formatPerm(value uint32) string {
	var letters []byte
	for _, p := range permissions {
		if value&p.bit != 0 {
			letters = append(letters, p.letter)
		}
	}
	return string(letters)
}
