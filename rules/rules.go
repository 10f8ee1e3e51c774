// Package rules holds Holdfast's own detection rules as data: Sigma documents
// in YAML, foldered by platform and ATT&CK tactic, embedded into the binary.
//
// A rule file raises one type of alert and may hold several documents: rules
// for different log sources, and rules that only feed a correlation. Beside
// each lies a file of the same name ending in .txtar with recorded events, some
// of which must raise the alert (match-*.log) and some of which, the innocent
// look-alikes, must not (nomatch-*.log). Parsing and matching are left to
// packages detect and detect/sigma; the tests of this package replay the
// samples through them.
package rules

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed linux/*/*.yml
var embedded embed.FS

// File is one rule file.
type File struct {
	Path string // within this package, with slashes: "linux/discovery/host_reconnaissance.yml"
	Data []byte // the YAML text; the caller may keep and change it
}

// Name returns the path without its directories and ending, for example
// "host_reconnaissance".
func (f File) Name() string {
	return strings.TrimSuffix(f.Path[strings.LastIndexByte(f.Path, '/')+1:], ".yml")
}

// Platform returns the first element of the path, for example "linux".
func (f File) Platform() string {
	platform, _, _ := strings.Cut(f.Path, "/")
	return platform
}

// Files returns the rule files in the order of their paths.
func Files() []File {
	var files []File
	err := fs.WalkDir(embedded, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := embedded.ReadFile(path)
		files = append(files, File{Path: path, Data: data})
		return err
	})
	if err != nil {
		// The tree is part of the program; it cannot be unreadable at run time.
		panic(fmt.Sprintf("read embedded rules: %v", err))
	}
	return files
}
