package executable

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/dpkg"
)

// Bounds of the file cache.
const (
	maxFiles     = 2048      // in each of two generations
	maxInline    = 8 << 20   // bytes hashed at once; larger files wait for the worker
	maxHashed    = 512 << 20 // bytes of a file hashed at all
	hashQueue    = 64
	indexRecheck = 10 * time.Second
)

// content names a state of a file: any write moves the change time, which
// unlike the modification time cannot be set.
type content struct {
	dev, inode uint64
	changed    int64
	size       int64
	path       string
}

// Cache knows what executables are. One goroutine asks; a worker of its own
// hashes large files and reads the package database.
type Cache struct {
	fs      hostfs.FS
	jobs    chan job
	skipped atomic.Uint64
	index   atomic.Pointer[dpkg.Index]
	done    sync.WaitGroup

	mu         sync.Mutex // guards young and old
	young, old map[content]*event.File

	buf     []byte
	checked time.Time
}

// job asks the worker for the hash of a file, or with a nil file for a new
// package index.
type job struct {
	key  content
	file *os.File
	info event.File
}

// New returns an empty cache of a host's files and starts its worker; Close
// ends it. The package database is read at once.
func New(fs hostfs.FS) *Cache {
	c := &Cache{fs: fs, jobs: make(chan job, hashQueue), young: make(map[content]*event.File), buf: make([]byte, 128<<10)}
	c.readIndex()
	c.done.Add(1)
	go c.work()
	return c
}

// Close ends the worker.
func (c *Cache) Close() {
	close(c.jobs)
	c.done.Wait()
}

// Unhashed returns how many large files were not hashed because the queue was
// full or the file too large.
func (c *Cache) Unhashed() uint64 { return c.skipped.Load() }

// work is the worker: it ends when jobs is closed, by Close.
func (c *Cache) work() {
	defer c.done.Done()
	buf := make([]byte, 128<<10)
	for j := range c.jobs {
		if j.file == nil {
			c.readIndex()
			continue
		}
		j.info.SHA256 = digest(j.file, j.key, buf)
		j.file.Close()
		if j.info.SHA256 != "" {
			c.store(j.key, &j.info)
		}
	}
}

func (c *Cache) readIndex() {
	stamp := dpkg.Now(c.fs)
	if old := c.index.Load(); old != nil && old.Stamp() == stamp {
		return
	}
	if x, err := dpkg.Read(c.fs); err == nil && x != nil {
		c.index.Store(x)
		c.mu.Lock()
		defer c.mu.Unlock()
		clear(c.young)
		clear(c.old)
	}
}

// Identify completes a file. What it returns may be shared and must not be
// changed. The path is looked up on the host unless the
// process lives in a container; exe is the process's /proc/PID/exe, "" when it
// has ended. A file that is not the one executed is not taken for it.
func (c *Cache) Identify(file *event.File, exe string, contained bool) *event.File {
	c.recheck()
	var st unix.Stat_t
	place, ok := "", false
	if !contained && file.Kind != event.FileMemory {
		place = c.fs.Path(file.Path)
		ok = stat(place, &st) && same(file, &st)
	}
	if !ok && exe != "" {
		place = exe
		ok = stat(place, &st) && same(file, &st)
	}
	path, kind := file.Path, file.Kind
	if kind == event.FilePlain {
		path, kind = kindOf(path, ok && st.Nlink > 0)
	}
	if !ok {
		if kind == file.Kind {
			return file
		}
		return &event.File{Path: path, Kind: kind, Inode: file.Inode, Device: file.Device}
	}
	key := content{dev: st.Dev, inode: st.Ino, changed: st.Ctim.Nano(), size: st.Size, path: path}
	if known := c.load(key); known != nil && known.Kind == kind {
		return known
	}
	return c.examine(key, place, kind, &st, contained)
}

func stat(path string, st *unix.Stat_t) bool {
	return unix.Stat(path, st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// same reports whether a file found under a path is the one that the sensor
// named by inode, where it did.
func same(file *event.File, st *unix.Stat_t) bool {
	return file.Inode == 0 || file.Inode == st.Ino
}

// kindOf tells what a path stands for when its source gave only text. A file
// whose real name ends in " (deleted)" exists under it.
func kindOf(path string, linked bool) (string, event.FileKind) {
	if strings.HasPrefix(path, "/memfd:") {
		return strings.TrimSuffix(path, " (deleted)"), event.FileMemory
	}
	if plain, deleted := strings.CutSuffix(path, " (deleted)"); deleted && !linked {
		return plain, event.FileDeleted
	}
	return path, event.FilePlain
}

// examine makes the description of a file that the cache does not know.
func (c *Cache) examine(key content, place string, kind event.FileKind, st *unix.Stat_t, contained bool) *event.File {
	f := &event.File{
		Path: key.path, Kind: kind, Size: st.Size, Mode: st.Mode, UID: st.Uid, Inode: st.Ino, Device: st.Dev,
		Changed: time.Unix(st.Ctim.Unix()).UTC(),
	}
	if !contained && kind == event.FilePlain {
		if pkg, known := c.index.Load().Owner(key.path); known {
			f.Package, f.Owned = pkg, event.OwnedNo
			if pkg != "" {
				f.Owned = event.OwnedYes
			}
		}
	}
	c.hash(key, place, f)
	c.store(key, f)
	return f
}

// hash fills in the digest of a small file, and has the worker do it for a
// large one.
func (c *Cache) hash(key content, place string, f *event.File) {
	if f.Size > maxHashed {
		c.skipped.Add(1)
		return
	}
	file, err := os.OpenFile(place, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return
	}
	var now unix.Stat_t
	if unix.Fstat(int(file.Fd()), &now) != nil || now.Ino != f.Inode || now.Dev != f.Device {
		file.Close()
		return
	}
	if f.Size <= maxInline {
		f.SHA256 = digest(file, key, c.buf)
		file.Close()
		return
	}
	select {
	case c.jobs <- job{key: key, file: file, info: *f}:
	default:
		c.skipped.Add(1)
		file.Close()
	}
}

// digest returns the SHA-256 of what a file holds, in lower-case hex, or ""
// when the file was written meanwhile.
func digest(file *os.File, key content, buf []byte) string {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{io.LimitReader(file, maxHashed)}, buf); err != nil {
		return ""
	}
	var st unix.Stat_t
	if unix.Fstat(int(file.Fd()), &st) != nil || st.Ctim.Nano() != key.changed || st.Size != key.size {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// load finds a file and keeps it in the young generation.
func (c *Cache) load(key content) *event.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.young[key]; ok {
		return f
	}
	f, ok := c.old[key]
	if ok {
		c.put(key, f)
	}
	return f
}

func (c *Cache) store(key content, f *event.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, f)
}

// put adds to the young generation. When that is full it becomes the old one,
// and what was not asked for since is forgotten. Callers hold mu.
func (c *Cache) put(key content, f *event.File) {
	if len(c.young) >= maxFiles {
		c.old, c.young = c.young, make(map[content]*event.File)
	}
	c.young[key] = f
}

// recheck has the package database read again when it may have changed.
func (c *Cache) recheck() {
	now := time.Now()
	if now.Sub(c.checked) < indexRecheck {
		return
	}
	c.checked = now
	select {
	case c.jobs <- job{}:
	default:
	}
}
