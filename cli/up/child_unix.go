//go:build unix

package up

import (
	"os"
	"os/exec"
	"syscall"
)

// askToEnd asks a program to end in order.
func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// detach puts the program into a process group of its own, so that a Ctrl-C at
// the terminal reaches this command alone, which then ends both in order.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
