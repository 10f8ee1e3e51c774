//go:build !unix

package spool

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"
)

// counters are numbers in a file, written at each change.
type counters struct {
	words [slots]atomic.Uint64

	mu     sync.Mutex // guards the file
	file   *os.File
	closed bool
}

func openCounters(path string) (*counters, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	c := &counters{file: file}
	var stored [slots * 8]byte
	n, _ := file.ReadAt(stored[:], 0)
	for slot := range n / 8 {
		c.words[slot].Store(binary.NativeEndian.Uint64(stored[8*slot:]))
	}
	return c, nil
}

func (c *counters) load(slot int) uint64 { return c.words[slot].Load() }

func (c *counters) store(slot int, v uint64) {
	c.words[slot].Store(v)
	c.save(slot)
}

func (c *counters) add(slot int, n uint64) {
	c.words[slot].Add(n)
	c.save(slot)
}

// save writes a counter. One that cannot be written is written with its next
// change.
func (c *counters) save(slot int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		_, _ = c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, c.words[slot].Load()), int64(8*slot))
	}
}

func (c *counters) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return errors.Join(c.file.Sync(), c.file.Close())
}
