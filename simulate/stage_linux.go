package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ownGroup puts the command into a process group of its own, so that it can be
// killed with all it started; detached makes it a session without a terminal.
func ownGroup(cmd *exec.Cmd, detached bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !detached, Setsid: detached}
}

// endGroup waits until the command has ended and kills what it left running in
// its process group. It does so before the command is reaped: until then the
// group's number cannot become somebody else's.
func endGroup(cmd *exec.Cmd) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // nobody left is as good
}

// WillAppend registers that what a command is about to append to an existing
// regular file is taken out again at clean-up. When nobody else wrote meanwhile
// the file is afterwards the same byte for byte, with its times; otherwise only
// the lines with the stage's token are removed.
func (s *Stage) WillAppend(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return skip("%s is not a regular file", path)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s.Cleanup("restore "+path, func() error { return s.takeOut(path, before, info) })
	return nil
}

// takeOut restores a file that had the content before and the attributes info.
func (s *Stage) takeOut(path string, before []byte, info fs.FileInfo) error {
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	rest, ours := bytes.CutPrefix(now, before)
	switch {
	case bytes.Equal(now, before):
	case ours && bytes.Count(rest, []byte("\n")) <= 1 && bytes.Contains(rest, []byte(s.Token)):
		if err := os.Truncate(path, int64(len(before))); err != nil {
			return err
		}
	default:
		// Somebody else wrote as well: leave their lines and the new times.
		return os.WriteFile(path, withoutToken(now, s.Token), info.Mode().Perm())
	}
	return restoreTimes(path, info)
}

// restoreTimes gives the file the access and modification times of info.
func restoreTimes(path string, info fs.FileInfo) error {
	accessed := info.ModTime()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		accessed = time.Unix(stat.Atim.Unix())
	}
	return os.Chtimes(path, accessed, info.ModTime())
}

// withoutToken returns text without the lines that contain the token.
func withoutToken(text []byte, token string) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(token)) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// unmet returns why the host does not meet a need, or "".
func unmet(need Need) string {
	if name, ok := strings.CutPrefix(string(need), programPrefix); ok {
		if _, err := exec.LookPath(name); err != nil {
			return "needs " + string(need)
		}
		return ""
	}
	switch need {
	case NeedRoot:
		if os.Geteuid() != 0 {
			return "needs root"
		}
	case NeedAuditWrite:
		if ok, err := effective(unix.CAP_AUDIT_WRITE); err != nil || !ok {
			return "needs CAP_AUDIT_WRITE"
		}
	}
	return ""
}

// effective reports whether this process has a capability: capget(2).
func effective(capability uint) (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, fmt.Errorf("read own capabilities: %w", err)
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0, nil
}
