package field

import (
	"net/netip"
	"slices"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt/value"
)

func connections() []Field {
	type T = event.Network
	network := func(get func(*T) value.Value) func(e *event.Event) value.Value {
		return optional(func(e *event.Event) *T { return e.Network }, get)
	}
	port := func(p uint16) value.Value { return count(p) }
	remote := func(e *event.Event) netip.AddrPort {
		switch {
		case e.Network != nil:
			return e.Network.Remote
		case e.Logon != nil:
			return netip.AddrPortFrom(e.Logon.Address, e.Logon.Port)
		}
		return netip.AddrPort{}
	}
	ends := []event.Class{event.ClassNetworkActivity, event.ClassAuthentication}
	list := []Field{
		searched(of(field("remote.address", value.Address, "the other end: of a connection, or of a logon from elsewhere", func(e *event.Event) value.Value {
			return value.OfAddress(remote(e).Addr())
		}, "event.network.protocol", "event.network.dst_ip", "event.logon.service", "event.logon.src_ip"), ends...)),
		of(field("remote.port", value.Int, "its port", func(e *event.Event) value.Value { return port(remote(e).Port()) },
			"event.network.protocol", "event.network.dst_port", "event.logon.service", "event.logon.src_port"), ends...),
		searched(of(text("remote.host", "name of the other end of a logon, where there is no address", func(e *event.Event) string {
			if e.Logon == nil {
				return ""
			}
			return e.Logon.Hostname
		}, "event.logon.src_host"), event.ClassAuthentication)),
	}
	for _, f := range []Field{
		searched(field("local.address", value.Address, "the own end of a connection", network(func(n *T) value.Value { return value.OfAddress(n.Local.Addr()) }), "event.network.src_ip")),
		field("local.port", value.Int, "its port", network(func(n *T) value.Value { return port(n.Local.Port()) }), "event.network.src_port"),
		field("network.protocol", value.Text, "tcp or udp", network(func(n *T) value.Value { return value.OfText(n.Protocol) }), "event.network.protocol"),
		field("network.direction", value.Text, "inbound or outbound", network(func(n *T) value.Value { return value.OfText(n.Direction) }), "event.network.direction"),
		field("network.bytes_out", value.Int, "bytes sent", network(func(n *T) value.Value { return count(n.BytesSent) }), "event.network.bytes_out"),
		field("network.bytes_in", value.Int, "bytes received", network(func(n *T) value.Value { return count(n.BytesRecv) }), "event.network.bytes_in"),
	} {
		list = append(list, of(f, event.ClassNetworkActivity))
	}
	return list
}

// kernelClasses are those whose events tell of the kernel.
var kernelClasses = []event.Class{
	event.ClassKernelExtension, event.ClassKernelActivity, event.ClassMemoryActivity, event.ClassProcessActivity,
	event.ClassEventLog, event.ClassDeviceConfigChange,
}

func kernel() []Field {
	type T = event.Kernel
	f := func(name, column string, kind value.Kind, doc string, get func(*T) value.Value) Field {
		return of(field("kernel."+name, kind, doc, optional(func(e *event.Event) *T { return e.Kernel }, get), "event.kernel."+column), kernelClasses...)
	}
	exit := func(name string, kind value.Kind, doc string, get func(*event.Exit) value.Value) Field {
		return of(field("exit."+name, kind, doc, optional(func(e *event.Event) *event.Exit { return e.Exit }, get), "event.exit."+name), event.ClassProcessActivity)
	}
	return []Field{
		f("name", "name", value.Text, "module, BPF program, memfd or mount point", func(k *T) value.Value { return value.OfText(k.Name) }),
		f("type", "type", value.Text, "type of the program, namespace, file system or socket", func(k *T) value.Value { return value.OfText(k.Type) }),
		f("syscall", "syscall", value.Text, "name of the system call", func(k *T) value.Value { return value.OfText(k.Syscall) }),
		f("device", "device", value.Text, "what was mounted", func(k *T) value.Value { return value.OfText(k.Source) }),
		f("request", "request", value.Text, "ptrace request, prctl option or bpf command", func(k *T) value.Value { return value.OfText(k.Request) }),
		f("arguments", "args", value.List, "arguments of the system call, in hex", func(k *T) value.Value { return value.OfList(k.Arguments) }),
		f("capabilities", "capabilities", value.List, "capabilities gained", func(k *T) value.Value { return value.OfList(k.Capabilities) }),
		f("adjusted", "adjusted_ns", value.Duration, "how far the clock was moved", func(k *T) value.Value {
			if k.Adjusted == 0 {
				return value.Value{}
			}
			return value.OfDuration(k.Adjusted)
		}),
		exit("code", value.Int, "exit status of the process", func(x *event.Exit) value.Value { return value.OfInt(int64(x.Code)) }),
		exit("signal", value.Text, "signal that ended the process", func(x *event.Exit) value.Value { return value.OfText(x.Signal) }),
	}
}

