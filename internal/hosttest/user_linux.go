package hosttest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// nobody is the account and group without any rights, see base-passwd's
// users-and-groups.
const nobody = 65534

// Unprivileged makes the calling test run without root. As an ordinary user it
// returns true, and the test goes on. As root it runs the same test once more
// in a process of the user nobody, fails if that fails, and returns false: the
// test has been done and must return.
func Unprivileged(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	program, dir := publicCopy(t)
	cmd := exec.Command(program, "-test.v", "-test.run", "^"+regexp.QuoteMeta(t.Name())+"$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
	return false
}

// publicCopy copies the test's program to a directory of nobody's: go test
// builds it where only its user may look.
func publicCopy(t *testing.T) (program, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast-nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program = filepath.Join(dir, "test")
	if err := copyFile(program, "/proc/self/exe"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return program, dir
}

func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, source); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
