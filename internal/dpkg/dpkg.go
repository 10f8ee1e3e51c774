// Package dpkg tells which distribution package a file belongs to, from the
// databases of dpkg (Debian, Ubuntu) and apk (Alpine). Other package managers
// keep theirs in a database of their own; there the answer is unknown.
//
// The index holds no paths but keyed hashes, sixteen bytes per file with the
// package: 2 MB for 125,000 files. Diversions are followed
// (dpkg-divert(1)), and the aliases of merged-/usr systems, where /bin is a
// link to /usr/bin, count as one path.
package dpkg

import (
	"bufio"
	"cmp"
	"hash/maphash"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Files is where the databases are read: a host's file system.
type Files interface {
	Open(name string) (*os.File, error)
	Stat(name string) (os.FileInfo, error)
	ReadDir(name string) ([]os.DirEntry, error)
	Readlink(name string) (string, error)
}

// Places of the databases.
const (
	infoDir    = "/var/lib/dpkg/info"
	statusFile = "/var/lib/dpkg/status"
	diversions = "/var/lib/dpkg/diversions"
	apkFile    = "/lib/apk/db/installed"
)

// Bounds.
const (
	maxPackages = 1<<16 - 1
	maxFiles    = 8 << 20
)

// Index answers which package owns a path. It does not change and is safe for
// concurrent use. The nil Index owns nothing and knows nothing.
type Index struct {
	seed     maphash.Seed
	aliases  []string // "bin/" where /bin is a link to /usr/bin
	entries  []entry  // by hash
	packages []string
	from     Stamp
}

type entry struct {
	hash uint64
	pkg  uint16
}

// Stamp tells versions of the databases apart.
type Stamp struct {
	dpkg, apk time.Time
	size      int64
}

// Now returns the stamp of the databases as they are.
func Now(files Files) Stamp {
	var s Stamp
	if info, err := files.Stat(statusFile); err == nil {
		s.dpkg, s.size = info.ModTime(), info.Size()
	}
	if info, err := files.Stat(apkFile); err == nil {
		s.apk, s.size = info.ModTime(), s.size+info.Size()
	}
	return s
}

// Read builds the index of a host. It returns nil without an error where
// neither dpkg nor apk is in use.
func Read(files Files) (*Index, error) {
	x := &Index{seed: maphash.MakeSeed(), from: Now(files), aliases: aliases(files)}
	if x.from == (Stamp{}) {
		return nil, nil
	}
	if err := x.readDpkg(files); err != nil {
		return nil, err
	}
	if err := x.readApk(files); err != nil {
		return nil, err
	}
	slices.SortFunc(x.entries, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
	x.entries = slices.Clip(x.entries)
	return x, nil
}

// Stamp returns what the index was built from.
func (x *Index) Stamp() Stamp {
	if x == nil {
		return Stamp{}
	}
	return x.from
}

// Len returns how many paths the index knows.
func (x *Index) Len() int {
	if x == nil {
		return 0
	}
	return len(x.entries)
}

// Owner returns the package that owns an absolute path. known is false where
// the host has no database that could tell.
func (x *Index) Owner(name string) (pkg string, known bool) {
	if x == nil {
		return "", false
	}
	hash := x.hash(name)
	i, found := slices.BinarySearchFunc(x.entries, hash, func(e entry, h uint64) int { return cmp.Compare(e.hash, h) })
	if !found {
		return "", true
	}
	return x.packages[x.entries[i].pkg], true
}

// hash returns the key of a path, without /usr where that is an alias. The
// seed is secret, so that nobody can make a path that collides.
func (x *Index) hash(name string) uint64 {
	if rest, ok := strings.CutPrefix(name, "/usr/"); ok {
		for _, alias := range x.aliases {
			if strings.HasPrefix(rest, alias) {
				return maphash.String(x.seed, name[len("/usr"):])
			}
		}
	}
	return maphash.String(x.seed, name)
}

// aliases returns the directories of / that are links to the ones in /usr.
func aliases(files Files) []string {
	var merged []string
	for _, dir := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"} {
		target, err := files.Readlink("/" + dir)
		if err == nil && strings.TrimPrefix(target, "/") == "usr/"+dir {
			merged = append(merged, dir+"/")
		}
	}
	return merged
}

func (x *Index) add(name string, pkg int) {
	if len(x.entries) < maxFiles {
		x.entries = append(x.entries, entry{x.hash(name), uint16(pkg)})
	}
}

// addPackage returns the number of a package, or -1 when there are too many.
func (x *Index) addPackage(name string) int {
	if len(x.packages) >= maxPackages {
		return -1
	}
	x.packages = append(x.packages, strings.Clone(name))
	return len(x.packages) - 1
}

func (x *Index) readDpkg(files Files) error {
	entries, err := files.ReadDir(infoDir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	diverted, err := readDiversions(files)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".list")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, ":") // libc6:amd64
		if err := x.readList(files, path.Join(infoDir, e.Name()), name, diverted); err != nil {
			return err
		}
	}
	return nil
}

// readList reads the paths of one package. A package that was removed while
// we read leaves no list.
func (x *Index) readList(files Files, file, pkg string, diverted map[string]diversion) error {
	f, err := files.Open(file)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	number := x.addPackage(pkg)
	if number < 0 {
		return nil
	}
	return eachLine(f, func(name string) {
		if d, ok := diverted[name]; ok && d.by != pkg {
			name = d.to
		}
		if name != "/." {
			x.add(name, number)
		}
	})
}

// diversion says that everybody's file but that of package by goes elsewhere.
type diversion struct{ to, by string }

// readDiversions reads triples of lines: the path, where it goes, and the
// package that diverts it, ":" for the administrator.
func readDiversions(files Files) (map[string]diversion, error) {
	f, err := files.Open(diversions)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	diverted := make(map[string]diversion)
	var triple []string
	err = eachLine(f, func(line string) {
		if triple = append(triple, strings.Clone(line)); len(triple) == 3 {
			diverted[triple[0]] = diversion{to: triple[1], by: triple[2]}
			triple = triple[:0]
		}
	})
	return diverted, err
}

// readApk reads records of lines P:package, F:directory, R:file, see apk-list
// and the source of apk-tools, database.c.
func (x *Index) readApk(files Files) error {
	f, err := files.Open(apkFile)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	number, dir := -1, "/"
	return eachLine(f, func(line string) {
		if len(line) < 2 || line[1] != ':' {
			return
		}
		switch value := line[2:]; line[0] {
		case 'P':
			number = x.addPackage(value)
		case 'F':
			dir = "/" + strings.Clone(value)
		case 'R':
			if number >= 0 {
				x.add(path.Join(dir, value), number)
			}
		}
	})
}

// eachLine calls do with each line, which is valid during the call only.
func eachLine(r io.Reader, do func(line string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4<<10), 1<<20)
	for lines.Scan() {
		if line := lines.Bytes(); len(line) > 0 {
			do(unsafe.String(&line[0], len(line)))
		}
	}
	return lines.Err()
}
