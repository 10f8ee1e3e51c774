package process

import (
	"github.com/holdfast-security/holdfast/event"
)

// keptLineage is how much of a lineage survives when it reaches
// event.MaxLineage. Cutting it to half makes a copy of half a lineage once in
// keptLineage forks instead of at every fork.
const keptLineage = event.MaxLineage / 2

// image is one program image of a process. The Process it holds is immutable
// and may have been published; when more is learned (the audit record of an
// exec that perf reported first) the image gets a new Process, and images of
// children follow when they are next resolved.
type image struct {
	proc    *event.Process
	parent  *image // of the parent at birth; nil when unknown
	lessons uint64 // Table.lessons when proc was last found to know what the ancestors do
	depth   int32  // images in the lineage, this one included
	copied  bool   // made by a fork: what the parent's image learns holds here too
}

// newImage makes an image whose lineage is at most event.MaxLineage long.
func (t *Table) newImage(proc *event.Process, parent *image) *image {
	if parent == nil {
		proc.Parent = nil
		return &image{proc: proc, depth: 1}
	}
	if parent.depth >= event.MaxLineage-1 {
		parent = t.cut(parent, keptLineage)
	}
	proc.Parent = t.resolve(parent)
	return &image{proc: proc, parent: parent, lessons: t.lessons, depth: parent.depth + 1}
}

// cut returns a copy of the nearest n images of a lineage, so that what lies
// beyond can be freed: a chain of forks must not hold every ancestor.
func (t *Table) cut(i *image, n int) *image {
	proc := *t.resolve(i)
	if n <= 1 || i.parent == nil {
		proc.Parent = nil
		return &image{proc: &proc, depth: 1}
	}
	parent := t.cut(i.parent, n-1)
	proc.Parent = parent.proc
	return &image{proc: &proc, parent: parent, lessons: t.lessons, depth: parent.depth + 1}
}

// resolve returns the Process of an image, rebuilt when an ancestor has learned
// more, or nil for nil. As long as no image learns anything, the lineage is
// walked over once.
func (t *Table) resolve(i *image) *event.Process {
	if i == nil {
		return nil
	}
	if i.parent == nil || i.lessons == t.lessons {
		return i.proc
	}
	if parent := t.resolve(i.parent); parent != i.proc.Parent {
		i.proc = i.rebuild(parent)
	}
	i.lessons = t.lessons
	return i.proc
}

// rebuild returns the Process with a parent that knows more.
func (i *image) rebuild(parent *event.Process) *event.Process {
	proc := *i.proc
	if i.copied {
		proc = *parent
		proc.UID, proc.PID, proc.PPID = i.proc.UID, i.proc.PID, i.proc.PPID
		proc.Started, proc.Executed, proc.Entry = i.proc.Started, i.proc.Executed, i.proc.Entry
	}
	proc.Parent = parent
	return &proc
}

// teach replaces the Process of an image by one that knows more.
func (t *Table) teach(i *image, proc *event.Process) {
	proc.Parent = t.resolve(i.parent)
	i.proc, i.copied = proc, false
	t.lessons++
}

// adopt gives the image another parent: the one that the kernel's fork record
// names, where only an inferred one was known.
func (t *Table) adopt(i, parent *image) {
	proc := *i.proc
	fresh := t.newImage(&proc, parent)
	i.proc, i.parent, i.depth = fresh.proc, fresh.parent, fresh.depth
	t.lessons++
}

// node is a process: what its images have in common.
type node struct {
	pid   uint32
	ppid  uint32
	birth int64 // table time
	exit  int64 // table time; zero while it lives
	image *image
	older *node // the process that had this pid before
	firm  bool  // the birth was seen or read, not guessed
	bytes int64 // estimate, taken when it ended

	prev, next *node // in the queue of ended processes

	// Audit and perf report an exec each at their own pace. Where one of them
	// lags, its events belong to an older image than the newest: byAudit and
	// byPerf are those, nil when they are the newest. early are execs that
	// audit reported and perf has not; pending those of perf.
	byAudit, byPerf *image
	early           []mark
	pending         []*pending
}

// mark is an exec that only audit has reported so far.
type mark struct {
	at    int64
	name  string
	image *image
}

// pending is an exec that only perf has reported so far. Its event is
// published when audit stays silent.
type pending struct {
	node     *node
	image    *image
	at       int64
	deadline int64
	event    event.Event
	done     bool
}

// settle forgets that sources disagreed once neither waits for the other.
func (n *node) settle() {
	if len(n.early) == 0 {
		n.byPerf, n.early = nil, nil
	}
	if len(n.pending) == 0 {
		n.byAudit, n.pending = nil, nil
	}
}

// replace puts fresh in the place of old wherever the node refers to it.
func (n *node) replace(old, fresh *image) {
	for _, i := range []**image{&n.image, &n.byAudit, &n.byPerf} {
		if *i == old {
			*i = fresh
		}
	}
	for i := range n.early {
		if n.early[i].image == old {
			n.early[i].image = fresh
		}
	}
}
