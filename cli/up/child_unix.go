//go:build unix

package up

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// askToEnd asks a program to end in order.
func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// detach puts the program into a process group of its own, so that a Ctrl-C at
// the terminal reaches this command alone, which then ends both in order. Where
// this command is killed and cannot, the program is told to end all the same.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
}

// locked reports whether somebody holds the lock of the file at path: flock(2).
func locked(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
