// Package baseline keeps what the watched files of a host were like when they
// were last looked at, compares it with what a walk finds, and says what has
// changed.
//
// The state lies on the disk, one unit per directory, in a file to which whole
// units are appended: only where each begins is held in memory, so that a
// million files cost a few megabytes. Units count when a commit follows them;
// what a crash cut off is dropped, and the next walk finds it again. When more
// than half of the file is out of date it is written anew and put in its place
// at once.
//
// [Verify] merges a walk with the baseline, directory by directory. It reads
// only those files again whose metadata moved, or that were unsettled, or that
// the caller has on turn, reports what differs, and then takes the new state
// for the baseline. Two ways to change a file leave its metadata alone, writing
// to the disk beneath the file system and setting the clock back for the while:
// against them files are read on turn, and what is found so is marked.
//
// The file is the agent's own and still not trusted: it is checked as it is
// read, and decoded within bounds. That nobody rewrote it is for the server to
// prove, by the Merkle root of the tree ([Store] is a fim.Tree).
package baseline

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/holdfast-security/holdfast/fim"
	"github.com/holdfast-security/holdfast/internal/atomicfile"
)

// magic begins every file. Its number counts versions of the format.
const magic = "holdfast-fim\x00\x00\x00\x01"

// frameHead is the length and the CRC-32C of what follows.
const frameHead = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// key finds a part of a unit. It is half a SHA-256, so that nobody can name two
// directories to have one key.
type key [16]byte

func keyOf(path string, number uint64) key {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 256), number)
	sum := sha256.Sum256(append(b, path...))
	return key(sum[:16])
}

// spot is where a part lies in the file.
type spot struct {
	offset int64 // of the frame's head
	length uint32
}

// Store is a baseline on disk. It is safe for concurrent use: readers see the
// state of the last commit. One [Update] may be under way at a time.
type Store struct {
	path    string
	dropped int64

	mu        sync.RWMutex // guards what follows
	file      *os.File
	end       int64 // of what was committed
	live      int64 // bytes of parts that count
	index     map[key]spot
	selection *fim.Selection
	updating  bool
}

// Open opens the baseline at path, or makes an empty one there. What was
// written after the last commit is dropped. A file of which nothing can be read
// gives an error that wraps [ErrDamaged]; removing it begins anew.
func Open(path string) (*Store, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open baseline: %w", err)
	}
	s := &Store{path: path, file: file, index: make(map[key]spot)}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open baseline %s: %w", path, err), file.Close())
	}
	return s, nil
}

// Close lets go of the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}

// Dropped returns how many bytes Open dropped because no commit followed them
// or they were damaged: more than none after anything but a crash is a reason
// to look.
func (s *Store) Dropped() int64 { return s.dropped }

// Selection returns what was watched when the baseline was last complete, nil
// when it never was.
func (s *Store) Selection() *fim.Selection {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.selection
}

// load reads the whole file once, or begins it.
func (s *Store) load() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < int64(len(magic)) { // new, or cut off as it was made
		_, err := s.file.WriteAt([]byte(magic), 0)
		s.end = int64(len(magic))
		return errors.Join(err, atomicfile.SyncDir(filepath.Dir(s.path)))
	}
	l := loader{store: s, in: bufio.NewReaderSize(io.NewSectionReader(s.file, 0, info.Size()), 1<<20)}
	if err := l.run(); err != nil {
		return err
	}
	s.dropped = info.Size() - s.end
	if s.dropped > 0 {
		return s.file.Truncate(s.end)
	}
	return nil
}

// staged is a change of the index that waits for a commit.
type staged struct {
	key    key
	spot   spot // none removes
	number uint64
	last   bool
	path   string // to find later parts, of the last one and of a removal
}

// loader builds the index from the file.
type loader struct {
	store     *Store
	in        *bufio.Reader
	at        int64
	buffer    []byte
	waiting   []staged
	selection *fim.Selection
}

func (l *loader) run() error {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(l.in, head); err != nil || string(head) != magic {
		return fmt.Errorf("%w: it does not begin as one of this version", ErrDamaged)
	}
	l.at = int64(len(magic))
	l.store.end = l.at
	for {
		payload, err := l.frame()
		if err == nil {
			err = l.take(payload)
		}
		if err != nil {
			return notDamage(err)
		}
		l.at += frameHead + int64(len(payload))
		if payload[0] == frameCommit {
			l.store.apply(l.waiting)
			if l.selection != nil {
				l.store.selection = l.selection
			}
			l.waiting, l.selection, l.store.end = l.waiting[:0], nil, l.at
		}
	}
}

// notDamage drops errors that end what can be read: a cut or damaged tail.
func notDamage(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrDamaged) {
		return nil
	}
	return err
}

func (l *loader) frame() ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes", ErrDamaged, n)
	}
	if uint32(cap(l.buffer)) < n {
		l.buffer = make([]byte, n)
	}
	payload := l.buffer[:n]
	if _, err := io.ReadFull(l.in, payload); err != nil {
		return nil, err
	}
	return payload, checked(payload, binary.LittleEndian.Uint32(head[4:]))
}

func checked(payload []byte, sum uint32) error {
	if crc32.Checksum(payload, castagnoli) != sum {
		return fmt.Errorf("%w: a checksum is wrong", ErrDamaged)
	}
	return nil
}

