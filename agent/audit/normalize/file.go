package normalize

import (
	"path"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// attributeCalls change owner, mode, times or extended attributes.
var attributeCalls = map[string]bool{
	"chmod": true, "fchmod": true, "fchmodat": true, "fchmodat2": true,
	"chown": true, "fchown": true, "lchown": true, "fchownat": true,
	"chown32": true, "fchown32": true, "lchown32": true,
	"setxattr": true, "lsetxattr": true, "fsetxattr": true, "setxattrat": true,
	"removexattr": true, "lremovexattr": true, "fremovexattr": true, "removexattrat": true,
	"utime": true, "utimes": true, "utimensat": true, "utimensat_time64": true, "futimesat": true,
}

// files appends what a system call did to watched files.
func (n *Normalizer) files(dst []event.Event, c *call) []event.Event {
	items := n.paths(c)
	if len(items) == 0 {
		return dst
	}
	first := len(dst)
	switch c.name {
	case "open", "openat", "openat2", "creat":
		dst = n.opened(dst, c, items)
	case "truncate", "ftruncate", "truncate64", "ftruncate64":
		ev := n.fileEvent(c, event.FileUpdate, &items[len(items)-1])
		ev.File.Truncated = true
		dst = append(dst, ev)
	case "rename", "renameat", "renameat2":
		dst = n.renamed(dst, c, items)
	default:
		dst = n.changed(dst, c, items)
	}
	for i := first; i < len(dst); i++ {
		dst = n.persistence(dst, &dst[i])
	}
	return dst
}

// opened appends an open, by what its flags allow.
func (n *Normalizer) opened(dst []event.Event, c *call, items []pathItem) []event.Event {
	flags := n.openFlags(c)
	p := &items[len(items)-1]
	for i := range items {
		if items[i].nametype == "CREATE" {
			p = &items[i]
		}
	}
	writes := flags&(decode.OpenWriteOnly|decode.OpenReadWrite) != 0 || flags&decode.OpenTruncate != 0
	activity := event.FileOpen
	switch {
	case p.nametype == "CREATE", c.status == event.StatusFailure && flags&decode.OpenCreate != 0 && p.inode == 0:
		activity = event.FileCreate
	case writes:
		activity = event.FileUpdate
	}
	ev := n.fileEvent(c, activity, p)
	ev.File.Truncated = flags&decode.OpenTruncate != 0 && activity == event.FileUpdate && c.status == event.StatusSuccess
	return append(dst, ev)
}

// openFlags returns the flags of an open call.
func (n *Normalizer) openFlags(c *call) uint64 {
	switch c.name {
	case "open":
		return c.args[1]
	case "openat":
		return c.args[2]
	case "creat":
		return decode.OpenCreate | decode.OpenWriteOnly | decode.OpenTruncate
	}
	how := n.in.Find(record.Openat2) // "oflag=0100101 mode=0644 resolve=0x0"
	if how == nil {
		return 0
	}
	flags, _ := strconv.ParseUint(string(field(how, "oflag")), 8, 64)
	return flags
}

// renamed appends one event with both names. The new name may have stood for
// another file, which is a DELETE record of its own after the first.
func (n *Normalizer) renamed(dst []event.Event, c *call, items []pathItem) []event.Event {
	var from, to *pathItem
	for i := range items {
		switch p := &items[i]; {
		case p.nametype == "DELETE" && from == nil:
			from = p
		case p.nametype == "CREATE":
			to = p
		case (p.nametype == "NORMAL" || p.nametype == "UNKNOWN") && from == nil:
			from = p // a failed rename, or an exchange
		case (p.nametype == "NORMAL" || p.nametype == "UNKNOWN") && to == nil:
			to = p
		}
	}
	if from == nil {
		if from = to; from == nil {
			from = &items[len(items)-1]
		}
		to = nil
	}
	ev := n.fileEvent(c, event.FileRename, from)
	if to != nil {
		ev.File.NewPath = to.path
	}
	return append(dst, ev)
}

// changed appends one event for each file that other calls made, removed or
// changed the attributes of.
func (n *Normalizer) changed(dst []event.Event, c *call, items []pathItem) []event.Event {
	first := len(dst)
	for i := range items {
		switch items[i].nametype {
		case "CREATE":
			dst = append(dst, n.fileEvent(c, event.FileCreate, &items[i]))
		case "DELETE":
			dst = append(dst, n.fileEvent(c, event.FileDelete, &items[i]))
		}
	}
	if len(dst) > first {
		return dst
	}
	last := &items[len(items)-1]
	switch {
	case attributeCalls[c.name]:
		return append(dst, n.fileEvent(c, event.FileSetAttrs, last))
	case c.status != event.StatusFailure:
		return dst
	case c.name == "unlink" || c.name == "unlinkat" || c.name == "rmdir":
		return append(dst, n.fileEvent(c, event.FileDelete, last))
	case strings.HasPrefix(c.name, "link") || strings.HasPrefix(c.name, "symlink") ||
		strings.HasPrefix(c.name, "mkdir") || strings.HasPrefix(c.name, "mknod"):
		return append(dst, n.fileEvent(c, event.FileCreate, last))
	}
	return dst
}

func (n *Normalizer) fileEvent(c *call, activity event.Activity, p *pathItem) event.Event {
	ev := n.event(event.ClassFileActivity, activity, c.status)
	ev.Key, ev.Process, ev.File = c.key, c.process(&n.shared), p.file()
	if ev.Process != nil {
		ev.Process.Directory = n.cwd
	}
	if c.status == event.StatusFailure {
		ev.Message = decode.Errno(c.exit)
	}
	return ev
}

// Places whose files are jobs or services, as prefixes of clean paths.
var (
	jobPlaces = []string{
		"/etc/crontab", "/etc/anacrontab", "/etc/cron.d/", "/etc/cron.hourly/", "/etc/cron.daily/", "/etc/cron.weekly/",
		"/etc/cron.monthly/", "/etc/cron.yearly/", "/var/spool/cron/", "/var/spool/at/", "/etc/cron.allow",
		"/etc/cron.deny", "/etc/at.allow", "/etc/at.deny",
	}
	servicePlaces = []string{
		"/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/", "/run/systemd/system/",
		"/usr/local/lib/systemd/system/", "/etc/systemd/user/", "/usr/lib/systemd/user/", "/etc/init.d/", "/etc/rc.local",
		"/etc/init/",
	}
)

// userUnits is where units of one user lie, below the home directory.
const userUnits = "/.config/systemd/user/"

// persistence appends what a change of a file means beyond the file: a
// scheduled job or a service that was made, changed or removed.
func (n *Normalizer) persistence(dst []event.Event, file *event.Event) []event.Event {
	if file.Class != event.ClassFileActivity || file.Status != event.StatusSuccess || file.File.Kind == event.FileDir {
		return dst
	}
	name := file.File.Path
	job := event.JobUpdate
	switch file.Activity {
	case event.FileCreate:
		job = event.JobCreate
	case event.FileDelete:
		job = event.JobDelete
	case event.FileRename:
		if place(file.File.NewPath) != "" {
			job, name = event.JobCreate, file.File.NewPath
		} else {
			job = event.JobDelete
		}
	case event.FileUpdate:
	default:
		return dst
	}
	kind := place(name)
	if kind == "" {
		return dst
	}
	ev := *file
	if file.Process != nil {
		ev.Process = new(*file.Process)
	}
	if ev.Class, ev.Activity = event.ClassScheduledJob, job; kind == "service" {
		ev.Class, ev.Activity = event.ClassDeviceConfigChange, event.ConfigService
	}
	ev.File = &event.File{
		Path: name, Mode: file.File.Mode, UID: file.File.UID, Inode: file.File.Inode, Device: file.File.Device,
		Kind: file.File.Kind, Truncated: file.File.Truncated,
	}
	return append(dst, ev)
}

// place tells what kind of thing a file at a path configures: "job",
// "service" or "".
func place(name string) string {
	for _, p := range jobPlaces {
		if inPlace(name, p) {
			return "job"
		}
	}
	service := strings.Contains(name, userUnits)
	for _, p := range servicePlaces {
		service = service || inPlace(name, p)
	}
	switch {
	case service && path.Ext(name) == ".timer":
		return "job"
	case service:
		return "service"
	}
	return ""
}

func inPlace(name, p string) bool {
	if strings.HasSuffix(p, "/") {
		return strings.HasPrefix(name, p) && len(name) > len(p)
	}
	return name == p
}
