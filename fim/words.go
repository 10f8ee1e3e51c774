package fim

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/internal/termtext"
)

// maxShown bounds a value in the words of a difference, in columns.
const maxShown = 160

// String returns the difference as one clause: "mode was 0755, is 4755
// (now runs with the rights of its owner)".
func (d Difference) String() string {
	name := d.Attribute.String()
	if d.Name != "" {
		name = "attribute " + d.Name
	}
	text := fmt.Sprintf("%s was %s, is %s", name, orNone(d.Before), orNone(d.After))
	if d.Note != "" {
		text += " (" + d.Note + ")"
	}
	return text
}

// Describe returns differences as one line, separated by semicolons.
func Describe(differences []Difference) string {
	clauses := make([]string, len(differences))
	for i, d := range differences {
		clauses[i] = d.String()
	}
	return strings.Join(clauses, "; ")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// show escapes and bounds text from the host.
func show(text string) string { return termtext.BoundMiddle(text, maxShown) }

func number[N uint32 | uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }

func sizeWords(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }

func modeWords(mode uint16) string { return fmt.Sprintf("%04o", mode) }

func deviceWords(node uint64) string { return fmt.Sprintf("%d:%d", node>>32, uint32(node)) }

func volumeWords(volume uint64) string { return fmt.Sprintf("%016x", volume) }

func timeWords(ns int64) string {
	if ns == 0 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
}

func flagWords(flags Flags) string {
	var names []string
	for i, name := range []string{"immutable", "append-only", "verity"} {
		if flags&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func contentWords(d Detail) string {
	switch d.Content {
	case ContentWhole:
		return "sha256:" + d.Digest.String()
	case ContentSample:
		return "sample:" + d.Digest.String()
	case ContentUnreadable:
		return "unreadable"
	}
	return ""
}

// Bits of st_mode, inode(7).
const (
	setuid       = 0o4000
	setgid       = 0o2000
	sticky       = 0o1000
	othersWrite  = 0o002
	groupExecute = 0o010
)

// modeNote says what the bits that were added to a mode allow.
func modeNote(before, after Stat) string {
	added := after.Mode &^ before.Mode
	var notes []string
	if added&setuid != 0 && after.Kind == KindFile {
		notes = append(notes, "now runs with the rights of its owner")
	}
	if added&setgid != 0 && after.Kind == KindFile && after.Mode&groupExecute != 0 {
		notes = append(notes, "now runs with the rights of its group")
	}
	if added&othersWrite != 0 && after.Mode&sticky == 0 {
		notes = append(notes, "now anybody may write")
	}
	return strings.Join(notes, ", ")
}

// Names of extended attributes with a meaning of their own, xattr(7).
const (
	xattrCapability = "security.capability"
	xattrLabel      = "security.selinux"
	xattrAccess     = "system.posix_acl_access"
	xattrDefault    = "system.posix_acl_default"
)

func xattrAttribute(name string) Attributes {
	switch name {
	case xattrCapability:
		return AttrCapabilities
	case xattrLabel:
		return AttrLabel
	case xattrAccess, xattrDefault:
		return AttrACL
	}
	return AttrXattrs
}

// xattrWords returns a value as people know it, and one that cannot be read
// that way as it is.
func xattrWords(x Xattr) string {
	if x.Name == "" {
		return ""
	}
	if x.Size > MaxXattrValue {
		return fmt.Sprintf("%d bytes, sha256:%s", x.Size, hex.EncodeToString([]byte(x.Value)))
	}
	switch x.Name {
	case xattrCapability:
		if c, err := DecodeCapabilities(x.Value); err == nil {
			return show(c.String())
		}
	case xattrAccess, xattrDefault:
		if acl, err := DecodeACL(x.Value); err == nil {
			return show(acl.String())
		}
	case xattrLabel:
		return show(strings.TrimSuffix(x.Value, "\x00"))
	}
	return show(strconv.Quote(x.Value))
}

func xattrNote(name string, before, after Xattr) string {
	switch {
	case name == xattrCapability && before.Name == "":
		return "now gets rights when it is run"
	case name == xattrDefault:
		return "applies to what is made in the directory"
	}
	return ""
}
