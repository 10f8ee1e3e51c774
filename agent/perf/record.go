package perf

import (
	"bytes"
	"encoding/binary"
)

// Record types, include/uapi/linux/perf_event.h.
const (
	typeLost  = 2
	typeComm  = 3
	typeExit  = 4
	typeFork  = 7
	typeMmap2 = 10
	typeBPF   = 18
)

// Constants of include/uapi/linux/perf_event.h.
const (
	miscCommExec = 1 << 13 // PERF_RECORD_MISC_COMM_EXEC
	bpfProgLoad  = 1       // PERF_BPF_EVENT_PROG_LOAD
	headerLength = 8       // struct perf_event_header
	// trailerLength is struct sample_id with PERF_SAMPLE_TID, TIME and CPU.
	trailerLength = 24
)

// protExec is PROT_EXEC of include/uapi/asm-generic/mman-common.h.
const protExec = 4

// kind says what a record means here.
type kind uint8

const (
	kindFork kind = iota + 1
	kindExec
	kindExit
	kindMap
	kindBPF
)

// record is one decoded side-band record. The name lies in the arena of the
// batch it belongs to.
type record struct {
	time       uint64 // CLOCK_BOOTTIME, nanoseconds
	addr, size uint64 // of a mapping
	inode      uint64
	device     uint64 // in the encoding of st_dev
	pid        uint32 // thread group
	ppid       uint32 // of a fork
	id         uint32 // of a BPF program
	name, end  int32  // in the arena
	prot       uint8
	kind       kind
}

// batch collects the records of one pass over the ring buffers. Its memory is
// used again for the next pass.
type batch struct {
	records []record
	arena   []byte
	lost    uint64 // records that the kernel could not store
	bad     uint64 // records that do not have the documented form
}

func (b *batch) reset() {
	b.records, b.arena, b.lost, b.bad = b.records[:0], b.arena[:0], 0, 0
}

// add decodes one record, header included, and keeps it where it matters:
// births and ends of processes, not of their threads; execs; executable
// mappings; BPF programs loaded.
func (b *batch) add(data []byte) {
	if len(data) < headerLength {
		b.bad++
		return
	}
	n := binary.NativeEndian
	kind, misc := n.Uint32(data), n.Uint16(data[4:])
	body := data[headerLength:]
	if len(body) < trailerLength {
		b.bad++
		return
	}
	trailer := body[len(body)-trailerLength:]
	body = body[:len(body)-trailerLength]
	r := record{pid: n.Uint32(trailer), time: n.Uint64(trailer[8:])}
	switch kind {
	case typeLost:
		b.addLost(body)
	case typeFork, typeExit:
		b.addTask(r, kind, body)
	case typeComm:
		if misc&miscCommExec != 0 {
			b.addExec(r, body)
		}
	case typeMmap2:
		b.addMap(r, body)
	case typeBPF:
		b.addBPF(r, body)
	}
}

// addLost reads {u64 id; u64 lost}.
func (b *batch) addLost(body []byte) {
	if len(body) < 16 {
		b.bad++
		return
	}
	b.lost += binary.NativeEndian.Uint64(body[8:])
}

// addTask reads {u32 pid, ppid, tid, ptid; u64 time}. A thread has a tid other
// than its pid.
func (b *batch) addTask(r record, kind uint32, body []byte) {
	if len(body) < 24 {
		b.bad++
		return
	}
	n := binary.NativeEndian
	r.pid, r.ppid = n.Uint32(body), n.Uint32(body[4:])
	if tid := n.Uint32(body[8:]); tid != r.pid || invalid(r.pid) {
		return
	}
	r.kind = kindFork
	if kind == typeExit {
		r.kind = kindExit
	}
	b.records = append(b.records, r)
}

// addExec reads {u32 pid, tid; char comm[]}.
func (b *batch) addExec(r record, body []byte) {
	if len(body) < 9 {
		b.bad++
		return
	}
	r.pid, r.kind = binary.NativeEndian.Uint32(body), kindExec
	b.append(r, body[8:])
}

// addMap reads {u32 pid, tid; u64 addr, len, pgoff; u32 maj, min; u64 ino,
// ino_generation; u32 prot, flags; char filename[]}.
func (b *batch) addMap(r record, body []byte) {
	if len(body) < 65 {
		b.bad++
		return
	}
	n := binary.NativeEndian
	if r.prot = uint8(n.Uint32(body[56:])); r.prot&protExec == 0 {
		return
	}
	r.pid, r.kind = n.Uint32(body), kindMap
	r.addr, r.size = n.Uint64(body[8:]), n.Uint64(body[16:])
	r.device, r.inode = mkdev(n.Uint32(body[32:]), n.Uint32(body[36:])), n.Uint64(body[40:])
	b.append(r, body[64:])
}

// addBPF reads {u16 type, flags; u32 id; u8 tag[8]}.
func (b *batch) addBPF(r record, body []byte) {
	if len(body) < 16 {
		b.bad++
		return
	}
	n := binary.NativeEndian
	if n.Uint16(body) != bpfProgLoad {
		return
	}
	r.kind, r.id = kindBPF, n.Uint32(body[4:])
	b.append(r, body[8:16])
}

// append keeps r with its name, which ends at the first NUL unless it is the
// tag of a BPF program.
func (b *batch) append(r record, name []byte) {
	if invalid(r.pid) {
		return
	}
	if end := bytes.IndexByte(name, 0); end >= 0 && r.kind != kindBPF {
		name = name[:end]
	}
	r.name = int32(len(b.arena))
	b.arena = append(b.arena, name...)
	r.end = int32(len(b.arena))
	b.records = append(b.records, r)
}

// nameOf returns the name of a record of this batch, valid until reset.
func (b *batch) nameOf(r *record) []byte { return b.arena[r.name:r.end] }

// invalid reports whether a pid names no process that this agent can see: the
// idle task, or a task outside the agent's pid namespace, which the kernel
// reports as -1 or 0.
func invalid(pid uint32) bool { return pid == 0 || int32(pid) < 0 }

// mkdev encodes a device number as st_dev has it, gnu_dev_makedev(3).
func mkdev(major, minor uint32) uint64 {
	return uint64(major&0xfffff000)<<32 | uint64(major&0xfff)<<8 | uint64(minor&0xffffff00)<<12 | uint64(minor&0xff)
}
