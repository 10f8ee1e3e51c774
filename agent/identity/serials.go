package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"

	"github.com/holdfast-security/holdfast/wire"
)

const (
	serialsFile = "serials.json"
	policyFile  = "policy.json"
	maxSerials  = 4 << 10
	maxPolicy   = 2 * wire.MaxMessage // bytes of the file: base64 makes it longer
)

// Serials remembers the newest serial number of each kind of signed message
// that the agent has taken, so that an old one replayed is refused also after a
// restart. It is safe for concurrent use; see [OpenSerials].
type Serials struct {
	path string

	mu   sync.Mutex // guards last and the file
	last map[wire.Kind]uint64
}

type serialsDocument struct {
	Version int                  `json:"version"`
	Last    map[wire.Kind]uint64 `json:"last"`
}

// OpenSerials reads the serial numbers of the identity in stateDir. One that
// has none is damaged: without them everything old could be replayed.
func OpenSerials(stateDir string) (*Serials, error) {
	s := &Serials{path: filepath.Join(stateDir, directory, serialsFile), last: make(map[wire.Kind]uint64)}
	var d serialsDocument
	if err := readJSON(s.path, maxSerials, &d); err != nil {
		return nil, err
	}
	if d.Version != version {
		return nil, fmt.Errorf("%s: version %d is not known to this agent", s.path, d.Version)
	}
	maps.Copy(s.last, d.Last)
	return s, nil
}

// Last returns the newest serial number taken of a kind, zero for none.
func (s *Serials) Last(kind wire.Kind) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[kind]
}

// Take remembers a serial number before what it stands for is obeyed. It
// returns when that is on disk, and an error wrapping [wire.ErrReplayed] when
// it is not newer than the last.
func (s *Serials) Take(kind wire.Kind, serial uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if serial <= s.last[kind] {
		return fmt.Errorf("%s %d after %d: %w", kind, serial, s.last[kind], wire.ErrReplayed)
	}
	next := maps.Clone(s.last)
	next[kind] = serial
	if err := writeJSON(s.path, serialsDocument{Version: version, Last: next}); err != nil {
		return err
	}
	s.last = next
	return nil
}

// SavePolicy keeps the policy message in force, for starts without a server.
func SavePolicy(stateDir string, signed wire.Signed) error {
	return writeJSON(filepath.Join(stateDir, directory, policyFile), signed)
}

// LoadPolicy returns the policy message kept last; found is false when there
// is none. It is for the caller to verify.
func LoadPolicy(stateDir string) (signed wire.Signed, found bool, err error) {
	err = readJSON(filepath.Join(stateDir, directory, policyFile), maxPolicy, &signed)
	if errors.Is(err, fs.ErrNotExist) {
		return wire.Signed{}, false, nil
	}
	return signed, err == nil, err
}
