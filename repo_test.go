// Package holdfast_test holds the tests about the repository itself: who may
// import whom, what every package and exported name owes its reader, how long
// things may grow, and that what is generated is fresh.
//
// They read the source with go/parser, all operating systems at once, so that
// a rule broken in a file for Windows fails on Linux too. What they enforce
// and why is written in CONTRIBUTING.md.
package holdfast_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is the import path of this repository.
const module = "github.com/holdfast-security/holdfast"

// Hard limits. Aim far below them: a function of about 10 lines, a package of
// 100 to 500. What reaches a limit is two things under one name.
// Tests, generated files, comments and empty lines do not count.
const (
	maxFunctionLines = 60
	maxFileLines     = 600
	maxPackageLines  = 2000 // look for a split at 1,000
)

// goFile is one Go file of the repository.
type goFile struct {
	path      string // from the repository's root, with slashes
	syntax    *ast.File
	code      []int // the lines that hold code, ascending
	generated bool
}

func (f goFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// dir is the folder of the file, "." for the root.
func (f goFile) dir() string { return path.Dir(f.path) }

// source is every Go file of the repository, and the positions in them.
type source struct {
	fset  *token.FileSet
	files []goFile
}

// product returns the files that are not tests.
func (s source) product() []goFile {
	return slices.DeleteFunc(slices.Clone(s.files), goFile.test)
}

// packages groups the files that are not tests by folder.
func (s source) packages() map[string][]goFile {
	packages := make(map[string][]goFile)
	for _, f := range s.product() {
		packages[f.dir()] = append(packages[f.dir()], f)
	}
	return packages
}

// at returns where a node starts, as path:line.
func (s source) at(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", filepath.ToSlash(p.Filename), p.Line)
}

// tree calls f for every file of the checkout that is or could be committed.
func tree(t *testing.T, f func(name string, data []byte)) {
	t.Helper()
	ignored := []string{".git", "bin", "bench/out", "web/node_modules", "web/dist"}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(ignored, filepath.ToSlash(name)) {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err == nil {
			f(filepath.ToSlash(name), data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// parse reads every Go file outside testdata.
func parse(t *testing.T) source {
	t.Helper()
	s := source{fset: token.NewFileSet()}
	tree(t, func(name string, data []byte) {
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
			return
		}
		syntax, err := parser.ParseFile(s.fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, goFile{
			path: name, syntax: syntax, code: codeLines(data), generated: ast.IsGenerated(syntax),
		})
	})
	if len(s.files) == 0 {
		t.Fatal("no Go files found: the test must run in the repository's root")
	}
	return s
}

// codeLines returns the numbers of the lines on which a token that is no
// comment begins or ends.
func codeLines(data []byte) []int {
	var sc scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(data))
	sc.Init(file, data, nil, 0)
	var lines []int
	for {
		pos, tok, text := sc.Scan()
		if tok == token.EOF {
			return lines
		}
		first := file.Line(pos)
		for line := first; line <= first+strings.Count(text, "\n"); line++ {
			if tok != token.SEMICOLON && (len(lines) == 0 || lines[len(lines)-1] < line) {
				lines = append(lines, line)
			}
		}
	}
}

// codeBetween returns how many lines of code f has from line first to last.
func (f goFile) codeBetween(first, last int) int {
	from, _ := slices.BinarySearch(f.code, first)
	to, _ := slices.BinarySearch(f.code, last+1)
	return to - from
}

func TestEveryPackageHasAComment(t *testing.T) {
	for dir, files := range parse(t).packages() {
		name := files[0].syntax.Name.Name
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		documented := slices.ContainsFunc(files, func(f goFile) bool {
			return strings.HasPrefix(f.syntax.Doc.Text(), want)
		})
		if !documented {
			t.Errorf("%s: no package comment that starts with %q", dir, want)
		}
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	s := parse(t)
	for _, f := range s.product() {
		if f.syntax.Name.Name == "main" || f.generated {
			continue
		}
		for _, decl := range f.syntax.Decls {
			for _, node := range undocumented(decl) {
				t.Errorf("%s: an exported name without a comment that starts with it", s.at(node))
			}
		}
	}
}

// undocumented returns the exported names that decl declares without saying
// what they promise. Grouped names may share the group's comment; that of types
// has to name each.
func undocumented(decl ast.Decl) []ast.Node {
	var nodes []ast.Node
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && exportedReceiver(d) && !startsWith(d.Doc, d.Name.Name) {
			nodes = append(nodes, d)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && !startsWith(spec.Doc, spec.Name.Name) && !slices.Contains(strings.Fields(d.Doc.Text()), spec.Name.Name) {
					nodes = append(nodes, spec)
				}
			case *ast.ValueSpec:
				if spec.Names[0].IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
					nodes = append(nodes, spec)
				}
			}
		}
	}
	return nodes
}

// startsWith reports whether the comment's first or second word is name: "A
// Rule is" reads as well as "Rule is".
func startsWith(comment *ast.CommentGroup, name string) bool {
	words := strings.Fields(comment.Text())
	return len(words) > 0 && words[0] == name || len(words) > 1 && words[1] == name
}

// exportedReceiver reports whether d is a function, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := true
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			exported = id.IsExported()
			return false
		}
		return true
	})
	return exported
}