// image says which process of an event fields are of.
type image struct {
	prefix  string // with the dot
	of      string // for the text
	columns []string
	at      func(e *event.Event) *event.Process
}

// lineage is the column that links a process to its parent.
const lineage = "process.parent"

func processes() []Field {
	above := func(p *event.Process) *event.Process {
		if p == nil {
			return nil
		}
		return p.Parent
	}
	var list []Field
	for _, i := range []image{
		{"process.", "of the acting process", []string{"event.process"}, func(e *event.Event) *event.Process { return e.Process }},
		{"parent.", "of its parent, as it was at birth", []string{"event.process", lineage}, func(e *event.Event) *event.Process { return above(e.Process) }},
		{"grandparent.", "of the parent's parent", []string{"event.process", lineage}, func(e *event.Event) *event.Process { return above(above(e.Process)) }},
		{"target.", "of the process acted on", []string{"event.target_process"}, func(e *event.Event) *event.Process { return e.Target }},
	} {
		list = append(list, i.fields()...)
	}
	return append(list, ancestors()...)
}

// f is a field of the image.
func (i image) f(name string, kind value.Kind, doc string, get func(p *event.Process) value.Value, columns ...string) Field {
	f := field(i.prefix+name, kind, doc+" "+i.of, optional(i.at, get), slices.Concat(columns, i.columns)...)
	if i.prefix == "target." {
		f.Classes = []event.Class{event.ClassProcessActivity}
	}
	return f
}

func (i image) t(name, doc string, get func(p *event.Process) string, columns ...string) Field {
	return i.f(name, value.Text, doc, func(p *event.Process) value.Value { return value.OfText(get(p)) }, columns...)
}

// searches reports whether a search for a text looks at the image.
func (i image) searches() bool { return i.prefix == "process." || i.prefix == "target." }

// aliased gives a field of the acting process its name without "process.".
func (i image) aliased(f Field, names ...string) Field {
	if i.prefix == "process." {
		return also(f, names...)
	}
	return f
}

func (i image) fields() []Field {
	type T = *event.Process
	look := func(f Field) Field { f.Searched = i.searches(); return f }
	list := []Field{
		i.aliased(look(i.t("executable", "path of the program", func(p T) string { return p.Path() }, "process.file.path")), "executable"),
		i.aliased(look(i.t("executable_name", "last part of the program's path", func(p T) string { return base(p.Path()) }, "process.file.path")), "executable_name"),
		i.aliased(look(i.t("command_line", "arguments joined by blanks", func(p T) string { return p.CommandLine }, "process.cmd_line")), "command_line", "cmdline"),
		i.aliased(i.f("arguments", value.List, "arguments", func(p T) value.Value { return value.OfList(p.Arguments) }, "process.cmd_line", "process.args_in_cmd_line", "process.args"), "arguments"),
		i.t("name", "name, comm, chosen by the process,", func(p T) string { return p.Name }, "process.name"),
		i.aliased(i.f("pid", value.Int, "process id", func(p T) value.Value { return count(p.PID) }, "process.pid"), "pid"),
		i.t("uid", "what names it for ever, boot-pid-start,", func(p T) string {
			if p.UID.IsZero() {
				return ""
			}
			return p.UID.String()
		}, "process.boot_id", "process.start", "process.pid", "process.uid_pid"),
		i.aliased(i.f("parent_pid", value.Int, "process id of the parent", func(p T) value.Value { return count(p.PPID) }, "process.parent_pid"), "ppid"),
		i.aliased(i.t("directory", "working directory", func(p T) string { return p.Directory }, "process.working_directory"), "directory"),
		i.aliased(i.t("script", "path of the script that the interpreter runs", func(p T) string { return p.Script }, "process.script"), "script"),
		i.f("started_time", value.Time, "birth", func(p T) value.Value { return value.OfTime(p.Started) }, "process.created_time"),
		i.f("executed_time", value.Time, "start of the program", func(p T) value.Value { return value.OfTime(p.Executed) }, "process.executed_time"),
		i.aliased(i.t("terminal", "terminal", func(p T) string { return p.Terminal }, "process.tty"), "terminal"),
		i.f("environment", value.List, "variables that matter, NAME=value,", func(p T) value.Value { return value.OfList(p.Environment) }, "process.environment"),
	}
	list = append(list, i.who()...)
	list = append(list, i.session()...)
	get := func(of func(*event.File) value.Value) func(e *event.Event) value.Value {
		return optional(func(e *event.Event) *event.File {
			if p := i.at(e); p != nil {
				return p.Executable
			}
			return nil
		}, of)
	}
	for _, f := range fileFields(i.prefix, "process.file.", get, i.columns...) {
		f.Doc += ", of the program " + i.of
		if i.prefix == "target." {
			f.Classes = []event.Class{event.ClassProcessActivity}
		}
		list = append(list, f)
	}
	return list
}

