package authlog

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells that something changed under watched paths, by inotify(7). It
// says nothing about what: the tails look for themselves.
type watcher struct {
	file   *os.File
	fd     int
	signal chan struct{} // buffered by one; closed by the reading goroutine
}

// What is watched: of a file that it grows, of a directory that names in it
// change, of a directory of journals both.
const (
	watchFile    = unix.IN_MODIFY
	watchDir     = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ONLYDIR
	watchJournal = watchDir | unix.IN_MODIFY
)

func newWatcher() (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch log files: %w", err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "inotify"), fd: fd, signal: make(chan struct{}, 1)}
	go w.read()
	return w, nil
}

// read turns events into one pending signal until the watcher is closed.
func (w *watcher) read() {
	defer close(w.signal)
	buf := make([]byte, 16<<10)
	for {
		if _, err := w.file.Read(buf); err != nil {
			return
		}
		select {
		case w.signal <- struct{}{}:
		default:
		}
		time.Sleep(calm) // lets what else is written gather
	}
}

// add watches a path. A path that is watched already is none the worse; a
// missing one is no error.
func (w *watcher) add(path string, mask uint32) error {
	_, err := unix.InotifyAddWatch(w.fd, path, mask)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("watch log file: %w", err)
	}
	return nil
}

// close ends the watch and waits for the reading goroutine.
func (w *watcher) close() {
	w.file.Close()
	for range w.signal {
	}
}
