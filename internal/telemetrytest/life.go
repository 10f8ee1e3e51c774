package telemetrytest

import (
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// services are the long-running processes of a host.
type services struct {
	init, sshd, cron, shim, web, database *event.Process
}

func (h *host) startServices() services {
	service := func(parent *event.Process, line, user, unit string) *event.Process {
		p := h.spawn(parent, line, user)
		p.Started = h.boot.Add(time.Duration(h.rng.IntN(3e10)))
		p.UID.Start = uint64(p.Started.Sub(h.boot).Truncate(10 * time.Millisecond))
		p.Executed = p.Started.Add(3 * time.Millisecond)
		p.Entry = event.EntryPoint{Kind: event.EntryService, Unit: unit}
		return p
	}
	init := service(nil, "/usr/lib/systemd/systemd --system --deserialize=44", "root", "")
	init.PID, init.UID.PID, init.Entry.Kind = 1, 1, event.EntryInit
	return services{
		init:     init,
		sshd:     service(init, "/usr/sbin/sshd -D", "root", "ssh.service"),
		cron:     service(init, "/usr/sbin/cron -f", "root", "cron.service"),
		shim:     service(init, "/usr/bin/containerd-shim-runc-v2 -namespace moby -id "+h.hex(64), "root", "containerd.service"),
		web:      service(init, "/usr/sbin/nginx -g daemon on; master_process on;", "www-data", "nginx.service"),
		database: service(init, "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main", "postgres", "postgresql@15-main.service"),
	}
}

// spawn makes the image of a program that parent starts now.
func (h *host) spawn(parent *event.Process, line, user string) *event.Process {
	h.pid = 300 + (h.pid+uint32(1+h.rng.IntN(4)))%4194000
	args := strings.Split(line, " ")
	p := &event.Process{
		UID: event.ProcessUID{Boot: h.bootID, PID: h.pid, Start: uint64(h.now.Sub(h.boot).Truncate(10 * time.Millisecond))},
		PID: h.pid, Parent: parent, CommandLine: line, Arguments: args, Directory: "/",
		Started: h.now, Executed: h.now.Truncate(time.Millisecond), User: account(user),
	}
	path := args[0]
	if !strings.HasPrefix(path, "/") {
		path = "/usr/bin/" + path
	}
	p.Executable = h.program(path)
	p.Name = path[strings.LastIndexByte(path, '/')+1:]
	p.Name = p.Name[:min(len(p.Name), 15)]
	if parent != nil {
		p.PPID, p.Entry, p.Login, p.Session = parent.PID, parent.Entry, parent.Login, parent.Session
		p.Terminal, p.Container, p.Directory = parent.Terminal, parent.Container, parent.Directory
	}
	return p
}

// program returns the file of a packaged program; its details depend on the
// path only, as on hosts of one release.
func (h *host) program(path string) *event.File {
	var sum uint64 = 14695981039346656037
	for _, c := range []byte(path) {
		sum = (sum ^ uint64(c)) * 1099511628211
	}
	return &event.File{
		Path: path, Owned: event.OwnedYes, Package: packages[sum%uint64(len(packages))], Size: int64(20000 + sum%2000000),
		Mode: 0o100755, Inode: 100000 + sum%900000, Device: 0xfd01, Changed: h.boot.Add(-time.Duration(sum % 1e15)),
	}
}

// run starts a program, which ends some time later.
func (h *host) run(parent *event.Process, line, user string) *event.Process {
	h.tick()
	p := h.spawn(parent, line, user)
	source := event.SourceAudit
	if h.rng.IntN(4) == 0 {
		source = event.SourcePerf
	}
	key := ""
	if source == event.SourceAudit {
		key = "holdfast-exec"
	}
	h.emit(event.Event{
		Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Status: event.StatusSuccess, Source: source, Process: p, Key: key,
	})
	h.running = append(h.running, p)
	return p
}

func (h *host) end(p *event.Process) {
	h.now = h.now.Add(time.Duration(h.rng.IntN(20e6)))
	exit := &event.Exit{}
	if h.rng.IntN(12) == 0 {
		exit.Code = 1
	}
	h.emit(event.Event{
		Class: event.ClassProcessActivity, Activity: event.ProcessTerminate, Source: event.SourcePerf, Process: p, Exit: exit,
	})
}

// job is what cron and timers run: a shell with a few programs.
func (h *host) job() {
	parent := h.services.cron
	sh := h.run(parent, "/bin/sh -c "+h.fill(pick(h.rng, jobs)), "root")
	sh.Script = ""
	for range 1 + h.rng.IntN(4) {
		h.run(sh, h.fill(pick(h.rng, jobPrograms)), "root")
	}
}

// healthCheck is what a container runtime or monitoring asks for all the time.
func (h *host) healthCheck() {
	p := h.run(h.services.shim, h.fill(pick(h.rng, checks)), "nobody")
	if p.Container == nil {
		p.Container = &event.Container{
			ID: strings.Repeat(string(h.id[1:]), 4), Runtime: "docker", Name: "shop-1", Image: "registry.example.org/shop:4.2",
		}
	}
	if h.rng.IntN(2) == 0 {
		h.network(p, event.NetworkOpen, "outbound", h.peer(), uint16(8000+h.rng.IntN(5)))
	}
}

// command is a person who types a command.
func (h *host) command() {
	if len(h.sessions) == 0 {
		h.logon()
		return
	}
	shell := pick(h.rng, h.sessions)
	p := h.run(shell, h.fill(pick(h.rng, commands)), shell.User.Name)
	if h.rng.IntN(10) == 0 {
		h.setUser(p)
	}
}

func (h *host) setUser(p *event.Process) {
	root := *p
	root.Effective = &event.User{UID: 0, Name: "root"}
	h.emit(event.Event{
		Class: event.ClassProcessActivity, Activity: event.ProcessSetUser, Status: event.StatusSuccess, Source: event.SourceAudit,
		Process: &root, User: &event.User{UID: 0, Name: "root"}, Key: "holdfast-user",
	})
}

// connect is a service that talks to another.
func (h *host) connect() {
	h.tick()
	p, direction, port := h.services.web, "inbound", uint16(443)
	if h.rng.IntN(3) == 0 {
		p, direction, port = h.services.database, "outbound", 5432
	}
	peer := h.peer()
	h.network(p, event.NetworkOpen, direction, peer, port)
	if h.rng.IntN(2) == 0 {
		h.tick()
		h.network(p, event.NetworkClose, direction, peer, port)
	}
}

func (h *host) network(p *event.Process, a event.Activity, direction string, peer netip.Addr, port uint16) {
	local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, h.id[1], h.id[2]}), uint16(32768+h.rng.IntN(28000)))
	n := &event.Network{Protocol: "tcp", Direction: direction, Local: local, Remote: netip.AddrPortFrom(peer, port), Inode: uint64(h.rng.IntN(1e6))}
	if a == event.NetworkClose {
		n.BytesSent, n.BytesRecv = uint64(h.rng.IntN(20000)), uint64(h.rng.IntN(400000))
	}
	h.emit(event.Event{Class: event.ClassNetworkActivity, Activity: a, Source: event.SourceConntrack, Process: p, Network: n})
}

