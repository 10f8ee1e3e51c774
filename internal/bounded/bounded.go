// Package bounded reads what must be small into memory: files and streams that
// somebody else may have made larger.
package bounded

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrLarge says that there was more than the limit.
var ErrLarge = errors.New("larger than allowed")

// ReadAll reads r to its end. With more than limit bytes, of which it reads one,
// the error wraps [ErrLarge].
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrLarge, limit)
	}
	return data, nil
}

// ReadFile is [ReadAll] of a file. Errors name it.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := ReadAll(file, limit)
	if errors.Is(err, ErrLarge) {
		return nil, fmt.Errorf("%s is %w", path, err)
	}
	return data, err
}
