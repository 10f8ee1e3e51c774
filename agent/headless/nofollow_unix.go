//go:build unix

package headless

import "golang.org/x/sys/unix"

// noFollow makes opening a symbolic link an error, open(2).
const noFollow = unix.O_NOFOLLOW
