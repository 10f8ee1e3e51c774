package parquetfile

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

// eventRow is an event as it is stored: processes by the number of their image
// in the segment, and the number that puts events of one time in order.
type eventRow struct {
	*event.Event // never nil

	seq             int64
	process, target int32 // noImage for none
}

// processRow is a process image as it is stored.
type processRow struct {
	*event.Process // never nil

	host   event.HostID
	image  int32
	parent int32 // noImage for none
	split  bool  // Arguments are CommandLine split at spaces
}

const noImage = -1

// Definition levels of the two kinds of rows: each is an optional group.
const rowLevel = 1

// self is the group that is the row itself.
func self[T any](path string) group[T, T] {
	same := func(row *T) *T { return row }
	return group[T, T]{path: path, def: rowLevel, at: same, make: same}
}

// part is an optional group behind a pointer.
func part[T, U any](path string, at func(*T) **U) group[T, U] {
	return group[T, U]{
		path: path, def: rowLevel + 1,
		at: func(row *T) *U { return *at(row) },
		make: func(row *T) *U {
			p := at(row)
			if *p == nil {
				*p = new(U)
			}
			return *p
		},
	}
}

// within is a required group that is part of the row.
func within[T, U any](path string, at func(*T) *U) group[T, U] {
	return group[T, U]{path: path, def: rowLevel, at: at, make: at}
}

func imageNumber[T any](name, doc string, at func(*T) *int32) leaf[T] {
	return leaf[T]{
		name: name, doc: doc, optional: true, node: parquet.Encoded(parquet.Int(32), &parquet.DeltaBinaryPacked),
		get: func(_ *encoder, row *T) parquet.Value {
			if *at(row) == noImage {
				return parquet.NullValue()
			}
			return parquet.Int32Value(*at(row))
		},
		set: func(_ *decoder, row *T, v value) { *at(row) = int32(v.num()) },
	}
}

// hostColumn is the one column that both kinds of rows share.
func hostColumn[T any](at func(*T) *event.HostID) column[T] {
	c := group[T, T]{path: "device", def: 0, at: func(row *T) *T { return row }, make: func(row *T) *T { return row }}
	return c.column(required("uid", "id of the host", at))
}

func eventColumns() []column[eventRow] {
	columns := append([]column[eventRow]{hostColumn(func(e *eventRow) *event.HostID { return &e.Host })}, self[eventRow]("event").columns(
		leaf[eventRow]{
			name: "time", doc: "when it happened, by the host's clock; the smallest int64 where unknown",
			node: parquet.Encoded(parquet.Timestamp(parquet.Nanosecond), &parquet.DeltaBinaryPacked),
			get:  func(_ *encoder, e *eventRow) parquet.Value { return parquet.Int64Value(choice.Nanoseconds(e.Time)) },
			set:  func(_ *decoder, e *eventRow, v value) { e.Time = choice.Moment(v.num()) },
		},
		ascending(number("sequence", "running number given on arrival: orders events of one time", func(e *eventRow) *int64 { return &e.seq })),
		repeating(number("class_uid", "OCSF class", func(e *eventRow) *event.Class { return &e.Class })),
		repeating(number("activity_id", "OCSF activity within the class; from 50 up Holdfast's own", func(e *eventRow) *event.Activity { return &e.Activity })),
		repeating(number("status_id", "0 unknown, 1 success, 2 failure", func(e *eventRow) *event.Status { return &e.Status })),
		text("source", "sensor that saw it", func(e *eventRow) *event.Source { return &e.Source }),
		ascending(orNull(number("serial", "audit serial number", func(e *eventRow) *uint64 { return &e.Serial }))),
		repeating(orNull(number("count", "how many identical events this one stands for; null for one", func(e *eventRow) *uint32 { return &e.Count }))),
		when("end_time", "time of the latest of them", func(e *eventRow) *time.Time { return &e.Last }),
		imageNumber("process", "the actor: process.image in the same file", func(e *eventRow) *int32 { return &e.process }),
		imageNumber("target_process", "the process acted on: process.image in the same file", func(e *eventRow) *int32 { return &e.target }),
		text("audit_key", "key of the audit rule", func(e *eventRow) *string { return &e.Key }),
		long(text("message", "the source's own text", func(e *eventRow) *string { return &e.Message })),
	)...)
	columns = append(columns, part("event.user", func(e *eventRow) **event.User { return &e.User }).columns(userLeaves()...)...)
	columns = append(columns, part("event.group", func(e *eventRow) **event.Group { return &e.Group }).columns(
		repeating(number("uid", "group number", func(g *event.Group) *uint32 { return &g.GID })),
		text("name", "group name", func(g *event.Group) *string { return &g.Name }),
	)...)
	columns = append(columns, part("event.file", func(e *eventRow) **event.File { return &e.File }).columns(fileLeaves()...)...)
	columns = append(columns, logonColumns()...)
	columns = append(columns, networkColumns()...)
	columns = append(columns, kernelColumns()...)
	columns = append(columns, part("event.exit", func(e *eventRow) **event.Exit { return &e.Exit }).columns(
		repeating(number("code", "exit status", func(x *event.Exit) *int { return &x.Code })),
		text("signal", "signal that ended the process", func(x *event.Exit) *string { return &x.Signal }),
	)...)
	return append(columns, recordColumns()...)
}

