//go:build !linux

package cli

import "errors"

// askSecret knows terminals only on Linux.
func askSecret(string) (string, error) {
	return "", errors.New("passwords cannot be asked for on this system; see the flags that read them from standard input")
}
