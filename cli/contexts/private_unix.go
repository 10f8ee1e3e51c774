//go:build unix

package contexts

import (
	"fmt"
	"os"
)

// private says whether only the owner can read the file.
func private(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read the contexts: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s holds secrets and others may read it; run chmod 600 on it, and log in again if that was so for long", file.Name())
	}
	return nil
}