func userLeaves() []leaf[event.User] {
	return []leaf[event.User]{
		repeating(number("uid", "account number; 4294967295 where unknown", func(u *event.User) *uint32 { return &u.UID })),
		text("name", "account name", func(u *event.User) *string { return &u.Name }),
	}
}

func fileLeaves() []leaf[event.File] {
	return []leaf[event.File]{
		required("path", "from the host's root, or the container's", func(f *event.File) *string { return &f.Path }),
		text("new_path", "after a rename", func(f *event.File) *string { return &f.NewPath }),
		text("sha256", "of the content, hex", func(f *event.File) *string { return &f.SHA256 }),
		text("package", "distribution package that owns it", func(f *event.File) *string { return &f.Package }),
		repeating(orNull(number("size", "bytes", func(f *event.File) *int64 { return &f.Size }))),
		repeating(orNull(number("mode", "st_mode", func(f *event.File) *uint32 { return &f.Mode }))),
		repeating(orNull(number("owner_uid", "number of the owner; null for root or unknown", func(f *event.File) *uint32 { return &f.UID }))),
		repeating(orNull(number("inode", "st_ino", func(f *event.File) *uint64 { return &f.Inode }))),
		repeating(orNull(number("device", "st_dev", func(f *event.File) *uint64 { return &f.Device }))),
		changedLeaf(),
		text("kind", "memfd, deleted, directory, symlink, other; null for a plain file", func(f *event.File) *event.FileKind { return &f.Kind }),
		text("owned", "yes or no: what the package database says; null where nobody looked", func(f *event.File) *event.Owned { return &f.Owned }),
		flag("truncated", "opened with O_TRUNC or truncated", func(f *event.File) *bool { return &f.Truncated }),
	}
}

// changedLeaf is of files that come again and again, programs above all.
func changedLeaf() leaf[event.File] {
	l := when("changed_time", "ctime", func(f *event.File) *time.Time { return &f.Changed })
	l.node = parquet.Encoded(parquet.Timestamp(parquet.Nanosecond), &parquet.RLEDictionary)
	return l
}

func logonColumns() []column[eventRow] {
	type T = event.Logon
	return part("event.logon", func(e *eventRow) **T { return &e.Logon }).columns(
		required("service", "sshd, sudo, su, login, cron", func(l *T) *string { return &l.Service }),
		text("method", "password, publickey and so on", func(l *T) *string { return &l.Method }),
		address("src_ip", "remote address", func(l *T) netip.Addr { return l.Address }, func(l *T, a netip.Addr) { l.Address = a }),
		orNull(number("src_port", "remote port", func(l *T) *uint16 { return &l.Port })),
		text("src_host", "remote name where there is no address", func(l *T) *string { return &l.Hostname }),
		text("terminal", "terminal", func(l *T) *string { return &l.Terminal }),
		flag("unknown_user", "the account does not exist", func(l *T) *bool { return &l.Invalid }),
		text("command", "what sudo or su was asked to run", func(l *T) *string { return &l.Command }),
	)
}

