package datadir

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// errorSharingViolation is ERROR_SHARING_VIOLATION of winerror.h.
const errorSharingViolation syscall.Errno = 32

// lockFile opens the file at path, making it where it is missing, and keeps
// everybody else from opening it until it is closed. The error is ErrLocked
// when somebody else does.
func lockFile(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errorSharingViolation) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// keepPrivate does nothing: what others may do is inherited from the folder
// above, as its owner set it.
func keepPrivate(string, fs.FileInfo) error { return nil }
