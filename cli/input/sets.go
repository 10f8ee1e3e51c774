package input

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rotated is how logrotate(8) and auditd name older files of a log: name.N
// (higher is older) or name-YYYYMMDD, with an optional time, and compressed.
var rotated = regexp.MustCompile(`^(.+?)(?:\.([0-9]{1,5})|-([0-9]{8}(?:-?[0-9]{2,6})?))?(?:\.(?:gz|zst))?$`)

// member is a file of a rotated set.
type member struct {
	name  string
	age   int    // N of name.N; zero for the current file
	dated string // date of name-YYYYMMDD, which sorts as text
}

// Sets groups files that are rotations of one log, each set oldest first; the
// sets keep the order in which they first appear. Names given twice are kept
// once. "-" is a set of its own.
func Sets(names []string) [][]string {
	var order []string
	members := make(map[string][]member)
	for _, name := range names {
		base, m := parseName(name)
		if members[base] == nil {
			order = append(order, base)
		}
		if !slices.ContainsFunc(members[base], func(o member) bool { return o.name == name }) {
			members[base] = append(members[base], m)
		}
	}
	var sets [][]string
	for _, base := range order {
		set := members[base]
		slices.SortStableFunc(set, older)
		var files []string
		for _, m := range set {
			files = append(files, m.name)
		}
		sets = append(sets, files)
	}
	return sets
}

func parseName(name string) (base string, m member) {
	m = member{name: name}
	dir, file := filepath.Split(name)
	part := rotated.FindStringSubmatch(file)
	if part == nil {
		return name, m
	}
	m.age, _ = strconv.Atoi(part[2]) // at most five digits, or none
	m.dated = strings.ReplaceAll(part[3], "-", "")
	return dir + part[1], m
}

// older sorts numbered files by falling number, before them dated files by
// rising date, and the current file last.
func older(a, b member) int {
	if (a.dated == "") != (b.dated == "") {
		return cmp.Compare(b.dated, a.dated)
	}
	return cmp.Or(cmp.Compare(b.age, a.age), cmp.Compare(a.dated, b.dated))
}
