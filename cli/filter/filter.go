// Package filter chooses events by what an operator asks for: class, process,
// account, path, container, and conditions in the language of rules, which the
// rule engine evaluates.
package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// Options are the conditions of a filter, as typed. The zero value has none.
type Options struct {
	Class     string   // or class/activity; the first word of a class will do
	PID       uint32   // of the actor, an ancestor or the target
	User      string   // name or number
	Path      string   // of the executable or the file; * and ? are wildcards
	Container string   // id or its beginning, name or image; * and ? are wildcards
	Where     []string // Field=value, as in Sigma rules
}

// Filter says which events to show: those that meet all conditions. Its zero
// value shows all. It is for one goroutine.
type Filter struct {
	classes   []event.Class
	activity  event.Activity // within the one class, zero for any
	pid       uint32
	user      string
	path      string
	container string
	where     func(*event.Event) bool // nil for no conditions
}

// New checks the options. Its errors are mistakes in them, in one sentence for
// who typed them.
func New(o Options) (Filter, error) {
	where, err := newWhere(o.Where)
	if err != nil {
		return Filter{}, err
	}
	f := Filter{pid: o.PID, user: o.User, path: o.Path, container: o.Container, where: where}
	if o.Class != "" {
		f.classes, f.activity, err = classes(o.Class)
	}
	return f, err
}

// classes returns the classes and the activity that a condition names.
func classes(text string) (list []event.Class, activity event.Activity, err error) {
	name, verb, hasVerb := strings.Cut(text, "/")
	for _, class := range event.Classes() {
		if name == class.String() || strings.HasPrefix(class.String(), name+"_") {
			list = append(list, class)
		}
	}
	if len(list) == 0 {
		return nil, 0, fmt.Errorf("there is no event class %q; there are %s", name, strings.Join(ClassNames(), ", "))
	}
	if !hasVerb {
		return list, 0, nil
	}
	list = slices.DeleteFunc(list, func(c event.Class) bool {
		_, err := c.Activity(verb)
		return err != nil
	})
	if len(list) != 1 {
		return nil, 0, fmt.Errorf("event class %q has no activity %q", name, verb)
	}
	activity, err = list[0].Activity(verb)
	return list, activity, err
}

// ClassNames returns the names of all classes of events.
func ClassNames() []string {
	var names []string
	for _, c := range event.Classes() {
		names = append(names, c.String())
	}
	return names
}

// Shows reports whether e meets all conditions.
func (f *Filter) Shows(e *event.Event) bool {
	return f.showsClass(e) && f.showsPID(e) && f.showsUser(e) && f.showsPath(e) && f.showsContainer(e) &&
		(f.where == nil || f.where(e))
}

func (f *Filter) showsClass(e *event.Event) bool {
	if len(f.classes) == 0 {
		return true
	}
	return slices.Contains(f.classes, e.Class) && (f.activity == 0 || f.activity == e.Activity)
}

// showsPID looks at the actor, its ancestors and the target.
func (f *Filter) showsPID(e *event.Event) bool {
	if f.pid == 0 {
		return true
	}
	for _, p := range append(e.Process.Lineage(), e.Target) {
		if p != nil && p.PID == f.pid {
			return true
		}
	}
	return false
}

// showsUser looks at every account of the event, by name or number.
func (f *Filter) showsUser(e *event.Event) bool {
	if f.user == "" || isUser(e.User, f.user) {
		return true
	}
	p := e.Process
	return p != nil && (isUser(&p.User, f.user) || isUser(p.Effective, f.user) || isUser(p.Login, f.user))
}

func isUser(u *event.User, name string) bool {
	return u != nil && (u.Name == name || strconv.FormatUint(uint64(u.UID), 10) == name)
}

// showsPath looks at the executable and the file.
func (f *Filter) showsPath(e *event.Event) bool {
	if f.path == "" {
		return true
	}
	if glob(f.path, e.Process.Path()) {
		return true
	}
	return e.File != nil && (glob(f.path, e.File.Path) || e.File.NewPath != "" && glob(f.path, e.File.NewPath))
}

// showsContainer looks at id, name and image; "*" is any container.
func (f *Filter) showsContainer(e *event.Event) bool {
	if f.container == "" {
		return true
	}
	if e.Process == nil || e.Process.Container == nil {
		return false
	}
	c := e.Process.Container
	return glob(f.container, c.Name) || glob(f.container, c.Image) || glob(f.container+"*", c.ID)
}

// glob matches text as a whole; * stands for any text, slashes included, and ?
// for one byte. It takes time in proportion to the product of the lengths at
// worst.
func glob(pattern, text string) bool {
	star, resume := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
