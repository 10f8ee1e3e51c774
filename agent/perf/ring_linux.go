package perf

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bits of struct perf_event_attr that x/sys does not name,
// include/uapi/linux/perf_event.h.
const bitBPFEvent = 1 << 30

// sampleType makes the trailer that [batch.add] expects.
const sampleType = unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_TIME | unix.PERF_SAMPLE_CPU

// ring is the side-band event of one CPU and its buffer.
type ring struct {
	cpu  int
	fd   int
	meta *unix.PerfEventMmapPage
	mem  []byte
	data []byte // power of two long
	wrap []byte // for a record that goes around the end
}

// openRing opens the event of one CPU with a buffer of the given number of
// pages, a power of two. bpf asks for records of BPF programs, which kernels
// before 5.1 refuse.
func openRing(cpu, pages int, bpf bool) (*ring, error) {
	attr := unix.PerfEventAttr{
		Type:        unix.PERF_TYPE_SOFTWARE,
		Size:        uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Config:      unix.PERF_COUNT_SW_DUMMY,
		Sample_type: sampleType,
		Bits: unix.PerfBitDisabled | unix.PerfBitMmap | unix.PerfBitMmap2 | unix.PerfBitComm | unix.PerfBitCommExec |
			unix.PerfBitTask | unix.PerfBitWatermark | unix.PerfBitSampleIDAll | unix.PerfBitUseClockID,
		Wakeup:  uint32(pages * unix.Getpagesize() / 4),
		Clockid: unix.CLOCK_BOOTTIME,
	}
	if bpf {
		attr.Bits |= bitBPFEvent
	}
	fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open the side-band event of CPU %d: %w", cpu, err)
	}
	page := unix.Getpagesize()
	mem, err := unix.Mmap(fd, 0, (1+pages)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("map %d KiB for the side-band of CPU %d: %w", (1+pages)*page>>10, cpu, err)
	}
	r := &ring{cpu: cpu, fd: fd, mem: mem, data: mem[page:], meta: (*unix.PerfEventMmapPage)(unsafe.Pointer(&mem[0]))}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		r.close()
		return nil, fmt.Errorf("enable the side-band of CPU %d: %w", cpu, err)
	}
	return r, nil
}

// read adds what the ring holds to b and gives the space back to the kernel.
func (r *ring) read(b *batch) {
	head := atomic.LoadUint64(&r.meta.Data_head)
	tail := r.meta.Data_tail
	if head == tail {
		return
	}
	mask := uint64(len(r.data) - 1)
	for tail < head {
		at := tail & mask
		// Records are aligned to eight bytes: a header never wraps.
		size := uint64(*(*uint16)(unsafe.Pointer(&r.data[at+6])))
		if size < headerLength || size > head-tail {
			b.bad++
			tail = head
			break
		}
		b.add(r.record(at, size))
		tail += size
	}
	atomic.StoreUint64(&r.meta.Data_tail, tail)
}

func (r *ring) record(at, size uint64) []byte {
	if at+size <= uint64(len(r.data)) {
		return r.data[at : at+size]
	}
	r.wrap = append(r.wrap[:0], r.data[at:]...)
	r.wrap = append(r.wrap, r.data[:size-uint64(len(r.wrap))]...)
	return r.wrap
}

func (r *ring) close() {
	unix.Munmap(r.mem)
	unix.Close(r.fd)
}