func networkColumns() []column[eventRow] {
	type T = event.Network
	port := func(name, doc string, at func(*T) *netip.AddrPort) leaf[T] {
		return leaf[T]{
			name: name, doc: doc, node: parquet.Uint(16),
			get: func(_ *encoder, n *T) parquet.Value { return parquet.Int32Value(int32(at(n).Port())) },
			set: func(_ *decoder, n *T, v value) {
				*at(n) = netip.AddrPortFrom(at(n).Addr(), uint16(v.num()))
			},
		}
	}
	ip := func(name, doc string, at func(*T) *netip.AddrPort) leaf[T] {
		return address(name, doc, func(n *T) netip.Addr { return at(n).Addr() }, func(n *T, a netip.Addr) {
			*at(n) = netip.AddrPortFrom(a, at(n).Port())
		})
	}
	local := func(n *T) *netip.AddrPort { return &n.Local }
	remote := func(n *T) *netip.AddrPort { return &n.Remote }
	return part("event.network", func(e *eventRow) **T { return &e.Network }).columns(
		required("protocol", "tcp or udp", func(n *T) *string { return &n.Protocol }),
		text("direction", "inbound or outbound", func(n *T) *string { return &n.Direction }),
		ip("src_ip", "local address", local), port("src_port", "local port", local),
		ip("dst_ip", "remote address; null for listening sockets", remote), port("dst_port", "remote port", remote),
		orNull(number("inode", "of the socket", func(n *T) *uint64 { return &n.Inode })),
		orNull(number("bytes_out", "sent", func(n *T) *uint64 { return &n.BytesSent })),
		orNull(number("bytes_in", "received", func(n *T) *uint64 { return &n.BytesRecv })),
	)
}

func kernelColumns() []column[eventRow] {
	type T = event.Kernel
	g := part("event.kernel", func(e *eventRow) **T { return &e.Kernel })
	columns := g.columns(
		required("name", "module, BPF program, memfd or mount point", func(k *T) *string { return &k.Name }),
		text("type", "program type, namespace kinds, file system, socket family", func(k *T) *string { return &k.Type }),
		text("syscall", "name of the system call", func(k *T) *string { return &k.Syscall }),
		text("device", "what was mounted", func(k *T) *string { return &k.Source }),
		text("request", "ptrace request, prctl option, bpf command", func(k *T) *string { return &k.Request }),
		orNull(number("adjusted_ns", "how far the clock was moved, nanoseconds", func(k *T) *time.Duration { return &k.Adjusted })),
	)
	return append(columns,
		g.list(texts("args", "a0 to a3 of the system call, hex", func(k *T) *[]string { return &k.Arguments })),
		g.list(texts("capabilities", "capabilities gained", func(k *T) *[]string { return &k.Capabilities })),
	)
}

// texts is a list of strings. An empty list is read back as nil.
func texts[U any](name, doc string, at func(*U) *[]string) list[U] {
	return list[U]{
		name: name, doc: doc, node: dictText, repeated: true,
		len: func(u *U) int { return len(*at(u)) },
		get: func(enc *encoder, u *U, i int) parquet.Value { return enc.text((*at(u))[i]) },
		set: func(dec *decoder, u *U, _ int, v value) { *at(u) = append(*at(u), v.text()) },
	}
}

