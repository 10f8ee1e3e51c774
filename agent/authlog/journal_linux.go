package authlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/agent/authlog/journal"
	"github.com/holdfast-security/holdfast/agent/authlog/syslogline"
	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// maxJournals bounds the journal files that are open at a time: one of the
// system and one for each user that logs.
const maxJournals = 256

// journalTail follows the journal files of this machine in one directory. It
// belongs to one goroutine.
type journalTail struct {
	fs    hostfs.FS
	log   *slog.Logger
	dir   string
	open  map[string]*journalFile // by name
	at    *journalPosition        // of the newest entry read; nil before the first
	stats journalStats
}

type journalStats struct {
	forged     uint64 // entries in the name of a program that did not send them
	compressed uint64
	damaged    uint64
}

type journalFile struct {
	file   *os.File
	reader *journal.Reader
	broken bool // damaged: not read any more
}

// findJournal returns the directory of this machine's journal, "" when there
// is none.
func findJournal(fs hostfs.FS) string {
	id, err := fs.ReadFile("/etc/machine-id", 64)
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(id))
	if len(name) != 32 || strings.ContainsAny(name, "/.") {
		return ""
	}
	for _, root := range [...]string{"/var/log/journal", "/run/log/journal"} {
		dir := path.Join(root, name)
		if _, err := fs.Stat(path.Join(dir, "system.journal")); err == nil {
			return dir
		}
	}
	return ""
}

func newJournalTail(fs hostfs.FS, log *slog.Logger, dir string) *journalTail {
	return &journalTail{fs: fs, log: log, dir: dir, open: make(map[string]*journalFile)}
}

func (t *journalTail) close() {
	for _, f := range t.open {
		f.file.Close()
	}
}

// start places the tail behind the stored position, reading first what files
// that were rotated away since hold behind it, or at the end when there is
// none.
func (t *journalTail) start(at *journalPosition, entry func(*journal.Entry)) error {
	t.at = at
	if at != nil {
		t.catchUp(*at, entry)
	}
	names, err := t.names(false)
	if err != nil {
		return err
	}
	for _, name := range names {
		f := t.openFile(name)
		if f == nil {
			continue
		}
		head := f.reader.Header()
		if at != nil && head.SeqnumID == at.SeqnumID {
			err = f.reader.SeekAfter(at.Seqnum)
		} else {
			err = f.reader.SeekEnd()
			t.advance(head, head.TailSeqnum)
		}
		t.check(name, f, err)
	}
	return nil
}

// catchUp reads the archived files that end behind the position.
func (t *journalTail) catchUp(at journalPosition, entry func(*journal.Entry)) {
	names, err := t.names(true)
	if err != nil {
		return
	}
	var behind []*journalFile
	for _, name := range names {
		f := t.openFile(name)
		if f == nil {
			continue
		}
		delete(t.open, name)
		head := f.reader.Header()
		if head.SeqnumID != at.SeqnumID || head.TailSeqnum <= at.Seqnum {
			f.file.Close()
			continue
		}
		behind = append(behind, f)
	}
	slices.SortFunc(behind, func(a, b *journalFile) int {
		return int(min(max(int64(a.reader.Header().HeadSeqnum-b.reader.Header().HeadSeqnum), -1), 1))
	})
	for _, f := range behind {
		if err := f.reader.SeekAfter(at.Seqnum); err == nil {
			_ = t.drain(f, entry)
		}
		f.file.Close()
	}
}

// poll hands over the entries that were added and follows rotation.
func (t *journalTail) poll(entry func(*journal.Entry)) error {
	for name, f := range t.open {
		if !f.broken {
			t.check(name, f, t.drain(f, entry))
		}
		if t.replaced(name, f) {
			if !f.broken {
				_ = t.drain(f, entry) // what came before the rename
			}
			f.file.Close()
			delete(t.open, name)
		}
	}
	names, err := t.names(false)
	if err != nil {
		return err
	}
	for _, name := range names {
		if t.open[name] != nil {
			continue
		}
		if f := t.openFile(name); f != nil {
			t.check(name, f, t.drain(f, entry))
		}
	}
	return nil
}

// replaced reports whether the name stands for another file, or none.
func (t *journalTail) replaced(name string, f *journalFile) bool {
	info, err := t.fs.Stat(path.Join(t.dir, name))
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	mine, err := f.file.Stat()
	return err == nil && !os.SameFile(info, mine)
}

// names lists the journal files that are written, or those that were rotated
// away, whose names carry an "@".
func (t *journalTail) names(archived bool) ([]string, error) {
	list, err := t.fs.ReadDir(t.dir)
	if err != nil {
		return nil, fmt.Errorf("list journal files: %w", err)
	}
	var names []string
	for _, item := range list {
		name := item.Name()
		ours := name == "system.journal" || strings.HasPrefix(name, "user-") || strings.HasPrefix(name, "system@")
		if ours && strings.HasSuffix(name, ".journal") && strings.Contains(name, "@") == archived &&
			item.Type().IsRegular() && len(names) < maxJournals {
			names = append(names, name)
		}
	}
	return names, nil
}

// openFile opens a journal file; one that cannot be read is left, and tried
// again at the next poll, because a new file's header comes after the file.
func (t *journalTail) openFile(name string) *journalFile {
	file, err := t.fs.Open(path.Join(t.dir, name))
	if err != nil {
		return nil
	}
	reader, err := journal.NewReader(file)
	if err != nil {
		t.log.Debug("journal file", "name", name, "error", err)
		file.Close()
		return nil
	}
	f := &journalFile{file: file, reader: reader}
	t.open[name] = f
	return f
}

// drain reads a file to its end.
func (t *journalTail) drain(f *journalFile, entry func(*journal.Entry)) error {
	before := f.reader.Stats()
	defer func() {
		after := f.reader.Stats()
		t.stats.compressed += after.Compressed - before.Compressed
		t.stats.damaged += after.Damaged - before.Damaged
	}()
	var e journal.Entry
	for {
		err := f.reader.Next(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t.advance(f.reader.Header(), e.Seqnum)
		entry(&e)
	}
}

// advance moves the position forward.
func (t *journalTail) advance(head journal.Header, seqnum uint64) {
	if t.at == nil || t.at.SeqnumID != head.SeqnumID {
		t.at = &journalPosition{SeqnumID: head.SeqnumID}
	}
	t.at.Seqnum = max(t.at.Seqnum, seqnum)
}

// check gives up a file after an error.
func (t *journalTail) check(name string, f *journalFile, err error) {
	if err != nil {
		t.log.Warn("journal file is not read further", "name", name, "error", err)
		t.stats.damaged++
		f.broken = true
	}
}

// splitEntry makes a line of an entry, or reports that somebody else sent it
// in the name of a program. The kernel vouches for fields with an underscore:
// the sender was root, or it is the program that it says it is, installed
// where only root installs.
func splitEntry(e *journal.Entry) (l syslogline.Line, forged bool) {
	l = syslogline.Line{
		Time: e.Time, Host: []byte(e.Host), Program: []byte(e.Identifier), PID: e.PID, Message: []byte(e.Message),
	}
	if e.HasUID && e.UID == 0 {
		return l, false
	}
	if e.TrustedPID == 0 && !e.HasUID {
		return l, false // journald's or the kernel's own
	}
	dir, base := path.Split(e.Exe)
	switch dir {
	case "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/lib/openssh/", "/usr/libexec/openssh/":
		return l, base != e.Identifier
	}
	return l, true
}
