// Package field is the table of what hunts can ask of an event: names, types,
// where the value lies in an [event.Event], and in which columns of the stored
// telemetry, so that no other has to be read.
//
// The table is data: the reference in docs/hunt.md, the help of the console and
// the evaluation all come from it. Values are an attacker's to choose and are
// handed on as they are.
package field

import (
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// Field is one thing that can be asked of an event.
type Field struct {
	Name    string
	Aliases []string // shorter names for the same
	Kind    value.Kind
	Doc     string        // a phrase
	Classes []event.Class // whose events can have it; nil for all
	// Columns are those of docs/telemetry-schema.md that the value is made of.
	// An event that holds these alone has the same value.
	Columns []string
	// Searched says that a search for a text looks at the value, or at a text
	// of which it is a part.
	Searched bool
	// Get returns the value of an event. It is nil for [HostName], which only
	// the server knows.
	Get func(e *event.Event) value.Value
}

// HostName is the name of the field that is not part of an event.
const HostName = "host.name"

// All returns the table, in the order of the reference.
func All() []Field { return slices.Clone(table) }

// Find returns the field with a name or alias, ignoring case.
func Find(name string) (*Field, bool) {
	f, ok := byName[strings.ToLower(name)]
	return f, ok
}

// Names returns the names and aliases of all fields, in the order of the table.
func Names() []string {
	var names []string
	for i := range table {
		names = append(append(names, table[i].Name), table[i].Aliases...)
	}
	return names
}

var table = slices.Concat(general(), accounts(), files(), connections(), kernel(), processes())

var byName = func() map[string]*Field {
	names := make(map[string]*Field)
	for i := range table {
		for _, n := range append([]string{table[i].Name}, table[i].Aliases...) {
			if names[n] != nil {
				panic("two fields are named " + n)
			}
			names[n] = &table[i]
		}
	}
	return names
}()

// also gives a field shorter names.
func also(f Field, aliases ...string) Field {
	f.Aliases = append(f.Aliases, aliases...)
	return f
}

// of limits a field to the events of some classes.
func of(f Field, classes ...event.Class) Field {
	f.Classes = classes
	return f
}

// searched marks a field that a search for a text looks at.
func searched(f Field) Field {
	f.Searched = true
	return f
}

// text is a field that is a text, absent where it is empty.
func text[S ~string](name, doc string, get func(e *event.Event) S, columns ...string) Field {
	return Field{Name: name, Kind: value.Text, Doc: doc, Columns: columns, Get: func(e *event.Event) value.Value { return value.OfText(get(e)) }}
}

func field(name string, kind value.Kind, doc string, get func(e *event.Event) value.Value, columns ...string) Field {
	return Field{Name: name, Kind: kind, Doc: doc, Columns: columns, Get: get}
}

// count is a number that is absent where it is zero.
func count[N ~int | ~int64 | ~uint16 | ~uint32 | ~uint64](n N) value.Value {
	if n == 0 {
		return value.Value{}
	}
	return value.OfUint(uint64(n))
}

// number is the number of an account, absent where it is unset.
func number(u *event.User) value.Value {
	if u == nil || u.UID == event.UnsetUID {
		return value.Value{}
	}
	return value.OfUint(uint64(u.UID))
}

func name(u *event.User) string {
	if u == nil {
		return ""
	}
	return u.Name
}

// optional returns what get finds in a part of an event that may not be there.
func optional[T any](part func(e *event.Event) *T, get func(*T) value.Value) func(e *event.Event) value.Value {
	return func(e *event.Event) value.Value {
		if p := part(e); p != nil {
			return get(p)
		}
		return value.Value{}
	}
}

func general() []Field {
	return []Field{
		field("time", value.Time, "when it happened, by the host's clock", func(e *event.Event) value.Value { return value.OfTime(e.Time) }, "event.time"),
		text("host", "uid of the host", func(e *event.Event) event.HostID { return e.Host }, "device.uid"),
		{Name: HostName, Kind: value.Text, Doc: "name of the host, as it is now", Columns: []string{"device.uid"}},
		text("class", "kind of the event: the name of its OCSF class", func(e *event.Event) string { return e.Class.String() }, "event.class_uid"),
		text("activity", "what was done, within the class", func(e *event.Event) string { return e.Class.Name(e.Activity) }, "event.class_uid", "event.activity_id"),
		text("status", "success or failure; absent where unknown", func(e *event.Event) string {
			if e.Status == event.StatusUnknown {
				return ""
			}
			return e.Status.String()
		}, "event.status_id"),
		text("source", "sensor that saw it", func(e *event.Event) event.Source { return e.Source }, "event.source"),
		searched(text("message", "the source's own text", func(e *event.Event) string { return e.Message }, "event.message")),
		field("repeats", value.Int, "how many identical events this one stands for", func(e *event.Event) value.Value { return value.OfUint(uint64(e.Repeats())) }, "event.count"),
		field("last_time", value.Time, "time of the latest of them", func(e *event.Event) value.Value { return value.OfTime(e.Last) }, "event.end_time"),
		text("audit_key", "key of the audit rule that saw it", func(e *event.Event) string { return e.Key }, "event.audit_key"),
		field("audit_serial", value.Int, "serial number of the audit record", func(e *event.Event) value.Value { return count(e.Serial) }, "event.serial"),
	}
}

// concerned is the account that an event is about: the one it names, or else
// that of who acts.
func concerned(e *event.Event) *event.User {
	if e.User != nil || e.Process == nil {
		return e.User
	}
	return &e.Process.User
}

func accounts() []Field {
	type T = event.Logon
	logon := func(name, column, doc string, get func(l *T) string) Field {
		return of(text(name, doc, func(e *event.Event) string {
			if e.Logon == nil {
				return ""
			}
			return get(e.Logon)
		}, "event.logon."+column), event.ClassAuthentication)
	}
	both := []string{"event.user.uid", "event.user.name", "event.process", "process.user.uid", "process.user.name"}
	return []Field{
		searched(text("user.name", "account that the event is about (who logs on, what is changed), or else that of the acting process", func(e *event.Event) string { return name(concerned(e)) }, both...)),
		field("user.uid", value.Int, "its number", func(e *event.Event) value.Value { return number(concerned(e)) }, both...),
		of(text("group.name", "group that the event is about", func(e *event.Event) string {
			if e.Group == nil {
				return ""
			}
			return e.Group.Name
		}, "event.group.name"), event.ClassGroupManagement),
		of(field("group.gid", value.Int, "its number", optional(func(e *event.Event) *event.Group { return e.Group },
			func(g *event.Group) value.Value { return value.OfUint(uint64(g.GID)) }), "event.group.uid"), event.ClassGroupManagement),
		logon("logon.service", "service", "through what somebody logs on: sshd, sudo, su, login, cron", func(l *T) string { return l.Service }),
		logon("logon.method", "method", "password, publickey and so on", func(l *T) string { return l.Method }),
		logon("logon.terminal", "terminal", "terminal of the logon", func(l *T) string { return l.Terminal }),
		searched(logon("logon.command", "command", "what sudo or su was asked to run", func(l *T) string { return l.Command })),
		of(field("logon.unknown_user", value.Bool, "the account does not exist", optional(func(e *event.Event) *T { return e.Logon },
			func(l *T) value.Value { return value.OfBool(l.Invalid) }), "event.logon.service", "event.logon.unknown_user"), event.ClassAuthentication),
	}
}

func files() []Field {
	type T = event.File
	get := func(f func(*T) value.Value) func(e *event.Event) value.Value {
		return optional(func(e *event.Event) *T { return e.File }, f)
	}
	path := func(e *event.Event) string {
		if e.File == nil {
			return ""
		}
		return e.File.Path
	}
	list := []Field{
		searched(text("file.path", "file, module, script or unit that the event is about", path, "event.file.path")),
		searched(text("file.name", "last part of its path", func(e *event.Event) string { return base(path(e)) }, "event.file.path")),
		searched(field("file.new_path", value.Text, "where it was moved", get(func(f *T) value.Value { return value.OfText(f.NewPath) }), "event.file.new_path")),
	}
	list = append(list, fileFields("file.", "event.file.", get)...)
	return append(list,
		field("file.truncated", value.Bool, "opened to be emptied, or truncated", get(func(f *T) value.Value { return value.OfBool(f.Truncated) }), "event.file.path", "event.file.truncated"),
		field("file.inode", value.Int, "number in its file system", get(func(f *T) value.Value { return count(f.Inode) }), "event.file.inode"),
	)
}

// fileFields are those that the file of an event and the executable of a
// process have in common.
func fileFields(prefix, column string, get func(func(*event.File) value.Value) func(e *event.Event) value.Value, more ...string) []Field {
	type T = event.File
	f := func(name string, kind value.Kind, doc string, of func(*T) value.Value) Field {
		return field(prefix+name, kind, doc, get(of), slices.Concat([]string{column + name}, more)...)
	}
	owner := field(prefix+"owner_uid", value.Int, "number of its owner", get(func(f *T) value.Value { return value.OfUint(uint64(f.UID)) }),
		slices.Concat([]string{column + "path", column + "owner_uid"}, more)...)
	return []Field{
		f("sha256", value.Text, "of its content, in hex, where it was computed", func(f *T) value.Value { return value.OfText(f.SHA256) }),
		f("package", value.Text, "distribution package that it belongs to", func(f *T) value.Value { return value.OfText(f.Package) }),
		f("owned", value.Text, "yes or no: whether a package owns it; absent where nobody looked", func(f *T) value.Value { return value.OfText(f.Owned) }),
		f("kind", value.Text, "memfd, deleted, directory, symlink or other; absent for a plain file", func(f *T) value.Value { return value.OfText(f.Kind) }),
		f("size", value.Int, "bytes", func(f *T) value.Value { return count(max(f.Size, 0)) }),
		f("mode", value.Int, "type and permission bits, st_mode", func(f *T) value.Value { return count(f.Mode) }),
		f("changed_time", value.Time, "last change of content or attributes, ctime", func(f *T) value.Value { return value.OfTime(f.Changed) }),
		owner,
	}
}

// base is the last part of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