// who are the accounts of an image.
func (i image) who() []Field {
	type T = *event.Process
	effective := func(p T) *event.User {
		if p.Effective == nil {
			return &p.User
		}
		return p.Effective
	}
	real := []string{"process.user.uid", "process.user.name"}
	both := append([]string{"process.effective_user.uid", "process.effective_user.name"}, real...)
	list := []Field{
		i.t("user.name", "account", func(p T) string { return p.User.Name }, real...),
		i.f("user.uid", value.Int, "number of the account", func(p T) value.Value { return number(&p.User) }, real...),
		i.t("effective_user.name", "account in effect", func(p T) string { return name(effective(p)) }, both...),
		i.f("effective_user.uid", value.Int, "number of the account in effect", func(p T) value.Value { return number(effective(p)) }, both...),
		i.t("login_user.name", "account that logged on first", func(p T) string { return name(p.Login) }, "process.login_user.name"),
		i.f("login_user.uid", value.Int, "number of the account that logged on first", func(p T) value.Value { return number(p.Login) }, "process.login_user.uid"),
	}
	for n := 0; n < len(list); n += 2 {
		list[n].Searched = i.searches()
	}
	return list
}

// session is how an image came into the host, and what contains it.
func (i image) session() []Field {
	type T = *event.Process
	container := func(name, column, doc string, get func(c *event.Container) string) Field {
		f := i.t("container."+name, doc, func(p T) string {
			if p.Container == nil {
				return ""
			}
			return get(p.Container)
		}, "process.container."+column)
		return i.aliased(f, "container."+name)
	}
	entry := func(name, column, doc string, get func(e event.EntryPoint) string) Field {
		return i.aliased(i.t("session."+name, doc, func(p T) string { return get(p.Entry) }, "process.entry_point."+column), "session."+name)
	}
	return []Field{
		entry("entry", "kind", "through what the session came into the host (ssh, console, cron, container, service …),", func(e event.EntryPoint) string { return string(e.Kind) }),
		entry("address", "address", "remote address of the session", func(e event.EntryPoint) string { return e.Address }),
		entry("user", "user", "account that opened the session", func(e event.EntryPoint) string { return e.User }),
		entry("unit", "unit", "systemd unit", func(e event.EntryPoint) string { return e.Unit }),
		i.aliased(i.f("session.id", value.Int, "number of the audit session", func(p T) value.Value { return count(p.Session) }, "process.session"), "session.id"),
		container("id", "uid", "id of the container", func(c *event.Container) string { return c.ID }),
		container("name", "name", "name of the container", func(c *event.Container) string { return c.Name }),
		container("image", "image", "image of the container", func(c *event.Container) string { return c.Image }),
		container("runtime", "runtime", "runtime of the container", func(c *event.Container) string { return c.Runtime }),
	}
}

// ancestors are lists over the lineage of the acting process, which itself is
// not part of it.
func ancestors() []Field {
	all := func(name, doc string, get func(p *event.Process) string, column string) Field {
		return field("ancestor."+name, value.List, doc+" of all its ancestors, nearest first", func(e *event.Event) value.Value {
			if e.Process == nil || e.Process.Parent == nil {
				return value.Value{}
			}
			var texts []string
			for _, p := range e.Process.Parent.Lineage() {
				texts = append(texts, get(p))
			}
			return value.OfList(texts)
		}, "event.process", lineage, column)
	}
	return []Field{
		all("executable", "paths of the programs", func(p *event.Process) string { return p.Path() }, "process.file.path"),
		all("executable_name", "last parts of the programs' paths", func(p *event.Process) string { return base(p.Path()) }, "process.file.path"),
		all("command_line", "command lines", func(p *event.Process) string { return p.CommandLine }, "process.cmd_line"),
		all("name", "names", func(p *event.Process) string { return p.Name }, "process.name"),
	}
}
