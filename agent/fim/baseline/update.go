package baseline

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/holdfast-security/holdfast/fim"
)

// Update is a change of the baseline that counts once it is committed. It is
// safe for concurrent use.
type Update struct {
	store *Store

	mu        sync.Mutex // guards what follows
	out       appender
	waiting   []staged
	selection *fim.Selection
}

// begin starts an update.
func (s *Store) begin() (*Update, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.updating {
		return nil, errors.New("update baseline: another update is under way")
	}
	s.updating = true
	u := &Update{store: s}
	u.rewind()
	return u, nil
}

// rewind places the writer at the end of what was committed.
func (u *Update) rewind() {
	to := io.NewOffsetWriter(u.store.file, u.store.end)
	u.out = appender{file: u.store.file, buffered: bufio.NewWriterSize(to, 1<<18), end: u.store.end}
	u.waiting = u.waiting[:0]
}

// put writes a unit.
func (u *Update) put(path string, parts [][]byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, p := range parts {
		at, err := u.out.write(p)
		if err != nil {
			return fmt.Errorf("write baseline of %.200q: %w", path, err)
		}
		u.waiting = append(u.waiting, stage(part{number: uint64(i), last: i == len(parts)-1, path: path}, at))
	}
	return nil
}

// remove drops a unit.
func (u *Update) remove(path string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, err := u.out.write(append([]byte{frameRemove}, path...)); err != nil {
		return fmt.Errorf("remove baseline of %.200q: %w", path, err)
	}
	u.waiting = append(u.waiting, staged{path: path, last: true})
	return nil
}

// checkpointBytes is how much may be written before it is committed, so that a
// long first scan goes on where it was interrupted.
const checkpointBytes = 16 << 20

// checkpoint commits when much has been written.
func (u *Update) checkpoint() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.out.end-u.store.end < checkpointBytes {
		return nil
	}
	return u.flush()
}

// watch says what is watched from now on.
func (u *Update) watch(selection fim.Selection) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.selection = &selection
	return u.out.selection(selection)
}

// commit makes the update durable and ends it. Without anything to write it
// leaves the file alone.
func (u *Update) commit() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	err := u.flush()
	if err != nil {
		err = errors.Join(err, u.store.file.Truncate(u.store.end))
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.store.updating = false
	if err == nil {
		err = u.store.compact()
	}
	return err
}

// flush makes durable what was written. u.mu is held.
func (u *Update) flush() error {
	if u.out.end == u.store.end {
		return nil
	}
	_, err := u.out.write([]byte{frameCommit})
	err = errors.Join(err, u.out.buffered.Flush())
	if err == nil {
		err = u.out.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write baseline: %w", err)
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.store.apply(u.waiting)
	if u.selection != nil {
		u.store.selection = u.selection
	}
	u.store.end = u.out.end
	u.rewind()
	return nil
}

// abandon drops what was not committed and ends the update.
func (u *Update) abandon() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.store.updating = false
	if err := u.store.file.Truncate(u.store.end); err != nil {
		return fmt.Errorf("drop update of baseline: %w", err)
	}
	return nil
}
