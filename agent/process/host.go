package process

import (
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/procfs"
)

// host is what the table asks of a running system. Answers about a process
// that has ended are false or zero.
type host interface {
	now() (boot, wall int64)
	bootID() event.BootID
	pids() ([]uint32, error) // ascending
	stat(pid uint32) (procfs.Stat, bool)
	describe(pid uint32) (description, bool)
	arguments(pid uint32) ([]string, bool)
	// runs reports whether the process still runs the program; it does not
	// look where the path is "".
	runs(pid uint32, path string) bool
	cgroup(pid uint32) (string, bool)
	environment(pid uint32) []string
	descriptors(pid uint32) []event.Descriptor
	// identify completes a file by what it is: size, owner, hash, package. It
	// may return a value shared with other processes.
	identify(file *event.File, pid uint32, contained bool) *event.File
	// container completes what the control group says of a container.
	container(*event.Container)
	userName(uid uint32) string
	groupName(gid uint32) string
	unhashed() uint64
	close()
}

// description is what /proc says of a living process.
type description struct {
	executable *event.File
	arguments  []string
	truncated  bool
	directory  string
	terminal   string
	user       event.User
	effective  *event.User
	login      *event.User
	session    uint32
}

// fill writes the description over what was inherited.
func (d *description) fill(p *event.Process) {
	p.Executable = d.executable
	p.Arguments, p.Truncated, p.CommandLine = d.arguments, d.truncated, join(d.arguments)
	p.Directory, p.Terminal = d.directory, d.terminal
	p.User, p.Effective, p.Login, p.Session = d.user, d.effective, d.login, d.session
}
