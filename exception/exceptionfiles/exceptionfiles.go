// Package exceptionfiles reads exceptions from YAML files, for hosts that find
// alerts without a server.
//
// The object is the server's: what holdfast exceptions show -o yaml prints can be
// used as it is, and the same checks hold. An exception hides threats, so a file
// with a mistake is refused whole, with the place of the mistake, and nothing of
// it is guessed.
package exceptionfiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/internal/strictyaml"
)

// Bounds of what is read.
const (
	maxFiles = 1000
	maxBytes = 1 << 20 // of one file
	maxAll   = 10_000  // exceptions, as many as a server has
)

// Exceptions are those of some files. Nil covers nothing. It is never changed
// after [Read], and may be used from any goroutine.
type Exceptions struct {
	set   *exception.Set
	names map[string]string // by uid
	host  exception.Host
}

// Read reads the exceptions in paths: files, and directories with all files
// directly in them that end in .yml, .yaml or .json, hidden ones left out. A file
// holds one exception, a list of them, or several documents. The error is one
// sentence with file and line. Without paths it returns nil.
//
// The host is what is known of that of the alerts; what is not, no condition on it
// holds. Labels are the server's to give, so that an exception for labels covers
// nothing elsewhere.
func Read(paths []string, host exception.Host) (*Exceptions, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	files, err := find(paths)
	if err != nil {
		return nil, err
	}
	e := &Exceptions{names: make(map[string]string), host: host}
	var all []finding.Exception
	for _, path := range files {
		data, err := bounded.ReadFile(path, maxBytes)
		if err != nil {
			return nil, fmt.Errorf("read exceptions: %w", err)
		}
		list, err := Parse(path, data)
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(all) > maxAll {
			return nil, fmt.Errorf("read exceptions: more than %d", maxAll)
		}
	}
	for _, x := range all {
		if e.names[x.ID] != "" {
			return nil, fmt.Errorf("read exceptions: two have the uid %q", x.ID)
		}
		e.names[x.ID] = x.Name
	}
	e.set, err = exception.Compile(all)
	return e, err
}

// Len returns how many of the exceptions are enabled.
func (e *Exceptions) Len() int {
	if e == nil {
		return 0
	}
	return e.set.Len()
}

// Covering returns the name of the exception that covers the alert at the given
// time. It neither keeps nor changes the alert.
func (e *Exceptions) Covering(a *finding.Alert, now time.Time) (name string, covered bool) {
	if e == nil {
		return "", false
	}
	id, covered := e.set.Covering(a, e.host, now)
	return e.names[id], covered
}

// Suppressed is an alert that an exception covers, as it is written where people
// want to see those, too. Its JSON form is that of the alert with two names more.
type Suppressed struct {
	finding.Alert
	Status    finding.Status `json:"status"`    // always [finding.Suppressed]
	Exception string         `json:"exception"` // its name
}

// ThisHost is the host that this program runs on.
func ThisHost() exception.Host {
	name, err := os.Hostname()
	if err != nil {
		return exception.Host{}
	}
	return exception.Host{Name: name}
}

// find returns the files that paths stand for, those of directories by name.
func find(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read exceptions: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("read exceptions: %w", err)
		}
		for _, entry := range entries {
			if holdsExceptions(entry) {
				files = append(files, filepath.Join(path, entry.Name()))
			}
		}
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("read exceptions: more than %d files", maxFiles)
	}
	return files, nil
}

func holdsExceptions(entry fs.DirEntry) bool {
	name := entry.Name()
	return !entry.IsDir() && !strings.HasPrefix(name, ".") &&
		slices.Contains([]string{".yml", ".yaml", ".json"}, strings.ToLower(filepath.Ext(name)))
}

// Parse reads the exceptions in data and checks them. One that has no uid gets
// one of path and line. An error is one sentence that begins with path and line.
func Parse(path string, data []byte) ([]finding.Exception, error) {
	items, err := strictyaml.List[document](data)
	if err != nil {
		return nil, placed(path, err.Error())
	}
	list := make([]finding.Exception, 0, len(items))
	for _, item := range items {
		x, err := item.Value.exception()
		if err == nil {
			err = exception.Validate(x.ExceptionTerms)
		}
		if err != nil {
			return nil, placed(path, fmt.Sprintf("line %d: %v", item.Line, err))
		}
		if x.ID == "" {
			x.ID = fmt.Sprintf("%s:%d", path, item.Line)
		}
		list = append(list, x)
	}
	return list, nil
}

// placed returns an error of what begins with a line, or with none.
func placed(path, text string) error {
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		return errors.New(path + ":" + rest)
	}
	return errors.New(path + ": " + text)
}

// document is an exception as files have it: [finding.Exception], of which what
// the server alone says is read over.
type document struct {
	ID      string `yaml:"uid"`
	Name    string `yaml:"name"`
	Reason  string `yaml:"reason"`
	Expires string `yaml:"expires_time"`
	Enabled *bool  `yaml:"enabled"` // nil is true
	Scope   struct {
		Hosts  []event.HostID      `yaml:"hosts"`
		Labels map[string]string   `yaml:"labels"`
		Rules  []string            `yaml:"rules"`
		Types  []finding.AlertType `yaml:"alert_types"`
		Kinds  []string            `yaml:"kinds"`
	} `yaml:"scope"`
	Match     []condition `yaml:"match"`
	WholeRule bool        `yaml:"whole_rule"`

	Author  string `yaml:"created_by"`
	Created string `yaml:"created_time"`
	Hits    int64  `yaml:"hits"`
	LastHit string `yaml:"last_hit_time"`
	Version int64  `yaml:"version"`
}

// condition is [finding.Condition].
type condition struct {
	Field  finding.ConditionField `yaml:"field"`
	Op     finding.ConditionOp    `yaml:"op"`
	Values []string               `yaml:"values"`
	Not    bool                   `yaml:"not"`
}

func (d *document) exception() (finding.Exception, error) {
	x := finding.Exception{
		ID: d.ID, Author: d.Author,
		ExceptionTerms: finding.ExceptionTerms{
			Name: d.Name, Reason: d.Reason, Enabled: d.Enabled == nil || *d.Enabled,
			Scope: finding.ExceptionScope(d.Scope), WholeRule: d.WholeRule,
		},
	}
	for _, m := range d.Match {
		x.Match = append(x.Match, finding.Condition(m))
	}
	created, err := parseTime("created_time", d.Created)
	if err != nil {
		return x, err
	}
	if created != nil {
		x.Created = *created
	}
	x.Expires, err = parseTime("expires_time", d.Expires)
	return x, err
}

// parseTime reads a time or a day, in UTC where it does not say; nil for "".
func parseTime(what, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return &at, nil
		}
	}
	return nil, fmt.Errorf("%s: %q is no time such as 2027-06-01T00:00:00Z", what, text)
}
