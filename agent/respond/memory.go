package respond

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/wire"
)

const (
	remembered  = 256     // orders
	maxMemory   = 1 << 20 // bytes of the file
	maxKept     = 1 << 10 // bytes kept of a detail
	memoryFile  = "orders.json"
	memoryWords = "the orders that were carried out"
)

// memory is the last orders and how they ended, oldest first, on disk.
type memory struct {
	path string

	mu      sync.Mutex // guards answers and the file
	answers []wire.Result
}

func openMemory(dir string) (*memory, error) {
	m := &memory{path: filepath.Join(dir, memoryFile)}
	file, err := os.Open(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", memoryWords, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxMemory+1))
	if err == nil && len(data) > maxMemory {
		err = errors.New("too large")
	}
	if err == nil {
		err = json.Unmarshal(data, &m.answers)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s from %s: %w; remove the file to begin anew", memoryWords, m.path, err)
	}
	m.shorten()
	return m, nil
}

func (m *memory) shorten() {
	if n := len(m.answers) - remembered; n > 0 {
		m.answers = slices.Delete(m.answers, 0, n)
	}
}

func (m *memory) find(id string) int {
	return slices.IndexFunc(m.answers, func(r wire.Result) bool { return r.Order == id })
}

// answer returns how an order ended.
func (m *memory) answer(id string) (wire.Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.find(id); i >= 0 {
		return m.answers[i], true
	}
	return wire.Result{}, false
}

// remember keeps how an order ended, in place of what was known of it. It
// returns when that is on disk; on an error the memory is as before.
func (m *memory) remember(r wire.Result) error {
	if len(r.Detail) > maxKept {
		r.Detail = r.Detail[:maxKept]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.answers
	m.answers = slices.Clone(before)
	if i := m.find(r.Order); i >= 0 {
		m.answers[i] = r
	} else {
		m.answers = append(m.answers, r)
		m.shorten()
	}
	data, err := json.Marshal(m.answers)
	if err == nil {
		err = atomicfile.Write(m.path, data)
	}
	if err != nil {
		m.answers = before
	}
	return err
}
