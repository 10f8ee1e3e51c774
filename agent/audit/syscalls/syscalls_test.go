package syscalls_test

import (
	"testing"

	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
)

func TestKnownNumbers(t *testing.T) {
	// From asm/unistd_64.h, asm/unistd_32.h and asm-generic/unistd.h.
	for _, tc := range []struct {
		arch syscalls.Arch
		nr   int
		name string
	}{
		{syscalls.X8664, 0, "read"},
		{syscalls.X8664, 59, "execve"},
		{syscalls.X8664, 322, "execveat"},
		{syscalls.X8664, 321, "bpf"},
		{syscalls.X8664, 319, "memfd_create"},
		{syscalls.X8664, 166, "umount2"},
		{syscalls.I386, 11, "execve"},
		{syscalls.I386, 358, "execveat"},
		{syscalls.I386, 140, "_llseek"},
		{syscalls.I386, 102, "socketcall"},
		{syscalls.ARM64, 221, "execve"},
		{syscalls.ARM64, 79, "newfstatat"},
		{syscalls.ARM64, 39, "umount2"},
		{syscalls.ARM, 11, "execve"},
	} {
		if name, ok := syscalls.Name(tc.arch, tc.nr); !ok || name != tc.name {
			t.Errorf("%s call %d is %q, %v; want %q", tc.arch, tc.nr, name, ok, tc.name)
		}
		if nr, ok := syscalls.Number(tc.arch, tc.name); !ok || nr != tc.nr {
			t.Errorf("%s call %q is %d, %v; want %d", tc.arch, tc.name, nr, ok, tc.nr)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, nr := range []int{-1, 400, 1 << 20} { // 400 lies in the gap of x86-64
		if name, ok := syscalls.Name(syscalls.X8664, nr); ok {
			t.Errorf("x86_64 call %d is named %q", nr, name)
		}
	}
	if _, ok := syscalls.Name(0x15, 1); ok {
		t.Error("an architecture without a table names a call")
	}
	if _, ok := syscalls.Number(syscalls.ARM64, "open"); ok {
		t.Error("64-bit ARM has open")
	}
	if _, ok := syscalls.Number(0, "read"); ok {
		t.Error("an architecture without a table numbers a call")
	}
}

func TestArchNames(t *testing.T) {
	for _, arch := range []syscalls.Arch{syscalls.X8664, syscalls.I386, syscalls.ARM64, syscalls.ARM} {
		back, ok := syscalls.ParseArch(arch.String())
		if !ok || back != arch {
			t.Errorf("%s reads back as %s, %v", arch, back, ok)
		}
		if arch.Is64() == (arch.Compat() == arch) {
			t.Errorf("%s: 64 bit %v, 32-bit partner %s", arch, arch.Is64(), arch.Compat())
		}
	}
	if got := syscalls.Arch(0x15).String(); got != "0x15" {
		t.Errorf("unknown architecture prints as %q", got)
	}
	if _, ok := syscalls.ParseArch("vax"); ok {
		t.Error("vax is known")
	}
}

func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		syscalls.Name(syscalls.X8664, 59)
	}
}
