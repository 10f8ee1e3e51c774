// Package rulefiles collects detection rules for a command: the embedded ones
// and those in files and directories that the user names.
//
// One broken rule never takes the others down: it is left out and said with
// its place, and the caller decides whether that is a failure.
package rulefiles

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/sigma/pipeline"
	"github.com/holdfast-security/holdfast/rules"
)

// EmbeddedPrefix stands before the paths of embedded rules.
const EmbeddedPrefix = "rules/"

// maxRules bounds a set, which takes some kilobytes for each rule.
const maxRules = 250_000

// Refusal is a rule, or a whole file, that cannot be used. Its JSON form is
// API.
type Refusal struct {
	Path   string `json:"path"`
	Line   int    `json:"line"` // from 1; 0 when the whole file is meant
	Reason string `json:"reason"`
}

// String returns path:line: reason.
func (r Refusal) String() string {
	return (&sigma.Error{Path: r.Path, Line: r.Line, Reason: r.Reason}).Error()
}

// Set is a collection of rules. The zero value is empty.
type Set struct {
	Rules   []*sigma.Rule
	Refused []Refusal
	Files   int // read

	// Keep, where it is not nil, is given each file that [Set.Add] reads, as it
	// is used: for who hands the rules on.
	Keep func(path string, data []byte)

	pipelines map[string][]*pipeline.Pipeline // by directory
}

// Embedded returns Holdfast's own rules.
func Embedded() *Set {
	s := &Set{}
	for _, f := range rules.Files() {
		s.parse(EmbeddedPrefix+f.Path, f.Data)
	}
	return s
}

// Add reads the rules in path: a file, or all files ending in .yml or .yaml
// below a directory. A file pipeline.yml, or one that ends in .pipeline.yml,
// holds no rule but a pipeline, through which the rules in its directory and
// below it are read. Hidden folders and those named regression_data, where
// SigmaHQ keeps samples, are passed over. Files that cannot be read or parsed are refused, and the
// others go on. The error is for a path that is not there at all.
func (s *Set) Add(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read rules: %w", err)
	}
	if !info.IsDir() {
		s.addFile(path)
		return nil
	}
	found := s.Files
	var names []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			s.refuse(name, err)
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
		case entry.IsDir() && name != path && holdsNoRules(entry.Name()):
			return fs.SkipDir
		case !entry.IsDir() && isRuleFile(name):
			names = append(names, name)
		}
		return nil
	})
	for _, name := range pipelinesFirst(names) {
		s.addFile(name)
	}
	if err == nil && s.Files == found {
		return fmt.Errorf("read rules: no file below %s ends in .yml or .yaml", path)
	}
	return err
}

// holdsNoRules tells the folders beside rules whose files are none: hidden ones,
// and that of the samples of SigmaHQ's rules.
func holdsNoRules(name string) bool {
	return strings.HasPrefix(name, ".") || name == "regression_data"
}

func isRuleFile(name string) bool {
	return slices.Contains([]string{".yml", ".yaml"}, strings.ToLower(filepath.Ext(name)))
}

// IsPipeline reports whether a file holds a pipeline instead of rules, by its name.
func IsPipeline(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	base = strings.TrimSuffix(base, filepath.Ext(base))
	return base == "pipeline" || strings.HasSuffix(base, ".pipeline")
}

// pipelinesFirst returns the names in the order in which they are to be read.
func pipelinesFirst(names []string) []string {
	ordered := slices.Clone(names)
	slices.SortStableFunc(ordered, func(a, b string) int {
		switch {
		case IsPipeline(a) == IsPipeline(b):
			return 0
		case IsPipeline(a):
			return -1
		}
		return 1
	})
	return ordered
}

func (s *Set) addFile(path string) {
	file, err := os.Open(path)
	if err != nil {
		s.Files++
		s.refuse(path, err)
		return
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, sigma.MaxFileBytes+1)) // the parser refuses what is larger
	if err != nil {
		s.Files++
		s.refuse(path, err)
		return
	}
	if s.Keep != nil {
		s.Keep(path, data)
	}
	s.parse(path, data)
}

// AddFiles adds the rules in files that were read already, by their paths;
// prefix stands before the paths in what rules and refusals say.
func (s *Set) AddFiles(prefix string, files map[string][]byte) {
	for _, path := range pipelinesFirst(slices.Sorted(maps.Keys(files))) {
		s.parse(prefix+path, files[path])
	}
}

func (s *Set) parse(path string, data []byte) {
	s.Files++
	dir := filepath.Dir(path)
	if IsPipeline(path) {
		p, err := pipeline.Parse(path, data)
		if err != nil {
			s.refuse(path, err)
			return
		}
		if s.pipelines == nil {
			s.pipelines = make(map[string][]*pipeline.Pipeline)
		}
		s.pipelines[dir] = append(s.pipelines[dir], p)
		return
	}
	if len(s.Rules) >= maxRules {
		s.Refused = append(s.Refused, Refusal{Path: path, Reason: fmt.Sprintf("there are %d rules already: use fewer", len(s.Rules))})
		return
	}
	parsed, err := sigma.Parse(path, data, s.through(dir)...)
	s.Rules = append(s.Rules, parsed...)
	s.refuse(path, err)
}

// through returns the pipelines for the rules in a directory: its own after
// those of the directories above it.
func (s *Set) through(dir string) []*pipeline.Pipeline {
	if len(s.pipelines) == 0 {
		return nil
	}
	own := s.pipelines[dir]
	if up := filepath.Dir(dir); up != dir {
		return slices.Concat(s.through(up), own)
	}
	return own
}

// Compile indexes the rules; those that cannot be evaluated join the refused.
func (s *Set) Compile() *detect.Ruleset {
	set, errs := detect.Compile(s.Rules)
	for _, err := range errs {
		s.refuse("", err)
	}
	return set
}

// refuse notes every error that is joined in err.
func (s *Set) refuse(path string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			s.refuse(path, e)
		}
		return
	}
	var place *sigma.Error
	if errors.As(err, &place) {
		s.Refused = append(s.Refused, Refusal{Path: place.Path, Line: place.Line, Reason: place.Reason})
		return
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	s.Refused = append(s.Refused, Refusal{Path: path, Reason: err.Error()})
}

// Find returns the rules that name means: an id, the beginning of one, a title,
// an alert type, a file name or path. Case does not matter.
func (s *Set) Find(name string) []*sigma.Rule {
	if name == "" {
		return nil
	}
	for _, fits := range []func(r *sigma.Rule) bool{
		func(r *sigma.Rule) bool { return strings.EqualFold(r.ID, name) || strings.EqualFold(r.Name, name) },
		func(r *sigma.Rule) bool { return strings.EqualFold(string(r.Holdfast.AlertType), name) },
		func(r *sigma.Rule) bool { return strings.EqualFold(r.Title, name) },
		func(r *sigma.Rule) bool { return r.Path == name || fileName(r.Path) == strings.ToLower(name) },
		func(r *sigma.Rule) bool {
			return len(name) >= 4 && strings.HasPrefix(strings.ToLower(r.ID), strings.ToLower(name))
		},
	} {
		if found := filter(s.Rules, fits); len(found) > 0 {
			return found
		}
	}
	return nil
}

func fileName(path string) string {
	name := filepath.Base(path)
	return strings.ToLower(strings.TrimSuffix(name, filepath.Ext(name)))
}

func filter(list []*sigma.Rule, fits func(*sigma.Rule) bool) []*sigma.Rule {
	var found []*sigma.Rule
	for _, r := range list {
		if fits(r) {
			found = append(found, r)
		}
	}
	return found
}
