package fields

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
)

// Field describes a field of documents made from events.
type Field struct {
	Name       string
	Categories []string // that have it; nil for every category
	Text       string   // what it holds

	get getter
}

// Table returns all fields that documents made from events can have, in the
// order of the reference documentation.
func Table() []Field { return slices.Clone(table) }

// Unknown returns the fields that a rule looks at or shows and that no event of
// its log source has, so that a rule with a slip of the pen is not silently
// dead. It is empty for rules whose log source is not one of events: audit
// records and other products have fields of their own.
func Unknown(rule *sigma.Rule) []string {
	log := rule.LogSource
	if log.Service != "" || log.Product != "" && log.Product != "linux" {
		return nil
	}
	var unknown []string
	for _, name := range detect.FieldsOf(rule) {
		known := slices.ContainsFunc(table, func(f Field) bool {
			return f.Name == name && (log.Category == "" || f.Categories == nil || slices.Contains(f.Categories, log.Category))
		})
		if !known {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Categories returns the log source categories of events, sorted.
func Categories() []string {
	var all []string
	for _, class := range event.Classes() {
		if name, ok := wholeClasses[class]; ok {
			all = append(all, name)
		}
		for _, name := range categories[class] {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// WriteReference writes the reference documentation of fields in Markdown.
func WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString("<!-- generated: do not edit -->\n# Fields of events in detection rules\n\n" +
		"Events of this host have `product: linux` and one of these categories:\n")
	for _, category := range Categories() {
		fmt.Fprintf(&b, "`%s` ", category)
	}
	b.WriteString("\n\nAudit records as they are (`service: auditd`) have the fields of the record under their own names, decoded, " +
		"and `type`. Log lines (`service:` the program, `auth` or `syslog`) are searched by keywords.\n\n" +
		"| Field | Categories | Holds |\n| --- | --- | --- |\n")
	for _, f := range table {
		where := "all"
		if f.Categories != nil {
			where = strings.Join(f.Categories, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, where, f.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Sets of categories that share fields.
var (
	fileCategories = []string{
		"file_event", "file_delete", "file_rename", "file_change", "file_access", "scheduled_job", "service_change", "mount", "audit_config",
	}
	creation    = []string{"process_creation"}
	targets     = []string{"process_access", "process_signal"}
	network     = []string{"network_connection", "network_listen", "network_close"}
	remote      = append([]string{"authentication"}, network...)
	accounts    = []string{"authentication", "account_change", "group_change"}
	kernel      = []string{"driver_load", "driver_unload", "kernel_activity", "memory", "mount", "privilege_change"}
	modules     = []string{"driver_load", "driver_unload"}
	logons      = []string{"authentication"}
	termination = []string{"process_termination"}
	listable    = []string{"process_creation", "authentication", "network_connection", "network_close"}
)

// table is every field with what it holds and how it is computed.
var table = []Field{
	{"Class", nil, "class of the event, for example `process_activity`", text(func(m *Mapper) string { return m.event.Class.String() })},
	{"Activity", nil, "activity within the class, for example `launch`, `clear`, `disable`", text(func(m *Mapper) string { return m.event.Class.Name(m.event.Activity) })},
	{"Status", nil, "`success` or `failure`; absent where unknown", text(status)},
	{"Source", nil, "sensor that saw the event: `audit`, `perf`, `procfs`, `syslog`, `journal`, `sockdiag`, `conntrack`", text(func(m *Mapper) string { return string(m.event.Source) })},
	{"AuditKey", nil, "key of the audit rule behind the event", text(func(m *Mapper) string { return m.event.Key })},
	{"Time", nil, "when it happened, in UTC, for example `2026-03-01T12:00:00Z`; see the modifiers `hour` and the like", text(func(m *Mapper) string { return m.event.Time.UTC().Format(time.RFC3339) })},
	{"HostName", nil, "id of the host", text(func(m *Mapper) string { return string(m.event.Host) })},
	{"Message", nil, "text of the log line behind the event", text(func(m *Mapper) string { return m.event.Message })},

	{"Image", nil, "path of the actor's executable", image(actor)},
	{"ProcessName", nil, "the actor's comm, at most 15 bytes, which it may choose", process(actor, func(p *event.Process) string { return p.Name })},
	{"ProcessNames", nil, "`ProcessName`, and beside it the name of the executable's file and of the applet that it runs where they differ; a list", processNames},
	{"CommandLine", nil, "the actor's arguments joined by spaces", process(actor, commandLine)},
	{"CommandLines", nil, "`CommandLine`, and beside it the same in one spelling where that differs: without the quotes, escapes, `$IFS`, `//`, `env` and the like that do not change what runs; a list", commandLines},
	{"Arguments", nil, "the actor's arguments, a list", list(func(m *Mapper) []string { return m.actor().Arguments })},
	{"CurrentDirectory", nil, "the actor's working directory", process(actor, func(p *event.Process) string { return p.Directory })},
	{"ProcessId", nil, "the actor's pid", pid(actor)},
	{"User", nil, "the actor's real user: name, or number where it has none", process(actor, func(p *event.Process) string { return p.User.String() })},
	{"UserId", nil, "… as a number", user(func(p *event.Process) *event.User { return &p.User })},
	{"EffectiveUser", nil, "the actor's effective user", process(actor, func(p *event.Process) string { return effective(p).String() })},
	{"EffectiveUserId", nil, "… as a number", user(effective)},
	{"LogonUser", nil, "who logged on to the session (audit uid); absent for daemons", process(actor, logonUser)},
	{"LogonUserId", nil, "… as a number", user(func(p *event.Process) *event.User { return p.Login })},
	{"LogonId", nil, "audit session; absent for daemons", positive(func(m *Mapper) int64 { return int64(m.actor().Session) })},
	{"Terminal", nil, "controlling terminal, for example `pts0`; of a logon: where it came through, for example `ssh`", text(terminal)},
	{"Script", nil, "absolute path of the script that the actor, an interpreter, runs", process(actor, func(p *event.Process) string { return p.Script })},
	{"ParentImage", nil, "path of the executable of the actor's parent", image(parent)},
	{"ParentProcessName", nil, "the parent's comm", process(parent, func(p *event.Process) string { return p.Name })},
	{"ParentCommandLine", nil, "the parent's arguments joined by spaces", process(parent, commandLine)},
	{"ParentProcessId", nil, "the parent's pid", positive(func(m *Mapper) int64 { return int64(m.actor().PPID) })},
	{"ParentUser", nil, "the parent's real user", process(parent, func(p *event.Process) string { return p.User.String() })},
	{"ParentScript", nil, "script that the parent runs", process(parent, func(p *event.Process) string { return p.Script })},
	{"GrandParentImage", nil, "path of the executable of the parent's parent", image(func(m *Mapper) *event.Process { return parentOf(parent(m)) })},
	{"AncestorImages", nil, "paths of the executables of all ancestors, the parent first, a list", ancestors(func(p *event.Process) string { return p.Path() })},
	{"AncestorScripts", nil, "scripts that the ancestors run, a list", ancestors(func(p *event.Process) string { return p.Script })},
	{"EntryPoint", nil, "how the session came in: `ssh`, `console`, `graphical`, `cron`, `container`, `service`, `kernel`, `init`", process(actor, func(p *event.Process) string { return string(p.Entry.Kind) })},
	{"EntryAddress", nil, "remote address of an ssh session", process(actor, func(p *event.Process) string { return p.Entry.Address })},
	{"EntryUser", nil, "account that logged on, or that the job belongs to", process(actor, func(p *event.Process) string { return p.Entry.User })},
	{"EntryUnit", nil, "systemd unit of a service", process(actor, func(p *event.Process) string { return p.Entry.Unit })},
	{"ContainerId", nil, "id of the actor's container", container(func(c *event.Container) string { return c.ID })},
	{"ContainerName", nil, "its name", container(func(c *event.Container) string { return c.Name })},
	{"ContainerImage", nil, "its image", container(func(c *event.Container) string { return c.Image })},
	{"ContainerRuntime", nil, "its runtime: `docker`, `containerd`, `crio`, `podman`, `lxc`", container(func(c *event.Container) string { return c.Runtime })},
	{"Hashes", nil, "`SHA256=` and the hash of the executable", executable(hashes)},
	{"sha256", nil, "hash of the executable", executable(func(f *event.File) string { return f.SHA256 })},
	{"Package", nil, "distribution package that owns the executable", executable(func(f *event.File) string { return f.Package })},
	{"PackageOwned", nil, "`yes` or `no`; absent where nobody looked", executable(func(f *event.File) string { return string(f.Owned) })},
	{"ImageKind", nil, "`memfd` or `deleted` for an executable that no directory names", executable(func(f *event.File) string { return string(f.Kind) })},
	{"StandardInput", nil, "what it is connected to: `file`, `tty`, `pipe`, `socket`, `unix_socket`", descriptor(0, descriptorKind)},
	{"StandardOutput", nil, "likewise", descriptor(1, descriptorKind)},
	{"StandardError", nil, "likewise", descriptor(2, descriptorKind)},
	{"StandardInputPeer", nil, "address:port of the peer where it is a network socket", descriptor(0, descriptorPeer)},
	{"StandardOutputPeer", nil, "likewise", descriptor(1, descriptorPeer)},
	{"StandardErrorPeer", nil, "likewise", descriptor(2, descriptorPeer)},
	{"Environment", nil, "variables that matter to detection as `NAME=value`, a list", list(func(m *Mapper) []string { return m.actor().Environment })},

	{"DownloadPath", creation, "absolute paths of the files that a download command writes, a list", list(func(m *Mapper) []string { return m.downloads().paths })},
	{"DownloadUrl", creation, "what it downloads, a list", list(func(m *Mapper) []string { return m.downloads().urls })},
	{"DownloadHost", creation, "from which hosts, a list", list(func(m *Mapper) []string { return m.downloads().hosts })},
	{"DownloadToPipe", creation, "`yes` where the download goes to standard output", text(func(m *Mapper) string { return yes(m.downloads().toPipe) })},

	{"ListedIndicator", listable, "what is on the operator's lists of malicious addresses and names: of a command line what it mentions, a list; of a logon or connection the other end", listed},

	{"ExitCode", termination, "exit status", exitCode},
	{"ExitSignal", termination, "name of the signal that killed it", text(exitSignal)},

	{"TargetImage", targets, "path of the executable of the process acted on", image(target)},
	{"TargetCommandLine", targets, "its arguments joined by spaces", process(target, commandLine)},
	{"TargetProcessId", targets, "its pid", pid(target)},
	{"Signal", []string{"process_signal"}, "name of the signal", text(func(m *Mapper) string { return m.kernel().Request })},
	{"Request", []string{"process_access", "kernel_activity", "driver_load"}, "ptrace request, prctl option or bpf command", text(func(m *Mapper) string { return m.kernel().Request })},
	{"Capabilities", []string{"privilege_change"}, "capabilities gained, without CAP_ in lower case, a list", list(func(m *Mapper) []string { return m.kernel().Capabilities })},
	{"Syscall", kernel, "name of the system call", text(func(m *Mapper) string { return m.kernel().Syscall })},
	{"Type", kernel, "kind of BPF program, namespace, file system or socket family", text(func(m *Mapper) string { return m.kernel().Type })},
	{"Name", []string{"memory", "kernel_activity"}, "name of the memfd or object", text(func(m *Mapper) string { return m.kernel().Name })},
	{"ModuleName", modules, "name of the kernel module or BPF program", text(func(m *Mapper) string { return m.kernel().Name })},
	{"ModulePath", modules, "path of the module's file", text(filePath)},
	{"ImageLoaded", modules, "the same under the name of the Sigma taxonomy", text(filePath)},
	{"Device", []string{"mount"}, "what is mounted", text(func(m *Mapper) string { return m.kernel().Source })},
	{"AdjustedSeconds", []string{"clock_change"}, "how far the clock was moved", adjusted},
	{"UnitName", []string{"service_change", "scheduled_job"}, "unit or job concerned", text(unitName)},

	{"TargetFilename", fileCategories, "path of the file, or the mount point", text(targetFilename)},
	{"NewFilename", []string{"file_rename"}, "path after a rename", text(func(m *Mapper) string { return m.file().NewPath })},
	{"TargetPackage", fileCategories, "distribution package that owns the file", text(func(m *Mapper) string { return m.file().Package })},
	{"Truncated", []string{"file_event", "file_access"}, "`yes` where the file's content was cut off", text(func(m *Mapper) string { return yes(m.file().Truncated) })},

	{"Service", logons, "`sshd`, `sudo`, `su`, `login`, `cron` …", text(func(m *Mapper) string { return m.logon().Service })},
	{"Method", logons, "`password`, `publickey` …", text(func(m *Mapper) string { return m.logon().Method })},
	{"SourceHost", logons, "remote name where no address is known", text(func(m *Mapper) string { return m.logon().Hostname })},
	{"UnknownUser", logons, "`yes` where the account does not exist", text(func(m *Mapper) string { return yes(m.logon().Invalid) })},
	{"Command", logons, "what sudo or su was asked to run", text(func(m *Mapper) string { return m.logon().Command })},
	{"TargetUser", accounts, "account that logs on or is changed", text(targetUser)},
	{"TargetUserId", accounts, "… as a number", targetUserID},
	{"TargetGroup", accounts, "group concerned", text(targetGroup)},

	{"SourceIp", remote, "address that began the connection or logon", address(func(m *Mapper) netip.AddrPort { s, _ := m.endpoints(); return s })},
	{"SourcePort", remote, "its port", port(func(m *Mapper) netip.AddrPort { s, _ := m.endpoints(); return s })},
	{"DestinationIp", network, "address that was connected to, or listens", address(func(m *Mapper) netip.AddrPort { _, d := m.endpoints(); return d })},
	{"DestinationPort", network, "its port", port(func(m *Mapper) netip.AddrPort { _, d := m.endpoints(); return d })},
	{"Protocol", network, "`tcp` or `udp`", text(func(m *Mapper) string { return m.network().Protocol })},
	{"Initiated", network, "`true` where this host began the connection, `false` where the peer did", text(initiated)},
}

// Stand-ins for parts that an event does not have. They are never written.
var (
	noProcess event.Process
	noKernel  event.Kernel
	noFile    event.File
	noLogon   event.Logon
	noNetwork event.Network
)

func (m *Mapper) actor() *event.Process   { return cmp.Or(actor(m), &noProcess) }
func (m *Mapper) kernel() *event.Kernel   { return cmp.Or(m.event.Kernel, &noKernel) }
func (m *Mapper) file() *event.File       { return cmp.Or(m.event.File, &noFile) }
func (m *Mapper) logon() *event.Logon     { return cmp.Or(m.event.Logon, &noLogon) }
func (m *Mapper) network() *event.Network { return cmp.Or(m.event.Network, &noNetwork) }

func (m *Mapper) downloads() *download {
	if p := actor(m); p != nil && p != m.parsedFor {
		m.download.parse(p)
		m.parsedFor = p
	} else if p == nil {
		m.download.reset()
	}
	return &m.download
}

// text makes a getter of a function that returns "" for a field that is absent.
func text(f func(*Mapper) string) getter {
	return func(m *Mapper, d *detect.Document, id detect.FieldID) {
		if s := f(m); s != "" {
			d.SetString(id, s)
		}
	}
}

func list(f func(*Mapper) []string) getter {
	return func(m *Mapper, d *detect.Document, id detect.FieldID) { d.SetStrings(id, f(m)) }
}

func positive(f func(*Mapper) int64) getter {
	return func(m *Mapper, d *detect.Document, id detect.FieldID) {
		if n := f(m); n > 0 {
			d.SetInt(id, n)
		}
	}
}

// actor is who did it, or what a failed exec would have run.
func actor(m *Mapper) *event.Process {
	if m.failed.valid {
		return &m.failed.proc
	}
	return m.event.Process
}

func parent(m *Mapper) *event.Process { return parentOf(actor(m)) }
func target(m *Mapper) *event.Process { return m.event.Target }

func parentOf(p *event.Process) *event.Process {
	if p == nil {
		return nil
	}
	return p.Parent
}

// process makes a getter of a text of one of the event's processes.
func process(which func(*Mapper) *event.Process, f func(*event.Process) string) getter {
	return text(func(m *Mapper) string {
		if p := which(m); p != nil {
			return f(p)
		}
		return ""
	})
}

func image(which func(*Mapper) *event.Process) getter {
	return process(which, (*event.Process).Path)
}

func pid(which func(*Mapper) *event.Process) getter {
	return positive(func(m *Mapper) int64 {
		if p := which(m); p != nil {
			return int64(p.PID)
		}
		return 0
	})
}

func commandLine(p *event.Process) string {
	if p.CommandLine == "" && len(p.Arguments) > 0 {
		return strings.Join(p.Arguments, " ")
	}
	return p.CommandLine
}

func effective(p *event.Process) *event.User { return cmp.Or(p.Effective, &p.User) }

func logonUser(p *event.Process) string {
	if p.Login == nil {
		return ""
	}
	return p.Login.String()
}

// user makes a getter of a user's number. The number zero is root, so that a
// missing user must be nil.
func user(f func(*event.Process) *event.User) getter {
	return func(m *Mapper, d *detect.Document, id detect.FieldID) {
		if m.event.Process == nil {
			return
		}
		if u := f(m.event.Process); u != nil && u.UID != event.UnsetUID {
			d.SetInt(id, int64(u.UID))
		}
	}
}

func executable(f func(*event.File) string) getter {
	return process(actor, func(p *event.Process) string {
		if p.Executable == nil {
			return ""
		}
		return f(p.Executable)
	})
}

func container(f func(*event.Container) string) getter {
	return process(actor, func(p *event.Process) string {
		if p.Container == nil {
			return ""
		}
		return f(p.Container)
	})
}

func ancestors(f func(*event.Process) string) getter {
	return func(m *Mapper, d *detect.Document, id detect.FieldID) {
		p := parent(m)
		for range event.MaxLineage {
			if p == nil {
				return
			}
			if s := f(p); s != "" {
				d.Append(id, s)
			}
			p = p.Parent
		}
	}
}

func descriptor(fd int, f func(event.Descriptor) string) getter {
	return process(actor, func(p *event.Process) string {
		for _, d := range p.Descriptors {
			if d.FD == fd {
				return f(d)
			}
		}
		return ""
	})
}

func descriptorKind(d event.Descriptor) string { return string(d.Kind) }

func descriptorPeer(d event.Descriptor) string {
	if d.Kind != event.DescriptorSocket {
		return ""
	}
	return d.Target
}

func hashes(f *event.File) string {
	if f.SHA256 == "" {
		return ""
	}
	return "SHA256=" + f.SHA256
}

func status(m *Mapper) string {
	if m.event.Status == event.StatusUnknown {
		return ""
	}
	return m.event.Status.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func terminal(m *Mapper) string { return cmp.Or(m.logon().Terminal, m.actor().Terminal) }

func filePath(m *Mapper) string { return m.file().Path }

func targetFilename(m *Mapper) string {
	if m.event.File == nil && m.event.Class == event.ClassDeviceConfigChange {
		return m.kernel().Name
	}
	return m.file().Path
}

func unitName(m *Mapper) string {
	if name := m.kernel().Name; name != "" {
		return name
	}
	if file := m.file().Path; file != "" {
		return path.Base(file)
	}
	return ""
}

func exitCode(m *Mapper, d *detect.Document, id detect.FieldID) {
	if m.event.Exit != nil && m.event.Exit.Signal == "" {
		d.SetInt(id, int64(m.event.Exit.Code))
	}
}

func exitSignal(m *Mapper) string {
	if m.event.Exit == nil {
		return ""
	}
	return m.event.Exit.Signal
}

func adjusted(m *Mapper, d *detect.Document, id detect.FieldID) {
	if m.event.Kernel != nil {
		d.SetFloat(id, m.event.Kernel.Adjusted.Seconds())
	}
}

func targetUser(m *Mapper) string {
	if m.event.User == nil {
		return ""
	}
	return m.event.User.String()
}

func targetUserID(m *Mapper, d *detect.Document, id detect.FieldID) {
	if u := m.event.User; u != nil && u.UID != event.UnsetUID {
		d.SetInt(id, int64(u.UID))
	}
}

func targetGroup(m *Mapper) string {
	switch g := m.event.Group; {
	case g == nil:
		return ""
	case g.Name != "":
		return g.Name
	default:
		return strconv.FormatUint(uint64(g.GID), 10)
	}
}

// endpoints returns who began a connection and who was connected to.
func (m *Mapper) endpoints() (source, destination netip.AddrPort) {
	switch n := m.network(); {
	case m.event.Logon != nil:
		return netip.AddrPortFrom(m.event.Logon.Address, m.event.Logon.Port), destination
	case n.Direction == "inbound":
		return n.Remote, n.Local
	case m.event.Activity == event.NetworkListen:
		return source, n.Local
	default:
		return n.Local, n.Remote
	}
}

func address(f func(*Mapper) netip.AddrPort) getter {
	return text(func(m *Mapper) string {
		if a := f(m).Addr(); a.IsValid() {
			return a.Unmap().String()
		}
		return ""
	})
}

func port(f func(*Mapper) netip.AddrPort) getter {
	return positive(func(m *Mapper) int64 { return int64(f(m).Port()) })
}

func initiated(m *Mapper) string {
	switch m.network().Direction {
	case "outbound":
		return "true"
	case "inbound":
		return "false"
	}
	return ""
}
