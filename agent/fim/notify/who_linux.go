package notify

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/fim/notify/fanotify"
)

// writers asks /proc about the processes of one read.
type writers struct {
	known map[int32]Who
	buf   [1024]byte
}

// of returns what is known of the process of an event. The answer is kept
// until reset: pids are given out in turn, so that within one read none comes
// round again.
func (w *writers) of(e *fanotify.Event) (who Who, ended bool) {
	if e.PID <= 0 || e.PIDFD == fanotify.NoPIDFD {
		return Who{PID: max(e.PID, 0)}, e.PID > 0
	}
	who, ok := w.known[e.PID]
	if !ok {
		who = w.read(e.PID)
		who.Sure = who.Start != 0 && e.PIDFD >= 0 && alive(int(e.PIDFD))
		w.known[e.PID] = who
	}
	return who, who.Start == 0
}

func (w *writers) reset() { clear(w.known) }

// alive reports whether the process of a pidfd still has its pid: then what was
// read of /proc before was its own.
func alive(pidfd int) bool { return unix.PidfdSendSignal(pidfd, 0, nil, 0) == nil }

// read asks /proc/PID for what it still knows.
func (w *writers) read(pid int32) Who {
	who := Who{PID: pid}
	dir := "/proc/" + strconv.Itoa(int(pid))
	fd, err := unix.Open(dir+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return who
	}
	n, err := unix.Read(fd, w.buf[:])
	unix.Close(fd)
	if err != nil || !who.parse(w.buf[:n]) {
		return who
	}
	who.Executable, _ = os.Readlink(dir + "/exe") // kernel threads and the dying have none
	return who
}

// parse reads "pid (comm) state ppid ...", proc_pid_stat(5). The name can hold
// anything, parentheses and newlines too.
func (w *Who) parse(stat []byte) bool {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return false
	}
	const ppid, start = 4 - 3, 22 - 3 // fields are numbered from 1, the third follows the name
	fields := bytes.Fields(stat[end+1:])
	if len(fields) <= start {
		return false
	}
	parent, errParent := strconv.ParseInt(string(fields[ppid]), 10, 32)
	born, errBorn := strconv.ParseUint(string(fields[start]), 10, 64)
	if errParent != nil || errBorn != nil {
		return false
	}
	w.Name, w.Parent, w.Start = string(stat[open+1:end]), int32(parent), born
	return true
}
