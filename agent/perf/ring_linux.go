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

// bellPages is the buffer of a doorbell, the smallest that there is.
const bellPages = 1

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
	bell *bell  // nil where there is none
}

// openRing opens the event of one CPU with a buffer of the given number of
// pages, a power of two. bpf asks for records of BPF programs, which kernels
// before 5.1 refuse. A ring whose doorbell cannot be opened is good without.
func openRing(cpu, pages int, bpf bool) (*ring, error) {
	fd, mem, err := openEvent(cpu, pages, uint32(pages*unix.Getpagesize()/4), unix.PROT_READ|unix.PROT_WRITE, bpf)
	if err != nil {
		return nil, err
	}
	r := &ring{cpu: cpu, fd: fd, mem: mem, data: mem[unix.Getpagesize():], meta: (*unix.PerfEventMmapPage)(unsafe.Pointer(&mem[0]))}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		r.close()
		return nil, fmt.Errorf("enable the side-band of CPU %d: %w", cpu, err)
	}
	r.bell, _ = openBell(cpu, bpf)
	return r, nil
}

// openEvent opens and maps an event that counts nothing and makes side-band
// records. Its descriptor becomes readable with every wakeup bytes.
func openEvent(cpu, pages int, wakeup uint32, prot int, bpf bool) (fd int, mem []byte, err error) {
	attr := unix.PerfEventAttr{
		Type:        unix.PERF_TYPE_SOFTWARE,
		Size:        uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Config:      unix.PERF_COUNT_SW_DUMMY,
		Sample_type: sampleType,
		Bits: unix.PerfBitDisabled | unix.PerfBitMmap | unix.PerfBitMmap2 | unix.PerfBitComm | unix.PerfBitCommExec |
			unix.PerfBitTask | unix.PerfBitWatermark | unix.PerfBitSampleIDAll | unix.PerfBitUseClockID,
		Wakeup:  wakeup,
		Clockid: unix.CLOCK_BOOTTIME,
	}
	if bpf {
		attr.Bits |= bitBPFEvent
	}
	fd, err = unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return -1, nil, fmt.Errorf("open the side-band event of CPU %d: %w", cpu, err)
	}
	size := (1 + pages) * unix.Getpagesize()
	mem, err = unix.Mmap(fd, 0, size, prot, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return -1, nil, fmt.Errorf("map %d KiB for the side-band of CPU %d: %w", size>>10, cpu, err)
	}
	return fd, mem, nil
}

// bell is a second event of a CPU that wakes its waiter with the first record.
// Nobody reads its buffer, which is mapped read-only so that the kernel writes
// around it. It rings only while armed, by letting its buffer take records:
// that is a store in the kernel, where enabling an event would interrupt the
// CPU it belongs to (perf_event_open(2), PERF_EVENT_IOC_PAUSE_OUTPUT).
type bell struct {
	fd  int
	mem []byte
}

func openBell(cpu int, bpf bool) (*bell, error) {
	fd, mem, err := openEvent(cpu, bellPages, 1, unix.PROT_READ, bpf)
	if err != nil {
		return nil, err
	}
	b := &bell{fd: fd, mem: mem}
	if err = b.arm(false); err == nil {
		err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
	}
	if err != nil {
		b.close()
		return nil, fmt.Errorf("enable the doorbell of CPU %d: %w", cpu, err)
	}
	return b, nil
}

func (b *bell) arm(on bool) error {
	var pause uintptr = 1
	if on {
		pause = 0
	}
	// It does not block: Go's scheduler need not know.
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(b.fd), unix.PERF_EVENT_IOC_PAUSE_OUTPUT, pause)
	if errno != 0 {
		return fmt.Errorf("pause the output of a perf event: %w", errno)
	}
	return nil
}

func (b *bell) close() {
	unix.Munmap(b.mem)
	unix.Close(b.fd)
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
	if r.bell != nil {
		r.bell.close()
	}
	unix.Munmap(r.mem)
	unix.Close(r.fd)
}
