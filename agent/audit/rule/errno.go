package rule

import (
	"strconv"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
)

// maxErrno is the largest error number, MAX_ERRNO in linux/err.h.
const maxErrno = 4095

// errnoAliases are second names of numbers, asm-generic/errno.h.
var errnoAliases = map[string]string{"EWOULDBLOCK": "EAGAIN", "EDEADLOCK": "EDEADLK", "ENOTSUP": "EOPNOTSUPP"}

// errnoName returns the name of an error number, and whether it has one.
func errnoName(n int64) (string, bool) {
	if n < 1 || n > maxErrno {
		return "", false
	}
	name := decode.Errno(n)
	return name, name != strconv.FormatInt(n, 10)
}

func errnoNumber(name string) (uint32, bool) {
	if alias, ok := errnoAliases[name]; ok {
		name = alias
	}
	for n := range int64(maxErrno) {
		if known, ok := errnoName(n); ok && known == name {
			return uint32(n), true
		}
	}
	return 0, false
}
