package fim

import (
	"path"
	"strings"
)

// Paths have slashes on every system, and begin with one or, on Windows, with
// the letter of a drive: "C:/Windows".

// top returns the length of the root of the file system that a path begins
// with, 0 when it is not absolute.
func top(p string) int {
	switch {
	case strings.HasPrefix(p, "/"):
		return 1
	case len(p) >= 3 && p[1] == ':' && p[2] == '/' && (p[0]|0x20) >= 'a' && (p[0]|0x20) <= 'z':
		return 3
	}
	return 0
}

// Absolute reports whether a path is absolute and as short as it can be.
func Absolute(p string) bool {
	n := top(p)
	return n > 0 && path.Clean("/"+p[n:]) == "/"+p[n:]
}

// Join returns the path of a name in a directory.
func Join(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

// Parent returns the directory that a clean absolute path lies in, "" when that
// is a root of the file system or no such path.
func Parent(p string) string {
	n := top(p)
	if n == 0 || len(p) == n {
		return ""
	}
	return p[:max(strings.LastIndexByte(p, '/'), n)]
}

// Holds reports whether a path is dir or lies below it. Both are clean.
func Holds(dir, p string) bool {
	return p == dir || strings.HasPrefix(p, dir) && (strings.HasSuffix(dir, "/") || p[len(dir)] == '/')
}
