// Package notify tells of changes to files within moments of their happening,
// and which process made them.
//
// A [Listener] puts one fanotify mark on every file system that holds a
// watched root, so that a change is seen by whatever path, bind mount,
// namespace or container it was made, and no tree has to be walked. Where the
// kernel, the privilege or the file system does not allow that it falls back
// to inotify, which knows no process and has limits, and where that fails too
// it asks its user to look by himself. What is watched how, and why not
// better, is stated in [Coverage]; that something may have been missed, in
// [Dirty]. Nothing is lost in silence.
//
// The listener says that a path changed, not what the file holds now: reading,
// hashing, comparing and judging belong to others, as does the process table
// that turns a pid into a program, a user and a session.
//
// Security: names are whatever a local user calls a file, and come as raw
// bytes. A rename, a removal or a mount can make a path lead elsewhere between
// the event and its reading: a path is where to look, never proof of what was
// changed. Handles are resolved to paths at the time of reading; the cache that
// saves most of that work is bounded and dropped with every rename of a
// directory.
//
// What no listener sees: stores through a shared mapping before the file is
// closed for writing, writes to the block device below a file system, changes
// made by other hosts on network file systems, and changes of attributes
// through a handle of a file whose name the kernel does not hold. A walk over
// the metadata finds these.
package notify

import (
	"errors"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/fim/notify/mounts"
)

// Op is a set of what happened to a path. The kernel merges what one process
// does to one file while nobody reads, so that several can be set; their order
// is lost then, and the state of the file is the truth.
type Op uint16

// Operations.
const (
	Created    Op = 1 << iota // by open, mkdir, mknod, symlink or link
	Deleted                   // the name, not always the file: see link(2)
	Modified                  // written, truncated or allocated
	Closed                    // closed by who had it open for writing
	Attributes                // mode, owner, times, extended attributes, ACL, capabilities, number of links
	Renamed                   // from Change.From to Change.Path
	MovedIn                   // from a place that is not known; like Created
	MovedOut                  // to a place that is not known; like Deleted
)

var opNames = [...]string{"created", "deleted", "modified", "closed", "attributes", "renamed", "moved-in", "moved-out"}

