package simulate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var kernelModuleLoaded = Scenario{
	Name:      "kernel-module-loaded",
	Title:     "a kernel module is loaded",
	AlertType: "HF_KernelModuleLoaded",
	Summary:   "Offers the kernel a text instead of a module, which it refuses.",
	Needs:     []Need{NeedRoot},
	Run: func(context.Context, *Stage) error {
		return refused("load a module", unix.InitModule([]byte("not a kernel module"), ""))
	},
}

var kernelModuleRemoved = Scenario{
	Name:      "kernel-module-removed",
	Title:     "a kernel module is removed",
	AlertType: "HF_KernelModuleRemoved",
	Summary:   "Asks the kernel to remove a module that does not exist.",
	Needs:     []Need{NeedRoot},
	Run: func(_ context.Context, s *Stage) error {
		return refused("remove a module", unix.DeleteModule(s.Token, unix.O_NONBLOCK))
	},
}

// refused turns the success of what must fail into an error.
func refused(what string, err error) error {
	if err == nil {
		return fmt.Errorf("the kernel did not refuse to %s", what)
	}
	return nil
}

var processInjection = Scenario{
	Name:      "process-injection",
	Title:     "memory of another process is written",
	AlertType: "HF_PtraceInjection",
	Summary: "Writes to the stack of a child of its own, sleep(1), the bytes that are there already, and ends the " +
		"child.",
	Run: func(ctx context.Context, s *Stage) error {
		sleep, err := s.Copy("sleep", s.Path("victim"))
		if err != nil {
			return err
		}
		pid, err := s.Start(ctx, sleep, "60")
		if err != nil {
			return err
		}
		return rewriteStack(ctx, pid)
	},
}

// rewriteStack reads eight bytes of a process's stack and writes them back.
func rewriteStack(ctx context.Context, pid int) error {
	address, err := stackAddress(ctx, pid)
	if err != nil {
		return err
	}
	word := make([]byte, 8)
	local := []unix.Iovec{{Base: &word[0]}}
	local[0].SetLen(len(word))
	remote := []unix.RemoteIovec{{Base: address, Len: len(word)}}
	if _, err := unix.ProcessVMReadv(pid, local, remote, 0); err != nil {
		return refusedHere("read memory of a child", err)
	}
	if _, err := unix.ProcessVMWritev(pid, local, remote, 0); err != nil {
		return refusedHere("write memory of a child", err)
	}
	return nil
}

// refusedHere is a skip where the host forbids tracing even of children.
func refusedHere(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		return skip("this host does not allow to %s", what)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// stackAddress returns the address of the first page of a process's stack. The
// process may just be executing its program; its map is read until it shows a
// stack.
func stackAddress(ctx context.Context, pid int) (uintptr, error) {
	for {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		if err != nil {
			return 0, err
		}
		lines := bufio.NewScanner(strings.NewReader(string(maps)))
		for lines.Scan() {
			var from, to uintptr
			if strings.HasSuffix(lines.Text(), "[stack]") {
				if _, err := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to); err == nil {
					return to - 4096, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
