//go:build !linux

package secret

import "errors"

// Ask knows terminals only on Linux.
func Ask(string) (string, error) {
	return "", errors.New("passwords cannot be asked for on this system; see the flags that read them from standard input")
}