// take notes what a frame says.
func (l *loader) take(payload []byte) error {
	body := payload[1:]
	switch payload[0] {
	case frameUnit:
		d := decoder{rest: string(body[:min(len(body), 64<<10)])}
		p := d.head()
		l.waiting = append(l.waiting, stage(p, spot{l.at, uint32(len(payload))}))
		return d.err
	case frameRemove:
		l.waiting = append(l.waiting, staged{path: string(body), last: true})
	case frameSelection:
		selection := new(fim.Selection)
		if err := json.Unmarshal(body, selection); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		l.selection = selection
	case frameCommit:
	default:
		return fmt.Errorf("%w: a frame of kind %d", ErrDamaged, payload[0])
	}
	return nil
}

func stage(p part, at spot) staged {
	c := staged{key: keyOf(p.path, p.number), spot: at, number: p.number, last: p.last}
	if p.last {
		c.path = p.path
	}
	return c
}

// apply puts staged changes in force. s.mu is held, or nobody else knows s.
func (s *Store) apply(changes []staged) {
	for _, c := range changes {
		next := uint64(0)
		if c.spot.length > 0 {
			s.forget(c.key)
			s.index[c.key] = c.spot
			s.live += frameHead + int64(c.spot.length)
			next = c.number + 1
		}
		for ; c.last; next++ { // a unit may have had more parts before
			if !s.forget(keyOf(c.path, next)) {
				break
			}
		}
	}
}

func (s *Store) forget(k key) bool {
	old, ok := s.index[k]
	if ok {
		s.live -= frameHead + int64(old.length)
		delete(s.index, k)
	}
	return ok
}

// read returns a part, as text that the caller may keep; "" when there is none.
func (s *Store) read(path string, number uint64) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, ok := s.index[keyOf(path, number)]
	if !ok {
		return "", nil
	}
	frame, err := s.frameAt(at)
	if err != nil {
		return "", fmt.Errorf("read baseline of %.200q: %w", path, err)
	}
	return string(frame[frameHead:]), nil
}

// frameAt reads and checks a whole frame. s.mu is held for reading.
func (s *Store) frameAt(at spot) ([]byte, error) {
	frame := make([]byte, frameHead+int(at.length))
	if _, err := s.file.ReadAt(frame, at.offset); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(frame) != at.length {
		return nil, fmt.Errorf("%w: a length is wrong", ErrDamaged)
	}
	return frame, checked(frame[frameHead:], binary.LittleEndian.Uint32(frame[4:]))
}

// paths calls each with the path of every unit, in no order.
func (s *Store) paths(each func(path string) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, at := range s.index {
		frame, err := s.frameAt(at)
		if err != nil {
			return err
		}
		d := decoder{rest: string(frame[frameHead+1:])}
		if p := d.head(); d.err == nil && p.number == 0 {
			err = each(p.path)
		}
		if err = errors.Join(err, d.err); err != nil {
			return err
		}
	}
	return nil
}

// compactAbove is the size of a file that is written anew when less than half
// of it counts.
const compactAbove = 1 << 20

// compact writes the file anew if that is worth it. s.mu is held.
func (s *Store) compact() error {
	if s.end < compactAbove || s.live*2 > s.end {
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(s.path), ".baseline-*")
	if err != nil {
		return fmt.Errorf("write baseline anew: %w", err)
	}
	index, end, err := s.copyTo(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write baseline anew: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return s.replace(file.Name(), index, end)
}

// replace puts a file in the place of the present one, which has to be closed
// for that on some systems. s.mu is held.
func (s *Store) replace(name string, index map[key]spot, end int64) error {
	err := errors.Join(s.file.Close(), os.Rename(name, s.path))
	if err == nil {
		s.index, s.end = index, end
		err = atomicfile.SyncDir(filepath.Dir(s.path))
	} else {
		err = errors.Join(err, os.Remove(name))
	}
	file, opening := os.OpenFile(s.path, os.O_RDWR, 0o600)
	if opening == nil {
		s.file = file
	}
	if err = errors.Join(err, opening); err != nil {
		return fmt.Errorf("put baseline in place: %w", err)
	}
	return nil
}

// copyTo writes all that counts to another file.
func (s *Store) copyTo(file *os.File) (map[key]spot, int64, error) {
	out := &appender{file: file, buffered: bufio.NewWriterSize(file, 1<<18)}
	_, err := out.buffered.WriteString(magic)
	out.end = int64(len(magic))
	index := make(map[key]spot, len(s.index))
	for k, at := range s.index {
		var frame []byte
		if frame, err = s.frameAt(at); err != nil {
			return nil, 0, err
		}
		if index[k], err = out.write(frame[frameHead:]); err != nil {
			return nil, 0, err
		}
	}
	if s.selection != nil {
		err = errors.Join(err, out.selection(*s.selection))
	}
	_, commit := out.write([]byte{frameCommit})
	return index, out.end, errors.Join(err, commit, out.buffered.Flush())
}

// appender writes frames to the end of a file.
type appender struct {
	file     *os.File
	buffered *bufio.Writer
	end      int64
}

func (a *appender) write(payload []byte) (spot, error) {
	if len(payload) > maxFrame {
		return spot{}, fmt.Errorf("a frame of %d bytes, more than %d", len(payload), maxFrame)
	}
	var head [frameHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(payload, castagnoli))
	at := spot{offset: a.end, length: uint32(len(payload))}
	a.end += frameHead + int64(len(payload))
	_, err := a.buffered.Write(head[:])
	if err == nil {
		_, err = a.buffered.Write(payload)
	}
	return at, err
}

func (a *appender) selection(selection fim.Selection) error {
	data, err := json.Marshal(selection)
	if err == nil {
		_, err = a.write(append([]byte{frameSelection}, data...))
	}
	return err
}
