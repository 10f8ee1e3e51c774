package perf

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// slab is how many processes are allocated together. The pipeline replaces
// them with complete ones at once, so that a slab does not live long.
const slab = 64

// maxOpenExecs bounds the execs that wait for the mapping that names their
// executable.
const maxOpenExecs = 1024

// builder turns batches into events. An exec record carries only the name of
// the task; the executable is the first file that the new image maps
// executable, which the kernel reports a moment later, perhaps on another CPU.
type builder struct {
	events []event.Event
	free   []event.Process
	// open holds execs whose mapping has not been seen, by pid; pass counts
	// the batches, so that an exec waits for one batch and no longer.
	open map[uint32]openExec
	pass uint64
	// names avoids a new string for the few hundred names and paths that
	// make up nearly all execs.
	names intern
}

type openExec struct {
	time uint64
	comm string
	pass uint64
}

func newBuilder() *builder {
	return &builder{open: make(map[uint32]openExec), names: intern{seen: make(map[string]string)}}
}

// build returns the events of a batch, in order of time. wall returns the
// host's clock for a time since boot. The slice is valid until the next call.
func (b *builder) build(in *batch, wall func(boot uint64) time.Time) []event.Event {
	slices.SortStableFunc(in.records, func(x, y record) int { return cmp.Compare(x.time, y.time) })
	b.pass++
	b.events = b.events[:0]
	for i := range in.records {
		b.add(in, &in.records[i], wall)
	}
	for pid, exec := range b.open {
		if exec.pass < b.pass {
			b.launch(pid, exec, nil, wall)
		}
	}
	return b.events
}

func (b *builder) add(in *batch, r *record, wall func(uint64) time.Time) {
	exec, waiting := b.open[r.pid]
	switch r.kind {
	case kindFork:
		b.fork(r, wall)
	case kindExec:
		if waiting {
			b.launch(r.pid, exec, nil, wall)
		}
		b.openExec(r, b.names.get(in.nameOf(r)), wall)
	case kindExit:
		if waiting {
			b.launch(r.pid, exec, nil, wall)
		}
		b.emit(event.Event{
			Time: wall(r.time), Class: event.ClassProcessActivity, Activity: event.ProcessTerminate,
			Status: event.StatusSuccess, Process: b.process(r.pid),
		})
	case kindMap:
		name := in.nameOf(r)
		if waiting && isExecutable(name) {
			b.launch(r.pid, exec, b.file(r, name), wall)
			return
		}
		b.mapping(r, name, wall)
	case kindBPF:
		b.bpf(r, in.nameOf(r), wall)
	}
}

func (b *builder) fork(r *record, wall func(uint64) time.Time) {
	p := b.process(r.pid)
	p.PPID, p.UID.Start = r.ppid, r.time
	b.emit(event.Event{
		Time: wall(r.time), Class: event.ClassProcessActivity, Activity: event.ProcessFork,
		Status: event.StatusSuccess, Process: p,
	})
}

func (b *builder) openExec(r *record, comm string, wall func(uint64) time.Time) {
	exec := openExec{time: r.time, comm: comm, pass: b.pass}
	if len(b.open) >= maxOpenExecs {
		b.launch(r.pid, exec, nil, wall)
		return
	}
	b.open[r.pid] = exec
}

func (b *builder) launch(pid uint32, exec openExec, file *event.File, wall func(uint64) time.Time) {
	delete(b.open, pid)
	p := b.process(pid)
	p.Name, p.Executable = exec.comm, file
	b.emit(event.Event{
		Time: wall(exec.time), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
		Status: event.StatusSuccess, Process: p,
	})
}

// isExecutable reports whether a mapping can be that of the executable: the
// vdso and anonymous memory are not.
func isExecutable(name []byte) bool {
	return len(name) > 0 && name[0] == '/' && !bytes.HasPrefix(name, []byte("//"))
}

func (b *builder) file(r *record, name []byte) *event.File {
	path, kind := splitKind(b.names.get(name))
	return &event.File{Path: path, Kind: kind, Inode: r.inode, Device: r.device}
}

// splitKind takes the kernel's " (deleted)" from a path and says what the
// mapped file is.
func splitKind(name string) (string, event.FileKind) {
	path, deleted := strings.CutSuffix(name, " (deleted)")
	switch {
	case strings.HasPrefix(name, "/memfd:"):
		return path, event.FileMemory
	case deleted:
		return path, event.FileDeleted
	}
	return name, event.FilePlain
}

// mapping reports executable memory that is not plain file content.
func (b *builder) mapping(r *record, name []byte, wall func(uint64) time.Time) {
	what := mappingType(name)
	if what == "" {
		return
	}
	full := b.names.get(name)
	e := event.Event{
		Time: wall(r.time), Class: event.ClassMemoryActivity, Activity: event.MemoryMapView,
		Status: event.StatusSuccess, Process: b.process(r.pid),
		Kernel: &event.Kernel{
			Name: full, Type: what, Request: protection(r.prot),
			Arguments: []string{strconv.FormatUint(r.addr, 16), strconv.FormatUint(r.size, 16), strconv.FormatUint(uint64(r.prot), 16)},
		},
	}
	if what == "memfd" || what == "deleted" || what == "shared" {
		e.File = b.file(r, name)
	}
	b.emit(e)
}

// mappingType classifies the name that the kernel gives a mapping
// (perf_event_mmap_event in kernel/events/core.c); "" for file content and
// the kernel's own pages.
func mappingType(name []byte) string {
	switch {
	case bytes.Equal(name, []byte("//anon")):
		return "anonymous"
	case bytes.HasPrefix(name, []byte("[heap]")):
		return "heap"
	case bytes.HasPrefix(name, []byte("[stack")):
		return "stack"
	case bytes.HasPrefix(name, []byte("/memfd:")):
		return "memfd"
	case bytes.HasPrefix(name, []byte("/dev/zero")), bytes.HasPrefix(name, []byte("/SYSV")), bytes.HasPrefix(name, []byte("/dev/shm/")):
		return "shared"
	case bytes.HasSuffix(name, []byte(" (deleted)")):
		return "deleted"
	}
	return ""
}

// protection writes PROT_* bits as in /proc/PID/maps.
func protection(prot uint8) string {
	text := []byte("---")
	for i, letter := range []byte("rwx") {
		if prot&(1<<i) != 0 {
			text[i] = letter
		}
	}
	return string(text)
}

func (b *builder) bpf(r *record, tag []byte, wall func(uint64) time.Time) {
	b.emit(event.Event{
		Time: wall(r.time), Class: event.ClassKernelExtension, Activity: event.ExtensionLoad,
		Status: event.StatusSuccess, Process: b.process(r.pid),
		Kernel: &event.Kernel{Name: hex.EncodeToString(tag), Type: "bpf", Syscall: "bpf", Request: "PROG_LOAD"},
	})
}

func (b *builder) process(pid uint32) *event.Process {
	if len(b.free) == 0 {
		b.free = make([]event.Process, slab)
	}
	p := &b.free[0]
	b.free = b.free[1:]
	p.PID = pid
	return p
}

func (b *builder) emit(e event.Event) {
	e.Source = event.SourcePerf
	b.events = append(b.events, e)
}

// maxNames bounds the strings that intern keeps.
const maxNames = 4096

// intern hands out one string for equal bytes. When full it starts anew.
type intern struct {
	seen map[string]string
}

func (n *intern) get(name []byte) string {
	if s, ok := n.seen[string(name)]; ok {
		return s
	}
	if len(n.seen) >= maxNames {
		clear(n.seen)
	}
	s := string(name)
	n.seen[s] = s
	return s
}
