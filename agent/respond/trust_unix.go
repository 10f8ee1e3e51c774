//go:build unix

package respond

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// trusted reports a program that somebody could have put there or changed who
// is neither root nor this process's user: the file, and the directory it is in.
func trusted(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not a program", path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, p := range []string{real, filepath.Dir(real), filepath.Dir(path)} {
		if err := guarded(p); err != nil {
			return err
		}
	}
	return nil
}

func guarded(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user", path)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be changed by other users (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}
