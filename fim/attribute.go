package fim

import (
	"fmt"
	"math/bits"
	"strings"
)

// Attributes is a set of what is compared.
type Attributes uint32

// What can be compared. The kind of a path always is.
const (
	AttrContent Attributes = 1 << iota
	AttrSize
	AttrMode
	AttrOwner
	AttrGroup
	AttrTarget
	AttrCapabilities
	AttrACL
	AttrLabel // the SELinux label
	AttrXattrs
	AttrFlags
	AttrNode // device number of a device file
	AttrLinks
	AttrInode
	AttrVolume
	AttrBorn
	AttrModified
	AttrChanged
	AttrKind

	// DefaultAttributes are those that say that a file is not what it was.
	// Times and inode numbers move when a file is replaced by an equal one,
	// so they are left out.
	DefaultAttributes = AttrContent | AttrSize | AttrMode | AttrOwner | AttrGroup | AttrTarget | AttrCapabilities | AttrACL |
		AttrLabel | AttrXattrs | AttrFlags | AttrNode | AttrKind
	// AllAttributes is everything there is.
	AllAttributes = AttrKind<<1 - 1
)

var attributeNames = [...]string{
	"content", "size", "mode", "owner", "group", "target", "capabilities", "acl", "label", "xattrs", "flags", "device-number",
	"links", "inode", "volume", "born", "modified", "changed", "kind",
}

// Has reports whether all of b are in a.
func (a Attributes) Has(b Attributes) bool { return a&b == b }

// String returns the names, separated by commas.
func (a Attributes) String() string {
	var names []string
	for a &= AllAttributes; a != 0; a &= a - 1 {
		names = append(names, attributeNames[bits.TrailingZeros32(uint32(a))])
	}
	return strings.Join(names, ",")
}

// ParseAttributes reads names separated by commas, as String writes them;
// "default" and "all" name sets, and a name after "-" is taken out again.
func ParseAttributes(text string) (Attributes, error) {
	var set Attributes
	for name := range strings.SplitSeq(text, ",") {
		bare, out := strings.CutPrefix(name, "-")
		a, ok := namedAttributes(bare)
		switch {
		case !ok:
			return 0, fmt.Errorf("%.40q is no attribute; there are default, all, %s", bare, strings.Join(attributeNames[:], ", "))
		case out:
			set &^= a
		default:
			set |= a
		}
	}
	return set | AttrKind, nil
}

func namedAttributes(name string) (Attributes, bool) {
	switch name {
	case "default":
		return DefaultAttributes, true
	case "all":
		return AllAttributes, true
	}
	for i, n := range attributeNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// MarshalText writes what ParseAttributes reads.
func (a Attributes) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what [ParseAttributes] does.
func (a *Attributes) UnmarshalText(text []byte) error {
	set, err := ParseAttributes(string(text))
	if err == nil {
		*a = set
	}
	return err
}
