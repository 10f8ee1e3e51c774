//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// windowColumns asks the terminal for its width, ioctl_tty(2) TIOCGWINSZ; ok
// says that file is a terminal.
func windowColumns(file *os.File) (columns int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