// String lists the operations, for logs.
func (o Op) String() string {
	var names []string
	for i, name := range opNames {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Who is the process that made a change, as far as the notification tells.
// The pid is certain, except that it may have been given to another process
// since; the rest is what /proc still knew when the event was read.
type Who struct {
	// PID is the process (thread group), in the listener's pid namespace. 0 is
	// unknown: inotify does not tell, and processes outside of the namespace,
	// kernel threads among them, have none.
	PID int32
	// Start is when the process was born, in clock ticks since boot (field 22
	// of proc_pid_stat(5)); with the pid it names a process for good. 0 is
	// unknown: the process had ended.
	Start uint64
	// Sure says that a pidfd of the writer vouched for Start, Parent, Name and
	// Executable. Otherwise they may belong to a later owner of the pid.
	Sure bool
	// Parent, Name (15 bytes at most) and Executable are of the time of
	// reading: after an exec not those of the time of the change. Hints only.
	Parent     int32
	Name       string
	Executable string
}

// Change is something that happened at a watched path.
type Change struct {
	Op   Op
	Path string // absolute, below a root as it was given; raw bytes
	From string // with Renamed: the old path, which may lie outside of all roots
	Dir  bool   // Path is a directory, and what is below came with it; false when that is not known
	Who  Who
	// Read is when the event was read, on the host's clock: the change is no
	// younger, and no older than the read before it.
	Read time.Time
}

// Cause says why changes may have been missed.
type Cause string

// Causes.
const (
	CauseOverflow  Cause = "overflow"  // the kernel's queue was full
	CauseUnnamed   Cause = "unnamed"   // a change could not be given a path
	CauseMalformed Cause = "malformed" // the kernel's bytes were not as documented
	CauseMounted   Cause = "mounted"   // something was mounted there
	CauseUnmounted Cause = "unmounted" // something was unmounted there
	CauseMoved     Cause = "moved"     // a directory on the way to the root was made, renamed or removed
	CauseRenewed   Cause = "renewed"   // the watching began again, or in another way
)

// Dirty says that everything at and below Path may have changed without a
// [Change].
type Dirty struct {
	Path  string
	Cause Cause
}

// Method is how a part is watched.
type Method string

// Methods, best first.
const (
	Fanotify Method = "fanotify"
	Inotify  Method = "inotify"
	Poll     Method = "poll" // not at all: whoever needs to know has to look
)

// Reason says why a part is not watched in a better way.
type Reason string

// Reasons.
const (
	ReasonNone         Reason = ""
	ReasonOld          Reason = "old-kernel"    // no notifications with names: Linux before 5.9
	ReasonNotPermitted Reason = "not-permitted" // CAP_SYS_ADMIN or the system call is missing
	ReasonFileSystem   Reason = "file-system"   // it gives no handles, no id, or is a part of another (overlayfs, btrfs subvolumes)
	ReasonHidden       Reason = "hidden"        // no mount shows its place
	ReasonRemote       Reason = "remote"        // others change it without this kernel's knowing: network file systems, FUSE
	ReasonPseudo       Reason = "pseudo"        // kernel state, not files
	ReasonLimit        Reason = "limit"         // of the kernel or of [Options]
	ReasonAbsent       Reason = "absent"        // the root is not there; looked for again now and then
	ReasonFailed       Reason = "failed"        // another error, see Detail
)

// Coverage is how one part of a root is watched.
type Coverage struct {
	Root   string // as given
	Path   string // the root, a mount point below it, or a directory that is too much for inotify
	Type   string // of the file system: "ext4"
	Method Method
	Reason Reason // why not better
	Detail string // the kernel's words, for logs
	// With Fanotify: what the kernel tells beyond names. Without WhoCertain the
	// fields of [Who] other than PID are never Sure; without WholeRenames the
	// halves of renames are joined by process and order.
	WhoCertain   bool
	WholeRenames bool

	device, place string // what is mounted there
	gap           bool   // a directory that is too much for inotify
}

// Handler takes what a listener finds. Its methods are called one at a time
// from the goroutine of Run, and hold up the reading while they run: the
// kernel keeps what happens meanwhile.
type Handler interface {
	// Changes takes changes in the order of each file system. The slice is used
	// again after the call.
	Changes(changes []Change)
	// Dirty is called in order with Changes.
	Dirty(d Dirty)
	// Covered takes the whole state, at the start and whenever it changes. The
	// slice belongs to the handler. What is covered by the first call is
	// watched from before it.
	Covered(parts []Coverage)
}

// Options says what to watch. Roots and Handler are required.
type Options struct {
	// Roots are absolute, clean paths of directories, watched with all below,
	// or of files. They need not exist. A root that is a symbolic link is
	// watched as the link that it is.
	Roots   []string
	Handler Handler
	// Wanted is asked with every path below the roots before more is done for
	// it; nil wants all. It is called from the goroutine of Run.
	Wanted func(path string) bool
	// Enter is asked with the path of each mount point below a root, and under
	// inotify of each directory: false leaves out all below. Nil enters all but
	// mounted overlays, the layers of containers.
	Enter func(path string) bool
	// Nap is how long changes gather before they are read after the first;
	// zero means 40 ms.
	Nap time.Duration
	// Directories is how many directories' paths are remembered; zero means
	// 16,384, which takes about 6 MB.
	Directories int
	// Watches is the number of directories to watch with inotify at most; zero
	// means half of what the kernel allows.
	Watches int
	// Bounded keeps the kernel's bound on waiting events. Otherwise none is
	// lost, and the kernel's memory is the bound.
	Bounded bool
}

// Limits of what is asked for.
const (
	maxRoots           = 4096
	defaultNap         = 40 * time.Millisecond
	defaultDirectories = 16 << 10
)

func (o *Options) check() error {
	if o.Handler == nil {
		return errors.New("a listener needs a handler")
	}
	if len(o.Roots) == 0 || len(o.Roots) > maxRoots {
		return errors.New("a listener needs between 1 and 4,096 roots")
	}
	for _, root := range o.Roots {
		if !clean(root) {
			return errors.New("a root of a listener is no absolute, clean path")
		}
	}
	if o.Nap <= 0 {
		o.Nap = defaultNap
	}
	if o.Directories <= 0 {
		o.Directories = defaultDirectories
	}
	return nil
}

// clean reports whether path is absolute and nothing in it needs resolving.
func clean(path string) bool {
	if path == "/" {
		return true
	}
	if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
		return false
	}
	for elem := range strings.SplitSeq(path[1:], "/") {
		if elem == "" || elem == "." || elem == ".." {
			return false
		}
	}
	return true
}

// enter reports whether the mount below a root is to be watched.
func (o *Options) enter(m *mounts.Mount) bool {
	if m.Pseudo() {
		return false
	}
	if o.Enter == nil {
		return m.Type != "overlay"
	}
	return o.Enter(m.Point)
}

// Stats counts what a listener did since its start.
type Stats struct {
	Reads     uint64 // passes that found something
	Events    uint64 // read from the kernel
	Own       uint64 // made by this process, left out
	Elsewhere uint64 // not below a root
	Unwanted  uint64 // left out by Options.Wanted
	Coalesced uint64 // writes joined with an earlier one of the same pass
	Changes   uint64 // handed over
	Resolved  uint64 // directories looked up in the kernel
	Ended     uint64 // writers that had ended before the reading
	Vanished  uint64 // of directories or files that were gone before they could be named
	Unnamed   uint64 // could not be named for another reason; Dirty tells
	Overflows uint64 // of the kernel's queue; Dirty tells
	Malformed uint64 // not of the documented form; Dirty tells
}
