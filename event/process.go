package event

import (
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// ProcessUID names one process for ever: the boot it lived in, its pid in the
// initial pid namespace, and its start. Two processes that share a pid differ
// in Start; an exec keeps the ProcessUID.
type ProcessUID struct {
	Boot  BootID
	PID   uint32
	Start uint64 // nanoseconds after boot, in steps of the clock tick (10 ms); proc_pid_stat(5) starttime
}

// BootID is the first half of the random id of a boot,
// /proc/sys/kernel/random/boot_id. Zero means unknown, as in a recorded log.
type BootID [8]byte

// IsZero reports whether the UID names no process.
func (u ProcessUID) IsZero() bool { return u == ProcessUID{} }

// String returns boot-pid-start, for example "1f0c2a4b9d3e4f60-812-93450000000".
func (u ProcessUID) String() string {
	b := make([]byte, 0, 48)
	b = hex.AppendEncode(b, u.Boot[:])
	b = append(b, '-')
	b = strconv.AppendUint(b, uint64(u.PID), 10)
	b = append(b, '-')
	return string(strconv.AppendUint(b, u.Start, 10))
}

// MarshalText encodes the UID as [ProcessUID.String] does.
func (u ProcessUID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what [ProcessUID.MarshalText] writes.
func (u *ProcessUID) UnmarshalText(text []byte) error {
	part := strings.Split(string(text), "-")
	if len(part) != 3 || len(part[0]) != 2*len(u.Boot) {
		return fmt.Errorf("process uid %q is not boot-pid-start", text)
	}
	var id ProcessUID
	if _, err := hex.Decode(id.Boot[:], []byte(part[0])); err != nil {
		return fmt.Errorf("boot id in process uid %q: %w", text, err)
	}
	pid, err := strconv.ParseUint(part[1], 10, 32)
	if err != nil {
		return fmt.Errorf("pid in process uid %q: %w", text, err)
	}
	if id.Start, err = strconv.ParseUint(part[2], 10, 64); err != nil {
		return fmt.Errorf("start in process uid %q: %w", text, err)
	}
	id.PID = uint32(pid)
	*u = id
	return nil
}

// Process is one program image of a process: what a process is between two
// execs. It is immutable; an exec makes a new Process with the same UID.
//
// Parent is the image that the parent had when this process was born, not the
// process that adopted it later. Following Parent gives the lineage, nearest
// first; it ends with nil and is at most [MaxLineage] long.
type Process struct {
	UID    ProcessUID `json:"uid"`
	PID    uint32     `json:"pid"`              // in the initial pid namespace
	Parent *Process   `json:"parent,omitempty"` // at birth; nil for the first process or when unknown
	PPID   uint32     `json:"ppid,omitempty"`   // of the parent at birth, also when Parent is unknown

	Name        string    `json:"name,omitempty"`     // comm: at most 15 bytes, chosen by the process
	Executable  *File     `json:"file,omitempty"`     // nil when unknown
	CommandLine string    `json:"cmd_line,omitempty"` // Arguments joined by single spaces
	Arguments   []string  `json:"args,omitempty"`     // the argument vector, bounded to MaxArguments bytes
	Truncated   bool      `json:"args_truncated,omitempty"`
	Directory   string    `json:"working_directory,omitempty"`
	Script      string    `json:"script,omitempty"` // absolute path of the script an interpreter runs
	Started     time.Time `json:"created_time"`     // birth of the process, by the host's clock
	Executed    time.Time `json:"executed_time"`    // start of this image; zero before the first exec

	User      User       `json:"user"`                     // real user
	Effective *User      `json:"effective_user,omitempty"` // when it differs from User
	Login     *User      `json:"login_user,omitempty"`     // audit login user (auid); nil when unset
	Session   uint32     `json:"session,omitempty"`        // audit session; zero when unset
	Terminal  string     `json:"tty,omitempty"`            // "pts0", "tty1"; "" for none
	Entry     EntryPoint `json:"entry_point"`              // how this session came into the host
	Container *Container `json:"container,omitempty"`      // nil outside containers

	Descriptors []Descriptor `json:"descriptors,omitempty"` // standard input, output and error, where known
	Environment []string     `json:"environment,omitempty"` // variables that matter to detection, as NAME=value
}

// Bounds that keep a hostile process from filling memory.
const (
	MaxLineage   = 64       // processes in one lineage, the process itself included
	MaxArguments = 32 << 10 // bytes of arguments kept: the first three quarters and the last quarter
)

// Path returns the path of the executable, or "".
func (p *Process) Path() string {
	if p == nil || p.Executable == nil {
		return ""
	}
	return p.Executable.Path
}

// Base returns the last element of the executable's path, or the name where
// the path is unknown.
func (p *Process) Base() string {
	if exe := p.Path(); exe != "" {
		return path.Base(exe)
	}
	if p == nil {
		return ""
	}
	return p.Name
}

// Lineage returns p and its ancestors, p first, at most [MaxLineage] of them.
func (p *Process) Lineage() []*Process {
	var chain []*Process
	for ; p != nil && len(chain) < MaxLineage; p = p.Parent {
		chain = append(chain, p)
	}
	return chain
}

// User is an account. A name is "" when it could not be resolved.
type User struct {
	UID  uint32 `json:"uid"`
	Name string `json:"name,omitempty"`
}

// UnsetUID is the audit login uid of processes that no login started, and of
// accounts whose number is unknown: (uid_t)-1.
const UnsetUID = 1<<32 - 1

// String returns the name, or the number where there is none.
func (u User) String() string {
	if u.Name != "" {
		return u.Name
	}
	if u.UID == UnsetUID {
		return "unset"
	}
	return strconv.FormatUint(uint64(u.UID), 10)
}

// Group is a group of accounts.
type Group struct {
	GID  uint32 `json:"gid"`
	Name string `json:"name,omitempty"`
}

// EntryKind says through what a session came into the host.
type EntryKind string

// Entry points, most specific first.
const (
	EntryUnknown   EntryKind = ""
	EntrySSH       EntryKind = "ssh"       // a session of sshd
	EntryConsole   EntryKind = "console"   // login on a terminal
	EntryGraphical EntryKind = "graphical" // a display manager
	EntryCron      EntryKind = "cron"      // cron, anacron or at
	EntryContainer EntryKind = "container" // a container runtime
	EntryService   EntryKind = "service"   // a unit of systemd or another supervisor
	EntryKernel    EntryKind = "kernel"    // kernel threads and what they call (modprobe, core handlers)
	EntryInit      EntryKind = "init"      // pid 1 itself
)

// EntryPoint is how the session that a process belongs to came into the host.
// It is inherited at birth.
type EntryPoint struct {
	Kind    EntryKind `json:"kind,omitempty"`
	Address string    `json:"address,omitempty"` // remote address of an ssh session
	User    string    `json:"user,omitempty"`    // account that logged on, or the job's
	Unit    string    `json:"unit,omitempty"`    // systemd unit of a service
}

// Container is the container that a process lives in.
type Container struct {
	ID      string `json:"uid"`               // 64 hex digits as the runtime names it
	Runtime string `json:"runtime,omitempty"` // "docker", "containerd", "crio", "podman", "lxc"
	Name    string `json:"name,omitempty"`
	Image   string `json:"image,omitempty"`
}

// Descriptor is an open standard descriptor of a process at exec time.
type Descriptor struct {
	FD     int            `json:"fd"`
	Kind   DescriptorKind `json:"kind"`
	Target string         `json:"target,omitempty"` // path, or the peer of a socket as address:port
}

// DescriptorKind is what a descriptor refers to.
type DescriptorKind string

// Descriptor kinds.
const (
	DescriptorFile       DescriptorKind = "file"
	DescriptorTerminal   DescriptorKind = "tty"
	DescriptorPipe       DescriptorKind = "pipe"
	DescriptorSocket     DescriptorKind = "socket"      // a network socket; Target is the peer when connected
	DescriptorUnixSocket DescriptorKind = "unix_socket" // a local socket
)

// Exit is how a process ended.
type Exit struct {
	Code   int    `json:"code"`             // exit status, when it exited by itself
	Signal string `json:"signal,omitempty"` // name of the signal that killed it, or ""
}
