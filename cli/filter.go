package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// filter says which events to show. Its zero value shows all.
type filter struct {
	classes   []event.Class
	activity  event.Activity // within the one class, zero for any
	pid       uint32
	user      string
	path      string
	container string
}

// filterFlags are the flags of events as typed.
type filterFlags struct {
	class, user, path, container string
	pid                          uint32
	where                        []string
}

// newFilter checks the flags. The conditions of where are compiled elsewhere,
// by the rule engine.
func newFilter(f filterFlags) (filter, error) {
	out := filter{pid: f.pid, user: f.user, path: f.path, container: f.container}
	if f.class == "" {
		return out, nil
	}
	name, activity, hasActivity := strings.Cut(f.class, "/")
	for _, class := range event.Classes() {
		if name == class.String() || strings.HasPrefix(class.String(), name+"_") {
			out.classes = append(out.classes, class)
		}
	}
	if len(out.classes) == 0 {
		return filter{}, usagef("there is no event class %q; there are %s", name, strings.Join(classNames(), ", "))
	}
	if !hasActivity {
		return out, nil
	}
	out.classes = slices.DeleteFunc(out.classes, func(c event.Class) bool {
		_, err := c.Activity(activity)
		return err != nil
	})
	if len(out.classes) != 1 {
		return filter{}, usagef("event class %q has no activity %q", name, activity)
	}
	out.activity, _ = out.classes[0].Activity(activity) // it was just found
	return out, nil
}

func classNames() []string {
	var names []string
	for _, c := range event.Classes() {
		names = append(names, c.String())
	}
	return names
}

// shows reports whether e passes.
func (f *filter) shows(e *event.Event) bool {
	return f.showsClass(e) && f.showsPID(e) && f.showsUser(e) && f.showsPath(e) && f.showsContainer(e)
}

func (f *filter) showsClass(e *event.Event) bool {
	if len(f.classes) == 0 {
		return true
	}
	return slices.Contains(f.classes, e.Class) && (f.activity == 0 || f.activity == e.Activity)
}

// showsPID looks at the actor, its ancestors and the target.
func (f *filter) showsPID(e *event.Event) bool {
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
func (f *filter) showsUser(e *event.Event) bool {
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
func (f *filter) showsPath(e *event.Event) bool {
	if f.path == "" {
		return true
	}
	if glob(f.path, e.Process.Path()) {
		return true
	}
	return e.File != nil && (glob(f.path, e.File.Path) || e.File.NewPath != "" && glob(f.path, e.File.NewPath))
}

// showsContainer looks at id, name and image; "*" is any container.
func (f *filter) showsContainer(e *event.Event) bool {
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
