//go:build unix

package spool

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// counters are numbers in a file that is mapped into memory: they are the
// kernel's as soon as they are written, whatever becomes of this process.
type counters struct {
	file  *os.File
	words *[slots]atomic.Uint64
}

func openCounters(path string) (*counters, error) {
	const size = slots * 8
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err := fill(file, size); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	mapped, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "mmap", Path: path, Err: err}, file.Close())
	}
	return &counters{file: file, words: (*[slots]atomic.Uint64)(unsafe.Pointer(&mapped[0]))}, nil
}

// fill makes the file as long as its mapping, by writing: a mapped hole would
// have to be filled when the disk may be full, and then a store is a fault.
func fill(file *os.File, size int64) error {
	info, err := file.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	_, err = file.WriteAt(make([]byte, size-info.Size()), info.Size())
	return err
}

func (c *counters) load(slot int) uint64     { return c.words[slot].Load() }
func (c *counters) store(slot int, v uint64) { c.words[slot].Store(v) }
func (c *counters) add(slot int, n uint64)   { c.words[slot].Add(n) }

// close syncs and closes the file. The mapping, one page, stays: a sensor that
// ends late may still count.
func (c *counters) close() error { return errors.Join(c.file.Sync(), c.file.Close()) }
