package authlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

const (
	// maxLine is the longest line that is kept, in bytes.
	maxLine = 64 << 10
	// proofLen is how many bytes before the position are remembered, to
	// notice that a file was truncated and filled again.
	proofLen = 64
	// lingering is how long a renamed file is read on: the syslog daemon
	// writes to it until it is told of the rotation.
	lingering = 30 * time.Second
	// maxCatchUp is how much is read of a file that appeared while nobody
	// watched.
	maxCatchUp = 64 << 20
	// maxPass bounds what one pass over a file reads, so that a stop is
	// heard soon.
	maxPass = 4 << 20
)

// tail follows a log file by name through rotation. It belongs to one
// goroutine.
type tail struct {
	fs       hostfs.FS
	path     string
	current  *segment   // nil while there is no file
	old      []*segment // renamed, still read
	overlong uint64     // lines cut out for their length
	resets   uint64     // truncations noticed
	more     bool       // the last poll left something unread
}

// segment is one open file and how far it was read.
type segment struct {
	file    *os.File
	offset  int64  // behind the last byte read
	partial []byte // the unfinished line before offset
	proof   []byte // the bytes before offset, at most proofLen
	skip    bool   // inside a line that is too long
	until   time.Time
}

func newTail(fs hostfs.FS, path string) *tail { return &tail{fs: fs, path: path} }

func (t *tail) close() {
	for _, s := range t.old {
		s.file.Close()
	}
	if t.current != nil {
		t.current.file.Close()
	}
}

// start opens the file where the stored position says; when there is none at
// its end, or at its begin when the file was made while the sensor ran.
func (t *tail) start(at *filePosition, fresh bool) error {
	if err := t.open(); err != nil || t.current == nil {
		return err
	}
	if at == nil || at.Path != t.path {
		if fresh {
			return t.current.skipTo(maxCatchUp)
		}
		return t.current.toEnd()
	}
	if t.current.resume(at) {
		return nil
	}
	// Rotated while nobody watched: what is left of the renamed file first.
	for _, name := range [...]string{t.path + ".1", t.path + ".0"} {
		if old, err := openSegment(t.fs, name); err == nil && old != nil {
			if old.resume(at) {
				old.until = time.Now()
				t.old = append(t.old, old)
				break
			}
			old.file.Close()
		}
	}
	return t.current.skipTo(maxCatchUp)
}

// open opens the file by name into current; no file is no error.
func (t *tail) open() error {
	s, err := openSegment(t.fs, t.path)
	t.current = s
	return err
}

// openSegment opens a regular file. A missing one, or something else under the
// name, gives nil.
func openSegment(host hostfs.FS, path string) (*segment, error) {
	info, err := host.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at log file: %w", err)
	}
	f, err := host.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	return &segment{file: f}, nil
}

// poll hands over the lines that were added, oldest first, and follows a
// rotation.
func (t *tail) poll(now time.Time, line func([]byte)) error {
	t.more = false
	keep := t.old[:0]
	for _, s := range t.old {
		err := t.read(s, line)
		if err != nil || now.After(s.until) {
			s.flush(line)
			s.file.Close()
			continue
		}
		keep = append(keep, s)
	}
	t.old = keep
	if t.current != nil {
		if err := t.read(t.current, line); err != nil {
			return err
		}
		if !t.rotated() {
			return nil
		}
		t.current.until = now.Add(lingering)
		t.old = append(t.old, t.current)
		t.current = nil
	}
	if err := t.open(); err != nil || t.current == nil {
		return err
	}
	return t.read(t.current, line)
}

// rotated reports whether the name stands for another file by now. While it
// stands for none, the open file is read on.
func (t *tail) rotated() bool {
	info, err := t.fs.Stat(t.path)
	if err != nil {
		return false
	}
	mine, err := t.current.file.Stat()
	return err == nil && !os.SameFile(info, mine)
}

