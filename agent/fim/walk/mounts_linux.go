package walk

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/fim"
)

// mounts knows the type and identity of file systems. It is safe for
// concurrent use.
type mounts struct {
	mu       sync.Mutex        // guards all
	byNumber map[uint64]string // type by number of the mount
	byDevice map[uint64]string // the same by device, for kernels before 5.8
	volumes  map[uint64]uint64 // identity by device
}

func newMounts() *mounts {
	m := &mounts{volumes: make(map[uint64]uint64)}
	m.load()
	return m
}

func (m *mounts) load() {
	data, _ := os.ReadFile("/proc/self/mountinfo") // without it no type is known, and nothing of unknown type is entered
	m.byNumber, m.byDevice = parseMounts(data)
}

// parseMounts reads /proc/self/mountinfo, proc(5).
func parseMounts(data []byte) (byNumber, byDevice map[uint64]string) {
	byNumber, byDevice = make(map[uint64]string), make(map[uint64]string)
	for line := range bytes.Lines(data) {
		front, back, ok := strings.Cut(string(line), " - ")
		f, b := strings.Fields(front), strings.Fields(back)
		if !ok || len(f) < 3 || len(b) < 1 {
			continue
		}
		if n, err := strconv.ParseUint(f[0], 10, 64); err == nil {
			byNumber[n] = b[0]
		}
		major, minor, _ := strings.Cut(f[2], ":")
		a, err1 := strconv.ParseUint(major, 10, 32)
		i, err2 := strconv.ParseUint(minor, 10, 32)
		if err1 == nil && err2 == nil {
			byDevice[a<<32|i] = b[0]
		}
	}
	return byNumber, byDevice
}

// enters returns the type of the file system that s is on, and whether the
// selection names it.
func (m *mounts) enters(selector *fim.Selector, s fim.Stat) (kind string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind, known := m.kind(s)
	if !known { // mounted since
		m.load()
		if kind, known = m.kind(s); !known {
			kind = "unknown"
			m.remember(s, kind)
		}
	}
	return kind, selector.Enters(kind)
}

func (m *mounts) kind(s fim.Stat) (kind string, known bool) {
	if s.Mount != 0 {
		kind, known = m.byNumber[s.Mount]
	} else {
		kind, known = m.byDevice[s.Device]
	}
	return kind, known
}

func (m *mounts) remember(s fim.Stat, kind string) {
	if s.Mount != 0 {
		m.byNumber[s.Mount] = kind
	} else {
		m.byDevice[s.Device] = kind
	}
}

// identify sets the volume of s, which p leads to.
func (m *mounts) identify(p *place, s *fim.Stat) {
	if p.fd == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	volume, known := m.volumes[s.Device]
	if !known && p.base == "." {
		var f unix.Statfs_t
		if unix.Fstatfs(p.fd, &f) == nil {
			volume = uint64(uint32(f.Fsid.Val[0])) | uint64(uint32(f.Fsid.Val[1]))<<32
		}
		m.volumes[s.Device] = volume
	}
	s.Volume = volume
}
