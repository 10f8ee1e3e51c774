package authlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// positionFile lies in the agent's state directory.
const positionFile = "authlog-position.json"

// position is how far the log was read, across restarts.
type position struct {
	File    *filePosition    `json:"file,omitempty"`
	Journal *journalPosition `json:"journal,omitempty"`
}

// filePosition names a file by inode, because rotation renames it, and by the
// last bytes read, because inode numbers return.
type filePosition struct {
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Offset int64  `json:"offset"` // behind the last whole line
	Before []byte `json:"before"` // the bytes in front of Offset
}

// journalPosition is valid for all files with the same sequence.
type journalPosition struct {
	SeqnumID [16]byte `json:"seqnum_id"`
	Seqnum   uint64   `json:"seqnum"`
}

// loadPosition returns the zero position when there is none.
func loadPosition(dir string) (position, error) {
	data, err := os.ReadFile(filepath.Join(dir, positionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return position{}, nil
	}
	if err != nil {
		return position{}, fmt.Errorf("read the position in the log: %w", err)
	}
	var p position
	if err := json.Unmarshal(data, &p); err != nil {
		return position{}, fmt.Errorf("read the position in the log from %s: %w", positionFile, err)
	}
	return p, nil
}

// save replaces the stored position in one step.
func (p position) save(dir string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("save the position in the log: %w", err)
	}
	tmp := filepath.Join(dir, positionFile+".new")
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("save the position in the log: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, positionFile)); err != nil {
		return fmt.Errorf("save the position in the log: %w", err)
	}
	return nil
}
