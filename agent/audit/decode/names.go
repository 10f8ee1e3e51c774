package decode

import "strconv"

// flag is one bit of a set and its name.
type flag struct {
	bit  uint64
	name string
}

// names returns the names of the bits that are set, in table order; bits
// without a name are added as one hexadecimal number.
func names(table []flag, set uint64) []string {
	var out []string
	for _, f := range table {
		if set&f.bit == f.bit {
			out = append(out, f.name)
			set &^= f.bit
		}
	}
	if set != 0 {
		out = append(out, "0x"+strconv.FormatUint(set, 16))
	}
	return out
}

// named returns the name of n in a table, or n in decimal.
func named(table map[int]string, n int) string {
	if name, ok := table[n]; ok {
		return name
	}
	return strconv.Itoa(n)
}

// at returns the n-th name of a table, or n in decimal.
func at(table []string, n uint64) string {
	if n < uint64(len(table)) && table[n] != "" {
		return table[n]
	}
	return strconv.FormatUint(n, 10)
}

// Errno returns the name of an error number, "ENOENT" for 2 or -2, and "" for
// zero.
func Errno(n int64) string {
	if n < 0 {
		n = -n
	}
	if n == 0 {
		return ""
	}
	return named(errnoNames, int(n))
}

// Signal returns the name of a signal, "SIGKILL" for 9; real-time signals are
// counted from "SIGRTMIN+0".
func Signal(n int) string {
	const firstRealTime, lastRealTime = 32, 64 // signal(7)
	if n >= firstRealTime && n <= lastRealTime {
		return "SIGRTMIN+" + strconv.Itoa(n-firstRealTime)
	}
	return named(signalNames, n)
}

// Capabilities returns the names of a set of capabilities, lower case without
// "cap_", by number. Unknown ones are "cap-N".
func Capabilities(set uint64) []string {
	var out []string
	for bit := range 64 {
		switch {
		case set&(1<<bit) == 0:
		case bit < len(capabilityNames):
			out = append(out, capabilityNames[bit])
		default:
			out = append(out, "cap-"+strconv.Itoa(bit))
		}
	}
	return out
}

// Open flags that decide what happens to the file, <asm-generic/fcntl.h>.
const (
	OpenWriteOnly = 0o1    // O_WRONLY
	OpenReadWrite = 0o2    // O_RDWR
	OpenCreate    = 0o100  // O_CREAT
	OpenTruncate  = 0o1000 // O_TRUNC
	OpenAppend    = 0o2000 // O_APPEND
)

// OpenFlags returns the names of the flags of open(2), the access mode first.
func OpenFlags(flags uint64) []string {
	mode := [...]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[flags&3]
	return append([]string{mode}, names(openFlags, flags&^3)...)
}

// Namespace flags of clone(2), unshare(2) and setns(2), <linux/sched.h>.
const (
	CloneNewTime   = 0x80
	CloneNewNS     = 0x20000
	CloneNewCgroup = 0x2000000
	CloneNewUTS    = 0x4000000
	CloneNewIPC    = 0x8000000
	CloneNewUser   = 0x10000000
	CloneNewPID    = 0x20000000
	CloneNewNet    = 0x40000000
)

// cloneSignal are the bits of clone(2) that hold the signal sent to the parent;
// CloneNewTime lies among them and is for unshare and setns only.
const cloneSignal = 0xff

// CloneFlags returns the names of the flags of clone(2), without the signal.
func CloneFlags(flags uint64) []string { return names(cloneFlags, flags&^cloneSignal) }

// Namespaces returns the kinds of namespaces in the flags of unshare(2),
// setns(2) or clone(2): "mnt", "cgroup", "uts", "ipc", "user", "pid", "net",
// "time", as /proc/PID/ns names them.
func Namespaces(flags uint64) []string {
	var out []string
	for _, ns := range []flag{
		{CloneNewNS, "mnt"},
		{CloneNewCgroup, "cgroup"},
		{CloneNewUTS, "uts"},
		{CloneNewIPC, "ipc"},
		{CloneNewUser, "user"},
		{CloneNewPID, "pid"},
		{CloneNewNet, "net"},
		{CloneNewTime, "time"},
	} {
		if flags&ns.bit != 0 {
			out = append(out, ns.name)
		}
	}
	return out
}

// MountFlags returns the names of the flags of mount(2). The old magic number
// in the upper half is taken off.
func MountFlags(flags uint64) []string {
	const magic, mask = 0xC0ED0000, 0xffff0000 // MS_MGC_VAL, MS_MGC_MSK of <linux/mount.h>
	if flags&mask == magic {
		flags &^= mask
	}
	return names(mountFlags, flags)
}

// PtraceRequest returns the name of a request of ptrace(2), "PTRACE_ATTACH".
func PtraceRequest(n uint64) string {
	if n > 1<<31 {
		return strconv.FormatUint(n, 10)
	}
	return named(ptraceNames, int(n))
}

// BPFCommand returns the name of a command of bpf(2) without "BPF_":
// "PROG_LOAD".
func BPFCommand(n uint64) string { return at(bpfCommandNames[:], n) }

// BPFProgram returns the name of a BPF program type in lower case without
// "BPF_PROG_TYPE_": "kprobe".
func BPFProgram(n uint64) string { return at(bpfProgramNames[:], n) }

// Family returns the name of an address family: "AF_INET".
func Family(n uint64) string {
	if n > 1<<16 {
		return strconv.FormatUint(n, 10)
	}
	return named(familyNames, int(n))
}

// Clock returns the name of a clock of clock_settime(2): "CLOCK_REALTIME".
func Clock(n uint64) string {
	if n > 1<<16 {
		return strconv.FormatUint(n, 10)
	}
	return named(clockNames, int(n))
}
