package hunt

import (
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// Options say how a query is to be understood and what bounds it.
type Options struct {
	Now time.Time // of ago() and now(); zero means the system's clock
	// HostName returns the name of a host, "" where it is not known; nil means
	// that none is. It is called from several goroutines.
	HostName func(event.HostID) string
	// Limit is how many rows the result has at most; zero means 1000.
	Limit int
	// Unordered gives up the order of rows that no stage orders, so that they
	// can be handed out as they are found. Otherwise events come newest first.
	Unordered bool
	// Memory is about how many bytes a run keeps; zero means 128 MiB.
	Memory int64
}

// Column is a column of the result.
type Column struct {
	Name string
	Kind value.Kind
}

// Query is a query that was understood. It does not change and can be run
// several times.
type Query struct {
	opts    Options
	columns []Column
	events  bool // rows are events
	bounds  Bounds

	filter        func(r *expr.Row) bool // nil where all events fit
	filterColumns []string               // of the telemetry
	takeColumns   []string

	prefix []build // what a row is computed from alone
	shared []build // the rest
	width  int     // of rows at the beginning
}

// Compile checks a query. It returns either the query or its mistakes.
func Compile(query string, o Options) (*Query, []*syntax.Problem) {
	if o.Now.IsZero() {
		o.Now = time.Now().UTC()
	}
	if o.Limit <= 0 {
		o.Limit = 1000
	}
	if o.Memory <= 0 {
		o.Memory = 128 << 20
	}
	tree, problem := syntax.Parse(query)
	if problem != nil {
		return nil, []*syntax.Problem{problem}
	}
	p := newPlanner(query, tree, o)
	if !p.plan() {
		return nil, p.compiler.Problems
	}
	return p.query(), nil
}

// Columns are those of the result.
func (q *Query) Columns() []Column { return q.columns }

// Events reports whether the rows of the result are events.
func (q *Query) Events() bool { return q.events }

// Bounds are what the events that fit have in common.
func (q *Query) Bounds() Bounds { return q.bounds }

// ChooseColumns are the columns of the telemetry that [Run.Choose] needs; nil
// where it chooses all events.
func (q *Query) ChooseColumns() []string { return q.filterColumns }

// TakeColumns are the columns that [Run.Take] needs.
func (q *Query) TakeColumns() []string { return q.takeColumns }

// Source is what a query can begin with.
type Source struct {
	Name    string
	Doc     string
	Classes []event.Class // nil for all
}

// Sources returns what queries can begin with: all events, or those of a class.
// Besides these the names of the OCSF classes do.
func Sources() []Source {
	return []Source{
		{"events", "All events.", nil},
		{"process", "Processes: born, executed, ended, traced, changed user.", []event.Class{event.ClassProcessActivity}},
		{"file", "Files: made, written, moved, deleted, changed.", []event.Class{event.ClassFileActivity}},
		{"network", "Connections and listening sockets.", []event.Class{event.ClassNetworkActivity}},
		{"authentication", "Logons and logoffs, sudo and su.", []event.Class{event.ClassAuthentication}},
		{"account", "Changes of accounts.", []event.Class{event.ClassAccountChange}},
		{"group", "Changes of groups.", []event.Class{event.ClassGroupManagement}},
		{"scheduled_job", "Jobs of cron, at and timers.", []event.Class{event.ClassScheduledJob}},
		{"module", "Kernel modules, kexec and BPF programs.", []event.Class{event.ClassKernelExtension}},
		{"kernel", "Namespaces, raw sockets and other resources of the kernel.", []event.Class{event.ClassKernelActivity}},
		{"memory", "Executable mappings and memory files.", []event.Class{event.ClassMemoryActivity}},
		{"log", "Changes of logs and of the audit configuration.", []event.Class{event.ClassEventLog}},
		{"config", "Clock, mounts and services.", []event.Class{event.ClassDeviceConfigChange}},
	}
}

// source returns the classes of a source by its name or that of a class.
func source(name string) (classes []event.Class, ok bool) {
	name = strings.ToLower(name)
	for _, s := range Sources() {
		if s.Name == name {
			return s.Classes, true
		}
	}
	for _, c := range event.Classes() {
		if c.String() == name {
			return []event.Class{c}, true
		}
	}
	return nil, false
}

// Stages describes the stages of the language, for the reference.
func Stages() []expr.Function {
	return []expr.Function{
		{Name: "where", Usage: "where user.name == \"root\"", Doc: "Keeps the rows that meet a condition. Conditions at the beginning of a query cost least."},
		{Name: "search", Usage: "search \"curl\"", Doc: "Keeps the events in one of whose texts this occurs, ignoring case: command line, program, accounts, file, message, addresses."},
		{Name: "extend", Usage: "extend name = tolower(user.name)", Doc: "Adds columns."},
		{Name: "project", Usage: "project time, host.name, line = command_line", Doc: "Replaces the columns by these."},
		{Name: "summarize", Usage: "summarize count(), dcount(host) by executable", Doc: "Makes one row of each group, in the order of what stands behind by; without by, one row of all."},
		{Name: "distinct", Usage: "distinct host, user.name", Doc: "Keeps one row of each combination of values."},
		{Name: "sort", Usage: "sort by count_ desc, host asc", Doc: "Orders the rows; descending unless asc is written. Absent values come last. Also order by."},
		{Name: "top", Usage: "top 10 by count_", Doc: "The first so many in an order."},
		{Name: "take", Usage: "take 50", Doc: "The first so many rows; of events that nothing ordered, the newest. Also limit."},
		{Name: "count", Usage: "count", Doc: "How many rows there are."},
	}
}
