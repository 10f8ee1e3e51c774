package simulate

import (
	"context"
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// The scenarios of this file make system calls that fail or change nothing.
// They leave that to perl, because sensors do not report what the process they
// run in does, and that may be this one. Perl passes texts to the kernel only from
// variables.

var kernelModuleLoaded = Scenario{
	Name:      "kernel-module-loaded",
	Title:     "a kernel module is loaded",
	AlertType: "HF_KernelModuleLoaded",
	Summary:   "Offers the kernel a text instead of a module, which it refuses.",
	Needs:     []Need{NeedRoot, NeedProgram("perl")},
	Run:       command("perl", "-e", fmt.Sprintf(`my ($text, $options) = ("no module", ""); syscall(%d, $text, 9, $options)`, unix.SYS_INIT_MODULE)),
}

var kernelModuleRemoved = Scenario{
	Name:      "kernel-module-removed",
	Title:     "a kernel module is removed",
	AlertType: "HF_KernelModuleRemoved",
	Summary:   "Asks the kernel to remove a module that does not exist.",
	Needs:     []Need{NeedRoot, NeedProgram("perl")},
	Run:       command("perl", "-e", fmt.Sprintf(`my $name = "{token}"; syscall(%d, $name, %d)`, unix.SYS_DELETE_MODULE, unix.O_NONBLOCK)),
}

// injection makes a child, writes to a variable of it what the variable holds
// already, and ends the child. The variable lies where the parent has its own.
const injection = `my $same = "unchanged"; my $child = fork() // exit 1; ` +
	`if (!$child) { sleep 30; exit } ` +
	`my $place = pack("PJ", $same, length $same); ` +
	`syscall(%d, $child, $place, 1, $place, 1, 0); ` +
	`kill KILL => $child; waitpid $child, 0`

var processInjection = Scenario{
	Name:      "process-injection",
	Title:     "memory of another process is written",
	AlertType: "HF_PtraceInjection",
	Summary:   "A perl writes to a variable of its own child what is there already, and ends the child.",
	Needs:     []Need{NeedProgram("perl")},
	Run: func(ctx context.Context, s *Stage) error {
		return s.Exec(ctx, "perl", "-e", fmt.Sprintf(injection, unix.SYS_PROCESS_VM_WRITEV), s.Token)
	},
}

// fromMemory writes true(1) to an anonymous memory file and executes it there.
const fromMemory = `my $name = "holdfast"; my $fd = syscall(%d, $name, 0); exit 1 if $fd < 0; ` +
	`open my $memory, ">&=", $fd or exit 1; open my $program, "<", $ARGV[0] or exit 1; ` +
	`binmode $_ for $memory, $program; local $/; print {$memory} readline($program); $memory->flush; ` +
	`$^F = 1000; exec { "/proc/self/fd/$fd" } "true", $ARGV[1]; exit 1`

var memoryProgram = Scenario{
	Name:      "memory-program",
	Title:     "a program is run from memory",
	AlertType: "HF_MemoryFileExecuted",
	Summary:   "A perl writes a copy of true(1) to a memory file and executes it there.",
	Needs:     []Need{NeedProgram("perl"), NeedProgram("true")},
	Run: func(ctx context.Context, s *Stage) error {
		program, err := exec.LookPath("true")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "perl", "-MIO::Handle", "-e", fmt.Sprintf(fromMemory, unix.SYS_MEMFD_CREATE), program, s.Token)
	},
}
