// Package syscalls names the system calls of the architectures whose audit
// records and rules Holdfast reads: x86-64, i386, and 64- and 32-bit ARM.
//
// Audit speaks of a call as a number within an architecture, and both come
// from the machine that wrote the record, which need not be the one that
// reads it. The tables are generated, see tools/syscalls.
package syscalls

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

//go:generate go run ../../../tools/syscalls -o tables.go

// Arch is a system call table, by its AUDIT_ARCH_ number (linux/audit.h): the
// ELF machine with the bits __AUDIT_ARCH_64BIT and __AUDIT_ARCH_LE.
type Arch uint32

// The architectures that have tables.
const (
	X8664 Arch = 0xc000003e // AUDIT_ARCH_X86_64
	I386  Arch = 0x40000003 // AUDIT_ARCH_I386
	ARM64 Arch = 0xc00000b7 // AUDIT_ARCH_AARCH64
	ARM   Arch = 0x40000028 // AUDIT_ARCH_ARM
)

// is64 is __AUDIT_ARCH_64BIT.
const is64 = 0x80000000

type table struct {
	arch    Arch
	name    string // as ausearch(8) prints it
	names   []string
	numbers func() map[string]int
}

var tables = [...]table{
	newTable(X8664, "x86_64", namesX8664[:]),
	newTable(I386, "i386", namesI386[:]),
	newTable(ARM64, "aarch64", namesARM64[:]),
	newTable(ARM, "arm", namesARM[:]),
}

func newTable(arch Arch, name string, names []string) table {
	return table{arch, name, names, sync.OnceValue(func() map[string]int {
		numbers := make(map[string]int, len(names))
		for nr, name := range names {
			if name != "" {
				numbers[name] = nr
			}
		}
		return numbers
	})}
}

func find(arch Arch) *table {
	for i := range tables {
		if tables[i].arch == arch {
			return &tables[i]
		}
	}
	return nil
}

// Native returns the architecture that this program was built for, or zero
// where it has no table.
func Native() Arch {
	switch runtime.GOARCH {
	case "amd64":
		return X8664
	case "386":
		return I386
	case "arm64":
		return ARM64
	case "arm":
		return ARM
	}
	return 0
}

// Compat returns the architecture of 32-bit programs on a kernel of a, which
// is a itself for 32-bit ones, or zero where there is none.
func (a Arch) Compat() Arch {
	switch a {
	case X8664:
		return I386
	case ARM64:
		return ARM
	case I386, ARM:
		return a
	}
	return 0
}

// Is64 reports whether a is a 64-bit architecture.
func (a Arch) Is64() bool { return a&is64 != 0 }

// String returns the name that ausearch(8) prints, for example "x86_64", or
// the number in hexadecimal.
func (a Arch) String() string {
	if t := find(a); t != nil {
		return t.name
	}
	return fmt.Sprintf("%#x", uint32(a))
}

// ParseArch returns the architecture of a name that [Arch.String] returns, or
// that uname(1) prints.
func ParseArch(name string) (Arch, bool) {
	switch name {
	case "i486", "i586", "i686", "x86":
		return I386, true
	case "amd64":
		return X8664, true
	case "arm64":
		return ARM64, true
	case "armv5tejl", "armv6l", "armv7l":
		return ARM, true
	}
	for i := range tables {
		if tables[i].name == name {
			return tables[i].arch, true
		}
	}
	return 0, false
}

// Name returns the name of system call nr, for example "execve", and whether
// it is known.
func Name(arch Arch, nr int) (string, bool) {
	t := find(arch)
	if t == nil || nr < 0 || nr >= len(t.names) || t.names[nr] == "" {
		return "", false
	}
	return t.names[nr], true
}

// Number returns the number of the system call with the given name and
// whether there is one.
func Number(arch Arch, name string) (int, bool) {
	t := find(arch)
	if t == nil {
		return 0, false
	}
	nr, ok := t.numbers()[name]
	return nr, ok
}

// Names returns the names of all system calls of arch, in ascending order of
// their numbers, or nil for an architecture without a table.
func Names(arch Arch) []string {
	t := find(arch)
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.names), func(name string) bool { return name == "" })
}
