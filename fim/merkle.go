package fim

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Prefixes of what is hashed, so that the bytes of a leaf can never be taken
// for those of a node.
const (
	leafPrefix = 0x00
	nodePrefix = 0x01
)

// Leaf returns the hash of one entry by itself. It covers path, kind, mode,
// owner, group, size, content, target and all extended attributes, and no time
// and no inode number: two hosts with the same files have the same hashes.
// The size of a directory is left out, which differs with what it once held.
func Leaf(e Entry) Digest {
	b := append(make([]byte, 0, 256), leafPrefix)
	b = appendText(b, e.Path)
	b = append(b, byte(e.Kind), byte(e.Content))
	b = binary.BigEndian.AppendUint16(b, e.Mode)
	b = binary.BigEndian.AppendUint32(b, e.UID)
	b = binary.BigEndian.AppendUint32(b, e.GID)
	size := e.Size
	if e.Kind == KindDirectory {
		size = 0
	}
	b = binary.BigEndian.AppendUint64(b, uint64(size))
	b = binary.BigEndian.AppendUint64(b, e.Node)
	b = append(b, e.Digest[:]...)
	b = appendText(b, e.Target)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Xattrs)))
	for _, x := range e.Xattrs {
		b = appendText(b, x.Name)
		b = binary.BigEndian.AppendUint64(b, uint64(x.Size))
		b = appendText(b, x.Value)
	}
	return sha256.Sum256(b)
}

// appendText appends a length and the text, so that no two sequences of texts
// give the same bytes.
func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(text))), text...)
}

// Node returns the hash of a directory: of its own leaf and of the hashes of
// what it holds, in the order of their names as bytes.
func Node(own Digest, children []Digest) Digest {
	h := sha256.New()
	h.Write([]byte{nodePrefix})
	h.Write(own[:])
	for i := range children {
		h.Write(children[i][:])
	}
	return Digest(h.Sum(nil))
}

// Tree is a tree of entries that can be summed up in one hash.
type Tree interface {
	// Entry returns the state of a path. A path that the tree does not hold
	// has the kind KindAbsent.
	Entry(path string) (Entry, error)
	// Children calls each with the entries in a directory, by name as bytes,
	// ascending, those that have children of their own included; each stops
	// it by an error, which it returns. A path without children has none.
	Children(path string, each func(Entry) error) error
}

// Root returns the Merkle hash of path and all below it, and how many entries
// it covers. A path that is no directory has the hash of its leaf.
func Root(t Tree, path string) (root Digest, entries int, err error) {
	e, err := t.Entry(path)
	if err != nil {
		return Digest{}, 0, err
	}
	return sum(t, e)
}

func sum(t Tree, e Entry) (hash Digest, entries int, err error) {
	own := Leaf(e)
	if e.Kind != KindDirectory {
		return own, 1, nil
	}
	hashes, entries, err := sumChildren(t, e.Path)
	return Node(own, hashes), entries + 1, err
}

// sumChildren returns the hashes of what is in a directory. Directories are
// gone into after it was read to its end, so that a tree need not read two
// at once.
func sumChildren(t Tree, path string) (hashes []Digest, entries int, err error) {
	var below []int // of hashes that are still to be computed
	var dirs []Entry
	err = t.Children(path, func(e Entry) error {
		if e.Kind == KindDirectory {
			below, dirs = append(below, len(hashes)), append(dirs, e)
			hashes = append(hashes, Digest{})
		} else {
			hashes = append(hashes, Leaf(e))
		}
		return nil
	})
	entries = len(hashes) - len(below)
	for i, at := range below {
		if err != nil {
			break
		}
		var n int
		hashes[at], n, err = sum(t, dirs[i])
		entries += n
	}
	return hashes, entries, err
}

// Bounds of a proof that comes from elsewhere.
const (
	maxProofSteps    = 1 << 14
	maxProofSiblings = 1 << 24
)

// Proof shows that one entry belongs to the tree with a given root hash. The
// zero value proves an entry that is the root itself and has no children.
type Proof struct {
	// Children are the hashes of what the entry holds, when it is a directory.
	Children []Digest `json:"children,omitempty"`
	// Steps lead from the entry to the root.
	Steps []Step `json:"steps"`
}

// Step is one directory on the way to the root.
type Step struct {
	Own   Digest `json:"own"`   // leaf of the directory
	Index int    `json:"index"` // of what was proved so far among the children
	// Siblings are the hashes of the other children, in order.
	Siblings []Digest `json:"siblings"`
}

// ErrNotProved says that a proof does not lead to the root hash.
var ErrNotProved = errors.New("the proof does not lead from this entry to this root")

// Verify returns nil when the entry, as it is given, belongs to the tree with
// the root hash, and an error that wraps [ErrNotProved] when that is not shown.
// The proof may come from anywhere.
func (p Proof) Verify(e Entry, root Digest) error {
	if len(p.Steps) > maxProofSteps {
		return fmt.Errorf("%w: it has %d steps", ErrNotProved, len(p.Steps))
	}
	hash := Leaf(e)
	if e.Kind == KindDirectory {
		hash = Node(hash, p.Children)
	} else if len(p.Children) > 0 {
		return fmt.Errorf("%w: what is no directory has no children", ErrNotProved)
	}
	for i, s := range p.Steps {
		if s.Index < 0 || s.Index > len(s.Siblings) || len(s.Siblings) > maxProofSiblings {
			return fmt.Errorf("%w: step %d has child %d of %d", ErrNotProved, i, s.Index, len(s.Siblings)+1)
		}
		hash = Node(s.Own, slices.Insert(slices.Clone(s.Siblings), s.Index, hash))
	}
	if hash != root {
		return ErrNotProved
	}
	return nil
}

// Prove returns the entry of path, which is root or lies below it, and the
// proof that it belongs to the tree of root.
func Prove(t Tree, root, path string) (Entry, Proof, error) {
	e, err := t.Entry(path)
	if err != nil {
		return Entry{}, Proof{}, err
	}
	if e.Kind == KindAbsent || !Holds(root, path) {
		return Entry{}, Proof{}, fmt.Errorf("prove %.200q: the tree of %.200q does not hold it", path, root)
	}
	var p Proof
	if e.Kind == KindDirectory {
		if p.Children, _, err = sumChildren(t, path); err != nil {
			return Entry{}, Proof{}, err
		}
	}
	for at := path; at != root; at = Parent(at) {
		s, err := step(t, Parent(at), at)
		if err != nil {
			return Entry{}, Proof{}, err
		}
		p.Steps = append(p.Steps, s)
	}
	return e, p, nil
}

// step returns what a directory adds to the proof of its child.
func step(t Tree, dir, child string) (Step, error) {
	own, err := t.Entry(dir)
	if err != nil {
		return Step{}, err
	}
	s := Step{Own: Leaf(own), Index: -1}
	var entries []Entry
	if err := t.Children(dir, func(e Entry) error {
		if e.Path == child {
			s.Index = len(entries)
			return nil
		}
		entries = append(entries, e)
		return nil
	}); err != nil {
		return Step{}, err
	}
	if s.Index < 0 {
		return Step{}, fmt.Errorf("prove %.200q: its directory does not hold it", child)
	}
	for _, e := range entries {
		hash, _, err := sum(t, e)
		if err != nil {
			return Step{}, err
		}
		s.Siblings = append(s.Siblings, hash)
	}
	return s, nil
}
