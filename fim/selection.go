package fim

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/finding"
)

// Bounds of a selection.
const (
	MaxWatches  = 1000
	MaxPatterns = 100  // of each kind in one watch
	MaxRoot     = 4095 // bytes: what a program can name at once
)

// Watch is one line of the list of what is watched.
type Watch struct {
	// Name says in a few words what this is, for people; may be empty.
	Name string `json:"name,omitempty"`
	// Root is the absolute path of a directory or of a single file. It need
	// not exist: that it appears is a change like any other. Links on the way
	// to it are followed, a link at the root itself or below it never is.
	Root string `json:"root"`
	// Recursive goes into the directories below the root. Otherwise only the
	// root and the names in it are watched.
	Recursive bool `json:"recursive,omitempty"`
	// Include limits the watch to what one of the patterns matches; none means
	// everything. Directories are entered in any case. A pattern without a
	// slash is matched with the last name of a path, one with a slash with the
	// path below the root; "*" and "?" stop at slashes, "**" does not.
	Include []string `json:"include,omitempty"`
	// Exclude leaves out what one of the patterns matches, and for a directory
	// all that is below it.
	Exclude []string `json:"exclude,omitempty"`
	// Attributes are those compared; none means [DefaultAttributes].
	Attributes Attributes `json:"attributes,omitempty"`
	// Severity is that of an unexplained change.
	Severity finding.Severity `json:"severity"`
	// Growing is for logs: see [Rules].
	Growing bool `json:"growing,omitempty"`
}

// Rules returns how states of what is watched are compared.
func (w Watch) Rules() Rules { return Rules{Attributes: w.Attributes, Growing: w.Growing} }

// Selection is what is watched on a host. The deepest root that holds a path
// decides about it alone: with watches of /usr and /usr/local, nothing below
// /usr/local is taken for the former's. Among watches of one root the first
// that takes the path decides.
type Selection struct {
	Watches []Watch `json:"watches"`
	// Filesystems are the types of file systems that are entered, as
	// /proc/self/mountinfo names them; none means [LocalFilesystems].
	Filesystems []string `json:"filesystems,omitempty"`
}

// LocalFilesystems are those whose content is on the host itself and cannot
// hang or change behind the kernel's back, as one from the network can.
func LocalFilesystems() []string {
	return []string{
		"bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jfs", "msdos", "nilfs2", "ntfs3",
		"overlay", "ramfs", "reiserfs", "rootfs", "squashfs", "tmpfs", "ubifs", "udf", "vfat", "virtiofs", "xfs", "zfs",
	}
}

// Validate returns the first thing that is wrong with the selection, in one
// sentence that names the watch.
func (s Selection) Validate() error {
	_, err := Compile(s)
	return err
}

func (w Watch) validate() error {
	switch {
	case w.Root == "":
		return errors.New("it has no root")
	case len(w.Root) > MaxRoot:
		return fmt.Errorf("its root has %d bytes, more than %d", len(w.Root), MaxRoot)
	case !Absolute(w.Root) || !plainText(w.Root):
		return fmt.Errorf("its root %.80q is no clean absolute path", w.Root)
	case w.Attributes&^AllAttributes != 0:
		return fmt.Errorf("it has unknown attributes %#x", uint32(w.Attributes&^AllAttributes))
	case w.Severity > finding.High:
		return fmt.Errorf("it has the unknown severity %d", w.Severity)
	case len(w.Include) > MaxPatterns || len(w.Exclude) > MaxPatterns:
		return fmt.Errorf("it has more than %d patterns of one kind", MaxPatterns)
	}
	return nil
}

// plainText reports whether a root or pattern can be written down in a policy.
// Names that are not UTF-8 are watched all the same, and "*" and "?" match
// their bytes.
func plainText(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }
