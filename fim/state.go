package fim

import (
	"encoding/hex"
	"fmt"
)

// Kind says what lies at a path.
type Kind uint8

// Kinds. KindUnknown is also that of a path whose state could not be read,
// KindAbsent that of one where nothing is.
const (
	KindUnknown Kind = iota
	KindAbsent
	KindFile
	KindDirectory
	KindLink
	KindPipe
	KindSocket
	KindCharDevice
	KindBlockDevice
)

var kindNames = [...]string{
	KindUnknown: "unknown", KindAbsent: "absent", KindFile: "file", KindDirectory: "directory", KindLink: "symbolic link",
	KindPipe: "named pipe", KindSocket: "socket", KindCharDevice: "character device", KindBlockDevice: "block device",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Flags are attributes that chattr(1) sets, of statx(2) stx_attributes.
type Flags uint8

// Flags that matter to integrity: a file with FlagImmutable cannot be changed
// at all, one with FlagAppend only be appended to, one with FlagVerity is
// checked by the kernel as it is read.
const (
	FlagImmutable Flags = 1 << iota
	FlagAppend
	FlagVerity
)

// Stat is what one call of statx(2) tells of a path. Times are nanoseconds
// since 1970 and 0 where unknown.
type Stat struct {
	Kind   Kind   `json:"kind"`
	Flags  Flags  `json:"flags,omitempty"`
	Mode   uint16 `json:"mode"` // permission, setuid, setgid and sticky bits: st_mode & 07777
	Links  uint32 `json:"links"`
	UID    uint32 `json:"uid"`
	GID    uint32 `json:"gid"`
	Size   int64  `json:"size"` // bytes; of a link the length of its target
	Inode  uint64 `json:"inode"`
	Device uint64 `json:"device"` // major<<32 | minor of the file system's device
	Node   uint64 `json:"node,omitempty"`
	// Volume is the file system's own identity, which unlike Device stays
	// the same when devices are found in another order; 0 when it has none.
	Volume uint64 `json:"volume,omitempty"`
	// Mount is the kernel's number of the mount. It is handed out anew
	// whenever something is mounted, so it never counts as a change.
	Mount uint64 `json:"mount,omitempty"`

	Born     int64 `json:"born,omitempty"`     // when the inode was made
	Changed  int64 `json:"changed,omitempty"`  // ctime, which no system call can set
	Modified int64 `json:"modified,omitempty"` // mtime, which anybody who may write can set
}

// Same reports whether nothing says that the file was touched between two
// looks at it, so that what was read of it at the first may be believed at the
// second. Every way to change a file moves its ctime, save for those named in
// the documentation of the agent's verification.
func (s Stat) Same(o Stat) bool {
	if s.Volume == o.Volume && s.Volume != 0 {
		s.Device = o.Device
	}
	s.Volume, s.Mount = o.Volume, o.Mount
	return s == o
}

// Digest is a SHA-256.
type Digest [32]byte

// String returns the digest in lower-case hexadecimal digits.
func (d Digest) String() string { return fmt.Sprintf("%x", d[:]) }

// MarshalText returns the digest in lower-case hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts 64 hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return fmt.Errorf("a digest has %d hexadecimal digits, not %d", 2*len(d), len(text))
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		return fmt.Errorf("read a digest: %w", err)
	}
	return nil
}

// Content says what the digest of a file covers.
type Content uint8

// Contents. With ContentNone and ContentUnreadable there is no digest.
const (
	ContentNone       Content = iota // not a file, or nobody has looked yet
	ContentWhole                     // SHA-256 of every byte
	ContentSample                    // of size, extents, beginning and end: the file is too large to be read each time
	ContentUnreadable                // the file could not be read
)

// Detail is what has to be read to know it. It holds for as long as the Stat
// of the same look at the file.
type Detail struct {
	Content Content `json:"content,omitempty"`
	// Unsettled says that the file may have changed after it was read without
	// a trace: somebody had it open for writing, or it was written in the very
	// moment. It is read again at the next verification.
	Unsettled bool    `json:"unsettled,omitempty"`
	Digest    Digest  `json:"digest,omitzero"`
	Target    string  `json:"target,omitempty"` // of a symbolic link, as it is written there
	Xattrs    []Xattr `json:"xattrs,omitempty"` // by name, ascending; no name twice
}

// MaxXattrValue is the size in bytes up to which the value of an extended
// attribute is kept; of larger ones only the digest is.
const MaxXattrValue = 256

// Xattr is one extended attribute. POSIX access lists, capabilities and
// security labels are such attributes too.
type Xattr struct {
	Name  string `json:"name"`
	Size  int    `json:"size"`  // bytes of the value
	Value string `json:"value"` // of Size bytes, or 32 bytes of SHA-256 when Size is above MaxXattrValue
}

// State is all that is known of what lies at a path.
type State struct {
	Stat
	Detail
}

// Entry is the state of one path.
type Entry struct {
	Path string `json:"path"` // absolute, as the bytes of the host
	State
}

// xattr returns the attribute called name.
func (d Detail) xattr(name string) (Xattr, bool) {
	for _, x := range d.Xattrs {
		if x.Name == name {
			return x, true
		}
	}
	return Xattr{}, false
}
