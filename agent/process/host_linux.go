package process

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/agent/process/executable"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/accounts"
	"github.com/holdfast-security/holdfast/internal/procfs"
)

// liveHost reads a running system.
type liveHost struct {
	fs    hostfs.FS
	proc  *procfs.Reader
	names *accounts.Names
	files *executable.Cache
}

func newHost(fs hostfs.FS) host {
	return &liveHost{
		fs:    fs,
		proc:  procfs.NewReader(fs.Path("/proc")),
		names: accounts.New(fs),
		files: executable.New(fs),
	}
}

func (h *liveHost) now() (boot, wall int64) {
	var b, w unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &b)
	unix.ClockGettime(unix.CLOCK_REALTIME, &w)
	return b.Nano(), w.Nano()
}

func (h *liveHost) bootID() event.BootID { return h.proc.BootID() }

func (h *liveHost) pids() ([]uint32, error) { return h.proc.PIDs() }

func (h *liveHost) stat(pid uint32) (procfs.Stat, bool) {
	s, err := h.proc.Stat(pid)
	return s, err == nil
}

func (h *liveHost) arguments(pid uint32) ([]string, bool) { return h.proc.Arguments(pid) }

func (h *liveHost) runs(pid uint32, path string) bool {
	if path == "" {
		return true
	}
	exe, err := h.proc.Link(pid, "exe")
	return err == nil && fileOfLink(exe).Path == path
}

func (h *liveHost) cgroup(pid uint32) (string, bool) {
	path, err := h.proc.Cgroup(pid)
	return path, err == nil
}

func (h *liveHost) environment(pid uint32) []string {
	return h.proc.Environment(pid, maxMark, func(name string) bool { return marks[name] })
}

func (h *liveHost) userName(uid uint32) string  { return h.names.User(uid) }
func (h *liveHost) groupName(gid uint32) string { return h.names.Group(gid) }

func (h *liveHost) identify(file *event.File, pid uint32, contained bool) *event.File {
	exe := ""
	if pid != 0 {
		exe = h.proc.Path(pid, "exe")
	}
	return h.files.Identify(file, exe, contained)
}

func (h *liveHost) unhashed() uint64 { return h.files.Unhashed() }
func (h *liveHost) close()           { h.files.Close() }

// describe reads what audit would have told.
func (h *liveHost) describe(pid uint32) (description, bool) {
	creds, err := h.proc.Credentials(pid)
	if err != nil {
		return description{}, false
	}
	var d description
	d.user = event.User{UID: creds.UID, Name: h.names.User(creds.UID)}
	if creds.EUID != creds.UID {
		d.effective = &event.User{UID: creds.EUID, Name: h.names.User(creds.EUID)}
	}
	login, session := h.proc.Login(pid)
	if login != procfs.UnsetID {
		d.login = &event.User{UID: login, Name: h.names.User(login)}
	}
	if session != procfs.UnsetID {
		d.session = session
	}
	if s, err := h.proc.Stat(pid); err == nil {
		d.terminal = procfs.TTYName(s.TTY)
	}
	if exe, err := h.proc.Link(pid, "exe"); err == nil {
		d.executable = fileOfLink(exe)
	}
	d.directory, _ = h.proc.Link(pid, "cwd")
	d.arguments, d.truncated = h.proc.Arguments(pid)
	return d, true
}

// fileOfLink takes the kernel's " (deleted)" from the target of /proc/PID/exe.
func fileOfLink(target string) *event.File {
	path, deleted := strings.CutSuffix(target, " (deleted)")
	switch {
	case strings.HasPrefix(target, "/memfd:"):
		return &event.File{Path: path, Kind: event.FileMemory}
	case deleted:
		return &event.File{Path: path, Kind: event.FileDeleted}
	}
	return &event.File{Path: target}
}