// peer returns one of the few hundred addresses that a server talks to.
func (h *host) peer() netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(h.rng.IntN(4)), 3, byte(1 + h.rng.IntN(60))})
}

func (h *host) writeFile() {
	h.tick()
	activity := pick(h.rng, []event.Activity{event.FileCreate, event.FileUpdate, event.FileUpdate, event.FileDelete, event.FileSetAttrs})
	file := &event.File{Path: h.fill(pick(h.rng, files)), Mode: 0o100644, Inode: uint64(200000 + h.rng.IntN(5000)), Device: 0xfd01}
	p := h.services.database
	if len(h.running) > 0 {
		p = pick(h.rng, h.running)
	}
	h.emit(event.Event{
		Class: event.ClassFileActivity, Activity: activity, Status: event.StatusSuccess, Source: event.SourceAudit,
		Process: p, File: file, Key: "holdfast-etc",
	})
}

// logon is a person or a scanner at the ssh port.
func (h *host) logon() {
	h.tick()
	name := pick(h.rng, people)
	user := account(name)
	p := h.spawn(h.services.sshd, "sshd: "+name+" [priv]", "root")
	p.Executable, p.Name = h.program("/usr/sbin/sshd"), "sshd"
	from := netip.AddrFrom4([4]byte{192, 0, 2, byte(h.rng.IntN(250))})
	e := event.Event{
		Class: event.ClassAuthentication, Activity: event.AuthLogon, Status: event.StatusSuccess, Source: event.SourceJournal, Process: p, User: &user,
		Logon:   &event.Logon{Service: "sshd", Method: "publickey", Address: from, Port: uint16(30000 + h.rng.IntN(30000)), Terminal: "ssh"},
		Message: "Accepted publickey for " + name + " from " + from.String() + " port 50022 ssh2: ED25519 SHA256:" + h.hex(16),
	}
	if h.rng.IntN(3) == 0 {
		e.Status, e.Logon.Method, e.Message = event.StatusFailure, "password", "Failed password for "+name+" from "+from.String()+" port 50022 ssh2"
		h.emit(e)
		return
	}
	h.emit(e)
	shell := h.run(p, "-bash", name)
	shell.Executable, shell.Name = h.program("/usr/bin/bash"), "bash"
	shell.Login, shell.Session, shell.Terminal = &user, uint32(1+h.serial%5000), "pts/0"
	shell.Entry = event.EntryPoint{Kind: event.EntrySSH, Address: from.String(), User: name}
	shell.Directory = "/home/" + name
	h.running = h.running[:len(h.running)-1]
	h.sessions = append(h.sessions, shell)
	if len(h.sessions) > 3 {
		h.end(h.sessions[0])
		h.sessions = h.sessions[1:]
	}
}

// administer is what happens seldom.
func (h *host) administer() {
	h.tick()
	e := event.Event{Status: event.StatusSuccess, Source: event.SourceAudit, Process: h.services.init}
	switch h.rng.IntN(4) {
	case 0:
		e.Class, e.Activity, e.Kernel = event.ClassKernelExtension, event.ExtensionLoad, &event.Kernel{Name: "nf_conntrack", Type: "module", Syscall: "finit_module"}
	case 1:
		e.Class, e.Activity, e.Kernel = event.ClassDeviceConfigChange, event.ConfigMount, &event.Kernel{Name: "/run/user/1000", Type: "tmpfs", Syscall: "mount", Source: "tmpfs"}
	case 2:
		e.Class, e.Activity, e.Message = event.ClassDeviceConfigChange, event.ConfigService, "unit=apt-daily.service"
	default:
		user := account("deploy")
		e.Class, e.Activity, e.User, e.Group = event.ClassGroupManagement, event.GroupAddUser, &user, &event.Group{GID: 27, Name: "sudo"}
	}
	h.emit(e)
}