func processColumns() []column[processRow] {
	type T = processRow
	g := self[T]("process")
	columns := append([]column[T]{hostColumn(func(p *T) *event.HostID { return &p.host })}, g.columns(
		ascending(number("image", "number of the image in this file, from 0", func(p *T) *int32 { return &p.image })),
		imageNumber("parent", "image of the parent at birth", func(p *T) *int32 { return &p.parent }),
		bootLeaf(), ascending(number("start", "nanoseconds after boot; with boot_id and pid it names the process", func(p *T) *uint64 { return &p.UID.Start })),
		pidLeaf(), uidPIDLeaf(),
		ascending(orNull(number("parent_pid", "of the parent at birth", func(p *T) *uint32 { return &p.PPID }))),
		text("name", "comm", func(p *T) *string { return &p.Name }),
		long(text("cmd_line", "command line", func(p *T) *string { return &p.CommandLine })),
		splitLeaf(),
		flag("args_truncated", "args are cut", func(p *T) *bool { return &p.Truncated }),
		text("working_directory", "current directory", func(p *T) *string { return &p.Directory }),
		text("script", "script that an interpreter runs", func(p *T) *string { return &p.Script }),
		when("created_time", "birth of the process", func(p *T) *time.Time { return &p.Started }),
		when("executed_time", "start of this image", func(p *T) *time.Time { return &p.Executed }),
		repeating(orNull(number("session", "audit session", func(p *T) *uint32 { return &p.Session }))),
		text("tty", "terminal", func(p *T) *string { return &p.Terminal }),
	)...)
	args := texts("args", "argument vector, where it is not cmd_line split at spaces", func(p *T) *[]string { return &p.Arguments })
	args.len = func(p *T) int {
		if p.split {
			return 0 // the command line tells them
		}
		return len(p.Arguments)
	}
	columns = append(columns, g.list(args), g.list(texts("environment", "variables that matter, NAME=value", func(p *T) *[]string { return &p.Environment })))
	columns = append(columns, part("process.file", func(p *T) **event.File { return &p.Executable }).columns(fileLeaves()...)...)
	columns = append(columns, within("process.user", func(p *T) *event.User { return &p.User }).columns(userLeaves()...)...)
	columns = append(columns, part("process.effective_user", func(p *T) **event.User { return &p.Effective }).columns(userLeaves()...)...)
	columns = append(columns, part("process.login_user", func(p *T) **event.User { return &p.Login }).columns(userLeaves()...)...)
	columns = append(columns, within("process.entry_point", func(p *T) *event.EntryPoint { return &p.Entry }).columns(
		text("kind", "how the session came into the host", func(e *event.EntryPoint) *event.EntryKind { return &e.Kind }),
		text("address", "remote address of an ssh session", func(e *event.EntryPoint) *string { return &e.Address }),
		text("user", "account that logged on", func(e *event.EntryPoint) *string { return &e.User }),
		text("unit", "systemd unit", func(e *event.EntryPoint) *string { return &e.Unit }),
	)...)
	columns = append(columns, part("process.container", func(p *T) **event.Container { return &p.Container }).columns(
		required("uid", "id as the runtime names it", func(c *event.Container) *string { return &c.ID }),
		text("runtime", "docker, containerd, crio, podman, lxc", func(c *event.Container) *string { return &c.Runtime }),
		text("name", "name", func(c *event.Container) *string { return &c.Name }),
		text("image", "image", func(c *event.Container) *string { return &c.Image }),
	)...)
	return append(columns, descriptorColumns()...)
}

func bootLeaf() leaf[processRow] {
	return leaf[processRow]{
		name: "boot_id", doc: "first half of the boot's random id, hex", node: dictText,
		get: func(enc *encoder, p *processRow) parquet.Value {
			var text [16]byte
			hex.Encode(text[:], p.UID.Boot[:])
			return enc.text(string(text[:]))
		},
		set: func(dec *decoder, p *processRow, v value) {
			if len(v.bytes()) != 2*len(p.UID.Boot) {
				dec.fail(errBootID)
				return
			}
			if _, err := hex.Decode(p.UID.Boot[:], v.bytes()); err != nil {
				dec.fail(err)
			}
		},
	}
}

func pidLeaf() leaf[processRow] {
	l := ascending(number("pid", "process id in the initial namespace", func(p *processRow) *uint32 { return &p.PID }))
	set := l.set
	l.set = func(dec *decoder, p *processRow, v value) {
		set(dec, p, v)
		p.UID.PID = p.PID
	}
	return l
}

// uidPIDLeaf comes behind pidLeaf, whose value it corrects where they differ.
func uidPIDLeaf() leaf[processRow] {
	l := number("uid_pid", "process id that names the process, where it is not pid", func(p *processRow) *uint32 { return &p.UID.PID })
	get := l.get
	l.optional = true
	l.get = func(enc *encoder, p *processRow) parquet.Value {
		if p.UID.PID == p.PID {
			return parquet.NullValue()
		}
		return get(enc, p)
	}
	return l
}

// splitLeaf comes behind the command line.
func splitLeaf() leaf[processRow] {
	l := flag("args_in_cmd_line", "args are cmd_line split at spaces, and not stored", func(p *processRow) *bool { return &p.split })
	set := l.set
	l.set = func(dec *decoder, p *processRow, v value) {
		set(dec, p, v)
		if p.split {
			p.Arguments = strings.Split(p.CommandLine, " ")
		}
	}
	return l
}

// splits reports whether the arguments are the command line split at spaces.
func splits(line string, args []string) bool {
	for i, arg := range args {
		if i > 0 {
			if line == "" || line[0] != ' ' {
				return false
			}
			line = line[1:]
		}
		if !strings.HasPrefix(line, arg) || strings.Contains(arg, " ") {
			return false
		}
		line = line[len(arg):]
	}
	return len(args) > 0 && line == ""
}