func TestNothingOutgrowsItsName(t *testing.T) {
	s := parse(t)
	lines := make(map[string]int)
	for _, f := range s.product() {
		if f.generated {
			continue
		}
		lines[f.dir()] += len(f.code)
		if len(f.code) > maxFileLines {
			t.Errorf("%s has %d lines of code, more than %d", f.path, len(f.code), maxFileLines)
		}
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := f.codeBetween(s.fset.Position(fn.Pos()).Line, s.fset.Position(fn.End()).Line)
			if n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines of code, more than %d", s.at(fn), fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
	for dir, n := range lines {
		if n > maxPackageLines {
			t.Errorf("package %s has %d lines of code, more than %d", dir, n, maxPackageLines)
		}
	}
}

func TestPackageNamesSayWhatTheyHold(t *testing.T) {
	empty := []string{"pkg", "util", "utils", "common", "models", "helper", "helpers", "types", "misc", "lib", "shared"}
	for dir, files := range parse(t).packages() {
		if i := slices.IndexFunc(strings.Split(dir, "/"), func(elem string) bool { return slices.Contains(empty, elem) }); i >= 0 {
			t.Errorf("%s: %q names no thing", dir, strings.Split(dir, "/")[i])
		}
		want, got := path.Base(dir), files[0].syntax.Name.Name
		if got != "main" && got != want && dir != "." {
			t.Errorf("folder %s holds package %s: one name for both", dir, got)
		}
	}
}

func TestCommandsAreThin(t *testing.T) {
	lines := make(map[string]int)
	for _, f := range parse(t).product() {
		if strings.HasPrefix(f.path, "cmd/") {
			lines[f.dir()] += len(f.code)
		}
	}
	for dir, n := range lines {
		if n >= 80 {
			t.Errorf("%s has %d lines: a main holds flags, signals and one call, under 80 lines", dir, n)
		}
	}
}

func TestUnfinishedWorkNamesItsIssue(t *testing.T) {
	s := parse(t)
	marker := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	good := regexp.MustCompile(`\bTODO\(#[0-9]+\): `)
	for _, f := range s.files {
		for _, group := range f.syntax.Comments {
			for _, c := range group.List {
				if marker.MatchString(c.Text) && !good.MatchString(c.Text) {
					t.Errorf("%s: want TODO(#issue): or nothing: %s", s.at(c), c.Text)
				}
			}
		}
	}
}

func TestSkippedTestsSayWhy(t *testing.T) {
	s := parse(t)
	for _, f := range s.files {
		if !f.test() {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "SkipNow" || sel.Sel.Name == "Skip" && len(call.Args) == 0) {
				t.Errorf("%s: skipped without a reason", s.at(call))
			}
			return true
		})
	}
}

// TestNoPathOfThisMachine finds the checkout's own path in the files, the
// usual trace of output pasted or generated here.
func TestNoPathOfThisMachine(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(filepath.ToSlash(here), "/") < 2 {
		t.Skipf("%s is too short to be told from other paths", here)
	}
	tree(t, func(name string, data []byte) {
		if i := bytes.Index(data, []byte(here)); i >= 0 {
			t.Errorf("%s:%d holds %s", name, 1+bytes.Count(data[:i], []byte("\n")), here)
		}
	})
}

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)
	tree(t, func(name string, data []byte) {
		if path.Ext(name) != ".md" {
			return
		}
		for _, m := range link.FindAllSubmatch(data, -1) {
			target := string(m[1])
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: link to %s: %v", name, target, err)
			}
		}
	})
}

// TestEveryFeatureIsListed holds the list in agent/features to the folders:
// a package under agent/ with a Definition is a feature, and a feature that is
// not listed is never run and never documented.
func TestEveryFeatureIsListed(t *testing.T) {
	s := parse(t)
	listed := make(map[string]bool)
	for _, f := range s.packages()["agent/features"] {
		for _, imported := range imports(f) {
			listed[imported] = true
		}
	}
	for _, f := range s.product() {
		if path.Dir(f.dir()) != "agent" {
			continue
		}
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Recv == nil && fn.Name.Name == "Definition" && !listed[module+"/"+f.dir()] {
				t.Errorf("%s: the feature %s is not listed in agent/features", s.at(fn), path.Base(f.dir()))
			}
		}
	}
}
