package event

import (
	"net/netip"
	"time"
)

// File is a file-system object, named from the host's root (for processes in
// containers: from the container's root, see Process.Container).
type File struct {
	Path    string    `json:"path"`
	NewPath string    `json:"new_path,omitempty"` // after a rename
	SHA256  string    `json:"sha256,omitempty"`   // of the content, lower-case hex; "" when not computed
	Package string    `json:"package,omitempty"`  // name of the owning distribution package; "" for none or unknown
	Size    int64     `json:"size,omitempty"`     // bytes
	Mode    uint32    `json:"mode,omitempty"`     // st_mode: type and permission bits
	UID     uint32    `json:"uid,omitempty"`      // owner
	Inode   uint64    `json:"inode,omitempty"`
	Device  uint64    `json:"device,omitempty"` // st_dev
	Changed time.Time `json:"changed_time"`     // ctime; zero when unknown

	// Kind says what lies behind the path where it is not a plain file.
	Kind FileKind `json:"kind,omitempty"`
	// Owned says whether the package database was consulted: with Owned
	// "no" the file belongs to no package, with "" nobody looked.
	Owned Owned `json:"owned,omitempty"`
	// Truncated says that the file was opened with O_TRUNC or truncated.
	Truncated bool `json:"truncated,omitempty"`
}

// FileKind tells plain files from what only looks like one.
type FileKind string

// File kinds.
const (
	FilePlain   FileKind = ""
	FileMemory  FileKind = "memfd"   // memfd_create, no name in any directory
	FileDeleted FileKind = "deleted" // unlinked while in use
	FileDir     FileKind = "directory"
	FileSymlink FileKind = "symlink"
	FileOther   FileKind = "other"
)

// Owned is what the package database says of a file.
type Owned string

// Answers of the package database.
const (
	OwnedUnknown Owned = ""
	OwnedYes     Owned = "yes"
	OwnedNo      Owned = "no"
)

// Logon is the detail of an authentication.
type Logon struct {
	Service  string     `json:"service,omitempty"`      // "sshd", "sudo", "su", "login", "cron"
	Method   string     `json:"method,omitempty"`       // "password", "publickey", "PAM:authentication" …
	Address  netip.Addr `json:"src_ip"`                 // remote address; invalid when local or unknown
	Port     uint16     `json:"src_port,omitempty"`     // remote port
	Hostname string     `json:"src_host,omitempty"`     // remote name where the source gives no address
	Terminal string     `json:"terminal,omitempty"`     // "ssh", "pts/0", "cron"
	Invalid  bool       `json:"unknown_user,omitempty"` // the account does not exist
	Command  string     `json:"command,omitempty"`      // what sudo or su was asked to run
}

// Network is the detail of a connection or listening socket.
type Network struct {
	Protocol  string         `json:"protocol"`            // "tcp" or "udp"
	Direction string         `json:"direction,omitempty"` // "outbound" or "inbound"; "" when unknown
	Local     netip.AddrPort `json:"src_endpoint"`
	Remote    netip.AddrPort `json:"dst_endpoint"`    // invalid for listening sockets
	Inode     uint64         `json:"inode,omitempty"` // of the socket
	BytesSent uint64         `json:"bytes_out,omitempty"`
	BytesRecv uint64         `json:"bytes_in,omitempty"`
}

// Kernel is the detail of an event about the kernel itself.
type Kernel struct {
	Name      string   `json:"name,omitempty"`    // module, BPF program, memfd or mount point name
	Type      string   `json:"type,omitempty"`    // BPF program type, namespace kinds, file system type, socket family
	Syscall   string   `json:"syscall,omitempty"` // name, without prefix: "init_module"
	Source    string   `json:"device,omitempty"`  // what was mounted
	Arguments []string `json:"args,omitempty"`    // a0..a3 of the system call, hex without prefix
	Request   string   `json:"request,omitempty"` // ptrace request, prctl option, bpf command by name
	// Adjusted is how far a clock change moved the clock.
	Adjusted time.Duration `json:"adjusted_ns,omitempty"`
	// Capabilities are those gained, by name without CAP_ in lower case.
	Capabilities []string `json:"capabilities,omitempty"`
}
