// Package accounts resolves the numbers of users and groups to names by
// reading /etc/passwd and /etc/group of the host, see passwd(5) and group(5).
//
// It does not ask name services: an agent must not wait for a directory server
// and must work without cgo. Accounts of a directory stay numbers. The files
// are read again when they change, which is looked at once a second at most.
package accounts

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"
	"time"
)

// Bounds of what is kept of a file that anybody with root may write.
const (
	maxFile  = 16 << 20
	maxNames = 1 << 17
	maxName  = 256
)

// recheck is how often the files are looked at.
const recheck = time.Second

// Files is where the account files are read: a host's file system.
type Files interface {
	Open(name string) (*os.File, error)
	Stat(name string) (os.FileInfo, error)
}

// Names resolves account numbers. It is for one goroutine.
type Names struct {
	users, groups table
}

// New returns the names of a host. Nothing is read before the first question.
func New(files Files) *Names {
	return &Names{users: table{files: files, name: "/etc/passwd"}, groups: table{files: files, name: "/etc/group"}}
}

// User returns the name of a user, or "" when there is none.
func (n *Names) User(uid uint32) string { return n.users.get(uid, time.Now()) }

// Group returns the name of a group, or "" when there is none.
func (n *Names) Group(gid uint32) string { return n.groups.get(gid, time.Now()) }

// table is one of the two files.
type table struct {
	files   Files
	name    string
	names   map[uint32]string
	checked time.Time
	mtime   time.Time
	size    int64
}

func (t *table) get(id uint32, now time.Time) string {
	if now.Sub(t.checked) >= recheck || now.Before(t.checked) {
		t.checked = now
		t.refresh()
	}
	return t.names[id]
}

func (t *table) refresh() {
	info, err := t.files.Stat(t.name)
	if err != nil || t.names != nil && info.ModTime().Equal(t.mtime) && info.Size() == t.size {
		return
	}
	f, err := t.files.Open(t.name)
	if err != nil {
		return
	}
	defer f.Close()
	t.names, t.mtime, t.size = parse(io.LimitReader(f, maxFile)), info.ModTime(), info.Size()
}

// parse reads lines of name:x:number:… The first line of a number wins, as in
// getpwuid(3). Lines of another form are passed over.
func parse(r io.Reader) map[uint32]string {
	names := make(map[uint32]string)
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(names) < maxNames {
		part := bytes.SplitN(lines.Bytes(), []byte(":"), 4)
		if len(part) < 3 || len(part[0]) == 0 || len(part[0]) > maxName || part[0][0] == '#' {
			continue
		}
		id, err := strconv.ParseUint(string(part[2]), 10, 32)
		if err != nil {
			continue
		}
		if _, taken := names[uint32(id)]; !taken {
			names[uint32(id)] = string(part[0])
		}
	}
	return names
}