// read reads what was added to a file, at most maxPass bytes.
func (t *tail) read(s *segment, line func([]byte)) error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("look at log file: %w", err)
	}
	if info.Size() == s.offset {
		return nil
	}
	if info.Size() < s.offset || !s.proven() {
		t.resets++
		s.offset, s.partial, s.proof, s.skip = 0, nil, nil, false
	}
	buf := make([]byte, 64<<10)
	for total := 0; total < maxPass; {
		n, err := s.file.ReadAt(buf, s.offset)
		t.overlong += s.feed(buf[:n], line)
		total += n
		if errors.Is(err, io.EOF) || n == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read log file: %w", err)
		}
	}
	t.more = true
	return nil
}

// feed takes bytes behind offset and hands over whole lines. It returns how
// many lines were too long.
func (s *segment) feed(data []byte, line func([]byte)) (overlong uint64) {
	s.offset += int64(len(data))
	s.proof = append(s.proof, data[max(0, len(data)-proofLen):]...)
	s.proof = s.proof[max(0, len(s.proof)-proofLen):]
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			break
		}
		whole := data[:i]
		data = data[i+1:]
		if len(s.partial) > 0 {
			s.partial = append(s.partial, whole...)
			whole = s.partial
		}
		if !s.skip {
			line(whole)
		}
		s.partial, s.skip = s.partial[:0], false
	}
	if len(s.partial)+len(data) > maxLine {
		if !s.skip {
			overlong++
		}
		s.partial, s.skip = s.partial[:0], true
		return overlong
	}
	if !s.skip {
		s.partial = append(s.partial, data...)
	}
	return overlong
}

// flush hands over an unfinished last line of a file that nobody writes to any
// more.
func (s *segment) flush(line func([]byte)) {
	if len(s.partial) > 0 && !s.skip {
		line(s.partial)
		s.partial = nil
	}
}

// proven reports whether the bytes before offset are those that were read.
func (s *segment) proven() bool {
	if len(s.proof) == 0 {
		return true
	}
	buf := make([]byte, len(s.proof))
	_, err := s.file.ReadAt(buf, s.offset-int64(len(s.proof)))
	return err == nil && bytes.Equal(buf, s.proof)
}

// toEnd places the segment behind the last whole line, at the end for a file
// whose last line is finished.
func (s *segment) toEnd() error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("look at log file: %w", err)
	}
	s.offset = info.Size()
	s.proof = make([]byte, min(proofLen, s.offset))
	if _, err := s.file.ReadAt(s.proof, s.offset-int64(len(s.proof))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read log file: %w", err)
	}
	s.skip = len(s.proof) > 0 && s.proof[len(s.proof)-1] != '\n'
	return nil
}

// skipTo leaves out all but the last limit bytes.
func (s *segment) skipTo(limit int64) error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("look at log file: %w", err)
	}
	if info.Size() > limit {
		s.offset, s.skip = info.Size()-limit, true
	}
	return nil
}

// resume places the segment at a stored position, if it is the file that the
// position is of.
func (s *segment) resume(at *filePosition) bool {
	info, err := s.file.Stat()
	if err != nil || at.Offset < int64(len(at.Before)) || len(at.Before) > proofLen || info.Size() < at.Offset {
		return false
	}
	if device, inode := identity(info); device != at.Device || inode != at.Inode {
		return false
	}
	s.offset, s.proof = at.Offset, bytes.Clone(at.Before)
	if !s.proven() {
		s.offset, s.proof = 0, nil
		return false
	}
	return true
}

// position returns where to go on after a restart: behind the last whole line.
func (t *tail) position() *filePosition {
	s := t.current
	if s == nil {
		return nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil
	}
	p := &filePosition{Path: t.path, Offset: s.offset - int64(len(s.partial))}
	p.Device, p.Inode = identity(info)
	if keep := len(s.proof) - len(s.partial); keep > 0 {
		p.Before = bytes.Clone(s.proof[:keep])
	}
	return p
}

func identity(info os.FileInfo) (device, inode uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(st.Dev), st.Ino
}
