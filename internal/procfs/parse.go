// Package procfs reads what /proc says of processes.
//
// Parsing is apart from reading: the Parse functions take the bytes of a file
// and are pure, a [Reader] fetches them with plain system calls into buffers
// of its own, because the process table does this thousands of times a second.
//
// Everything here may be chosen by a hostile process: its name may hold
// parentheses and newlines, its argument vector may be megabytes long. Sizes
// are bounded and nothing is trusted beyond its place in the file. A process
// may end between two reads; callers compare the start time before and after
// where that matters.
package procfs

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Tick is the unit of the times in /proc/PID/stat in nanoseconds: USER_HZ is
// 100 on every architecture that Go supports (include/uapi/asm-generic/param.h).
const Tick = 10_000_000

// UnsetID is the audit login uid and session of processes that no login
// started: (uid_t)-1.
const UnsetID = 1<<32 - 1

// ErrMalformed is returned for content that does not have the documented form.
var ErrMalformed = errors.New("malformed /proc content")

// Stat is what proc_pid_stat(5) says, as far as it is used here.
type Stat struct {
	PID     uint32
	Comm    string // at most 15 bytes, 64 for kernel threads
	State   byte   // 'Z' and 'X' are ended processes
	PPID    uint32
	TTY     uint32 // device number of the controlling terminal; zero for none
	Flags   uint32 // PF_* of include/linux/sched.h
	Threads uint32
	Start   uint64 // nanoseconds after boot, a multiple of Tick
}

// kernelThread is PF_KTHREAD of include/linux/sched.h.
const kernelThread = 0x00200000

// Kernel reports whether the process is a kernel thread.
func (s Stat) Kernel() bool { return s.Flags&kernelThread != 0 }

// Ended reports whether the process has exited and waits to be reaped.
func (s Stat) Ended() bool { return s.State == 'Z' || s.State == 'X' }

// ParseStat reads the content of /proc/PID/stat. The name ends at the last
// closing parenthesis: a name may contain any byte, what follows only numbers.
func ParseStat(data []byte) (Stat, error) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 2 || end < open || end+3 >= len(data) {
		return Stat{}, ErrMalformed
	}
	pid, ok := parseUint(bytes.TrimSpace(data[:open]))
	if !ok {
		return Stat{}, ErrMalformed
	}
	s := Stat{PID: uint32(pid), Comm: string(data[open+1 : end]), State: data[end+2]}
	rest := data[end+3:]
	for field := 4; field <= 22; field++ {
		var word []byte
		if word, rest = nextWord(rest); word == nil {
			return Stat{}, ErrMalformed
		}
		if err := s.setField(field, word); err != nil {
			return Stat{}, err
		}
	}
	return s, nil
}

// setField stores field number n of proc_pid_stat(5).
func (s *Stat) setField(n int, word []byte) error {
	switch n {
	case 4, 7, 9, 20, 22:
	default:
		return nil
	}
	negative := len(word) > 0 && word[0] == '-'
	v, ok := parseUint(bytes.TrimPrefix(word, []byte("-")))
	if !ok {
		return ErrMalformed
	}
	if negative {
		v = 0
	}
	switch n {
	case 4:
		s.PPID = uint32(v)
	case 7:
		s.TTY = uint32(v)
	case 9:
		s.Flags = uint32(v)
	case 20:
		s.Threads = uint32(v)
	case 22:
		s.Start = v * Tick
	}
	return nil
}

func nextWord(data []byte) (word, rest []byte) {
	data = bytes.TrimLeft(data, " ")
	if len(data) == 0 || data[0] == '\n' {
		return nil, nil
	}
	end := bytes.IndexAny(data, " \n")
	if end < 0 {
		return data, nil
	}
	return data[:end], data[end:]
}

func parseUint(word []byte) (uint64, bool) {
	if len(word) == 0 || len(word) > 20 {
		return 0, false
	}
	var v uint64
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return v, true
}

// Credentials are the accounts a process acts as.
type Credentials struct {
	UID, EUID, GID, EGID uint32
}

// ParseCredentials reads the lines Uid and Gid of /proc/PID/status. The name
// comes first there, with its newlines escaped by the kernel.
func ParseCredentials(data []byte) (Credentials, error) {
	var c Credentials
	uid, okUID := statusLine(data, "\nUid:")
	gid, okGID := statusLine(data, "\nGid:")
	if !okUID || !okGID {
		return c, ErrMalformed
	}
	c.UID, c.EUID = uid[0], uid[1]
	c.GID, c.EGID = gid[0], gid[1]
	return c, nil
}

func statusLine(data []byte, label string) (ids [2]uint32, ok bool) {
	_, line, found := bytes.Cut(data, []byte(label))
	if !found {
		return ids, false
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	rest := bytes.ReplaceAll(line, []byte("\t"), []byte(" "))
	for i := range ids {
		var word []byte
		word, rest = nextWord(rest)
		v, good := parseUint(word)
		if !good {
			return ids, false
		}
		ids[i] = uint32(v)
	}
	return ids, true
}

// SplitArguments splits NUL-separated content, as of /proc/PID/cmdline, into
// strings. A missing final NUL, as left by programs that overwrite their
// title, is accepted.
func SplitArguments(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	text := strings.TrimSuffix(string(data), "\x00")
	return strings.Split(text, "\x00")
}

// Title undoes what programs do that write one title over their argument
// vector: a single argument followed by NULs is that argument alone.
func Title(args []string) []string {
	last := len(args)
	for last > 1 && args[last-1] == "" {
		last--
	}
	if last == 1 {
		return args[:1]
	}
	return args
}

// TTYName names a terminal device number as audit does: "pts0", "tty1",
// "ttyS0", "console"; "" for none or an unknown driver. Majors are those of
// the kernel's admin-guide/devices.txt.
func TTYName(device uint32) string {
	major, minor := device>>8&0xfff, device&0xff|device>>12&0xfff00
	switch {
	case major >= 136 && major <= 143:
		return "pts" + strconv.Itoa(int(major-136)<<8+int(minor))
	case major == 4 && minor < 64:
		return "tty" + strconv.Itoa(int(minor))
	case major == 4:
		return "ttyS" + strconv.Itoa(int(minor-64))
	case major == 5 && minor == 1:
		return "console"
	case major == 204 && minor >= 64 && minor < 80:
		return "ttyAMA" + strconv.Itoa(int(minor-64))
	case major == 229:
		return "hvc" + strconv.Itoa(int(minor))
	}
	return ""
}

// CgroupPath picks one path from the content of /proc/PID/cgroup: that of the
// unified hierarchy where it says something, else that of systemd's own, else
// the longest. It returns "" when all are the root.
func CgroupPath(data []byte) string {
	var unified, systemd, longest []byte
	for line := range bytes.Lines(data) {
		part := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte(":"), 3)
		if len(part) != 3 || len(part[2]) < 2 {
			continue
		}
		switch {
		case len(part[1]) == 0 && string(part[0]) == "0":
			unified = part[2]
		case string(part[1]) == "name=systemd":
			systemd = part[2]
		}
		if len(part[2]) > len(longest) {
			longest = part[2]
		}
	}
	for _, p := range [][]byte{unified, systemd, longest} {
		if len(p) > 1 {
			return string(p)
		}
	}
	return ""
}
