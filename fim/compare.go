package fim

import (
	"slices"
)

// Rules say how two states of a path are compared.
type Rules struct {
	// Attributes are those compared; none means [DefaultAttributes].
	Attributes Attributes
	// Growing says that the file is a log: as long as it is the same inode and
	// only grew, its content and size may differ. Whether what was there before
	// is still its beginning is for [Log] to tell.
	Growing bool
}

// Log is what a reader knows of the beginning of a file that was seen before.
type Log uint8

// Answers. A file of which nobody knows is believed to have grown only.
const (
	LogUnknown  Log = iota // the beginning was not read
	LogExtended            // it starts with what was there before
	LogRewritten
)

// Difference is one thing in which two states of a path differ.
type Difference struct {
	Attribute Attributes `json:"attribute"` // exactly one
	// Name is that of the extended attribute for AttrXattrs, else "".
	Name string `json:"name,omitempty"`
	// Before and After are values in words, already escaped and bounded, ""
	// where there was none.
	Before string `json:"before"`
	After  string `json:"after"`
	// Note says what the difference means where that is not plain to see.
	Note string `json:"note,omitempty"`
}

// Compare returns in what after differs from before, in a fixed order, and nil
// when in nothing that rules ask for. Where the kind differs nothing else is
// compared. What one of the two could not tell is no difference, save for
// content that became unreadable. log counts for growing files only.
func Compare(before, after State, rules Rules, log Log) []Difference {
	if before.Kind == KindUnknown || after.Kind == KindUnknown {
		return nil
	}
	if before.Kind != after.Kind {
		return []Difference{{Attribute: AttrKind, Before: before.Kind.String(), After: after.Kind.String()}}
	}
	c := comparison{before: before, after: after, asked: rules.Attributes}
	if c.asked == 0 {
		c.asked = DefaultAttributes
	}
	if rules.Growing && before.Kind == KindFile {
		c.growing(log)
	}
	c.content()
	c.stat()
	c.security()
	c.identity()
	return c.found
}

type comparison struct {
	before, after State
	asked         Attributes
	found         []Difference
}

// add records a difference unless nobody asked or the words are equal.
func (c *comparison) add(a Attributes, before, after, note string) {
	if c.asked&a != 0 && before != after {
		c.found = append(c.found, Difference{Attribute: a, Before: before, After: after, Note: note})
	}
}

// growing stops asking for content and size where the file only grew. One that
// was replaced counts as any other file.
func (c *comparison) growing(log Log) {
	switch {
	case c.after.Inode != c.before.Inode:
		return
	case log == LogRewritten:
		c.add(AttrContent, contentWords(c.before.Detail), contentWords(c.after.Detail), "what was already written to this log was changed")
	case c.after.Size < c.before.Size:
		c.add(AttrSize, sizeWords(c.before.Size), sizeWords(c.after.Size), "a log that only grows was cut")
	}
	c.asked &^= AttrContent | AttrSize | AttrModified | AttrChanged
}

func (c *comparison) content() {
	b, a := c.before, c.after
	switch {
	case b.Content == ContentUnreadable || a.Content == ContentUnreadable:
		if b.Content == ContentWhole || b.Content == ContentSample {
			c.add(AttrContent, contentWords(b.Detail), contentWords(a.Detail), "")
		}
	case b.Content == a.Content && b.Content != ContentNone:
		if b.Digest != a.Digest {
			c.add(AttrContent, contentWords(b.Detail), contentWords(a.Detail), "")
		}
	}
	if b.Kind == KindFile {
		c.add(AttrSize, sizeWords(b.Size), sizeWords(a.Size), "")
	}
	c.add(AttrTarget, show(b.Target), show(a.Target), "")
}

func (c *comparison) stat() {
	b, a := c.before, c.after
	c.add(AttrMode, modeWords(b.Mode), modeWords(a.Mode), modeNote(b.Stat, a.Stat))
	c.add(AttrOwner, number(b.UID), number(a.UID), "")
	c.add(AttrGroup, number(b.GID), number(a.GID), "")
	c.add(AttrFlags, flagWords(b.Flags), flagWords(a.Flags), "")
	c.add(AttrNode, deviceWords(b.Node), deviceWords(a.Node), "")
}

// security compares extended attributes, each under the name that people know
// it by.
func (c *comparison) security() {
	var names []string
	for _, x := range slices.Concat(c.before.Xattrs, c.after.Xattrs) {
		names = append(names, x.Name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		b, _ := c.before.xattr(name)
		a, _ := c.after.xattr(name)
		if a == b {
			continue
		}
		d := Difference{Attribute: xattrAttribute(name), Before: xattrWords(b), After: xattrWords(a), Note: xattrNote(name, b, a)}
		if d.Attribute == AttrXattrs {
			d.Name = show(name)
		}
		if c.asked&d.Attribute != 0 {
			c.found = append(c.found, d)
		}
	}
}

func (c *comparison) identity() {
	b, a := c.before, c.after
	if b.Kind != KindDirectory { // a directory's count says how many directories it holds
		c.add(AttrLinks, number(b.Links), number(a.Links), "")
	}
	c.add(AttrInode, number(b.Inode), number(a.Inode), "")
	if b.Volume != 0 && a.Volume != 0 {
		c.add(AttrVolume, volumeWords(b.Volume), volumeWords(a.Volume), "")
	}
	c.add(AttrBorn, timeWords(b.Born), timeWords(a.Born), "")
	c.add(AttrModified, timeWords(b.Modified), timeWords(a.Modified), "")
	c.add(AttrChanged, timeWords(b.Changed), timeWords(a.Changed), "")
}
