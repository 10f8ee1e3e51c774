package segment

import (
	"hash/maphash"
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
)

// interner makes equal process images of one host the same pointer, so that a
// segment holds each once however many frames it came in.
type interner struct {
	seed   maphash.Seed
	known  map[*event.Process]*event.Process // of the present frame
	byHash map[uint64][]*event.Process
	depth  map[*event.Process]int
	bytes  int64 // of the images that are held, about
}

func newInterner() *interner {
	return &interner{
		seed: maphash.MakeSeed(), known: make(map[*event.Process]*event.Process),
		byHash: make(map[uint64][]*event.Process), depth: make(map[*event.Process]int),
	}
}

// frame forgets the pointers of the frame before.
func (in *interner) frame() { clear(in.known) }

// intern returns the image that stands for p. Lineages longer than
// [event.MaxLineage] lose their far end.
func (in *interner) intern(host event.HostID, p *event.Process) *event.Process {
	if p == nil {
		return nil
	}
	if q, ok := in.known[p]; ok {
		return q
	}
	chain := p.Lineage()
	for _, p := range slices.Backward(chain) {
		if in.known[p] == nil {
			in.known[p] = in.add(host, p)
		}
	}
	return in.known[p]
}

// add interns p, whose parent has been.
func (in *interner) add(host event.HostID, p *event.Process) *event.Process {
	parent := in.known[p.Parent]
	if in.depth[parent] >= event.MaxLineage {
		parent = nil
	}
	h := in.hash(host, p, parent)
	for _, q := range in.byHash[h] {
		if q.Parent == parent && sameImage(p, q) {
			return q
		}
	}
	if parent != p.Parent {
		q := *p
		q.Parent = parent
		p = &q
	}
	in.byHash[h] = append(in.byHash[h], p)
	in.depth[p] = in.depth[parent] + 1
	in.bytes += parquetfile.Size(p)
	return p
}

// hash is of the host and of what usually tells images apart; sameImage
// decides.
func (in *interner) hash(host event.HostID, p, parent *event.Process) uint64 {
	h := maphash.String(in.seed, string(host))
	h = h*31 + maphash.Comparable(in.seed, p.UID)
	h = h*31 + maphash.String(in.seed, p.CommandLine)
	h = h*31 + maphash.Comparable(in.seed, p.Executed)
	return h*31 + maphash.Comparable(in.seed, parent)
}

// sameImage reports whether two images with the same parent are equal.
func sameImage(p, q *event.Process) bool {
	return p.UID == q.UID && p.PID == q.PID && p.PPID == q.PPID && p.Name == q.Name && equal(p.Executable, q.Executable, sameFile) &&
		p.CommandLine == q.CommandLine && slices.Equal(p.Arguments, q.Arguments) && p.Truncated == q.Truncated &&
		p.Directory == q.Directory && p.Script == q.Script && p.Started.Equal(q.Started) && p.Executed.Equal(q.Executed) &&
		p.User == q.User && equal(p.Effective, q.Effective, same) && equal(p.Login, q.Login, same) && p.Session == q.Session &&
		p.Terminal == q.Terminal && p.Entry == q.Entry && equal(p.Container, q.Container, same) &&
		slices.Equal(p.Descriptors, q.Descriptors) && slices.Equal(p.Environment, q.Environment)
}

func same[T comparable](a, b T) bool { return a == b }

func sameFile(a, b event.File) bool {
	changed := a.Changed.Equal(b.Changed)
	a.Changed = b.Changed
	return changed && a == b
}

// equal reports whether both are nil, or both are not and what they point to
// is the same.
func equal[T any](a, b *T, same func(T, T) bool) bool {
	return a == b || a != nil && b != nil && same(*a, *b)
}

// bytesOf is about what an event takes in memory, without its images.
func bytesOf(e *event.Event) int64 {
	const fixed = 400 // of the structs
	n := fixed + len(e.Message)
	if e.File != nil {
		n += len(e.File.Path) + len(e.File.NewPath)
	}
	if e.Kernel != nil {
		n += 16 * (len(e.Kernel.Arguments) + len(e.Kernel.Capabilities))
	}
	if e.Logon != nil {
		n += len(e.Logon.Command)
	}
	for _, r := range e.Records {
		for _, f := range r.Fields {
			n += 32 + len(f.Name) + len(f.Value)
		}
		n += 48
	}
	return int64(n)
}
