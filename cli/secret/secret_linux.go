package secret

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Ask asks at the controlling terminal, which need not be standard
// input, and does not show the answer: termios(3) ECHO, ioctl_tty(2).
func Ask(prompt string) (string, error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("there is no terminal to ask for a password; see the flags that read it from standard input")
	}
	defer terminal.Close()
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("ask for a password: %w", err)
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
		return "", fmt.Errorf("ask for a password: %w", err)
	}
	defer func() {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, before)
		_, _ = terminal.WriteString("\n")
	}()
	_, _ = terminal.WriteString(prompt)
	answer, err := bufio.NewReader(terminal).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read a password: %w", err)
	}
	return strings.TrimRight(answer, "\r\n"), nil
}
