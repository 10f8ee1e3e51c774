package fields

import (
	"path"
	"strings"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/indicator"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
)

// Mapper turns events into documents of one rule set. It is for one goroutine.
type Mapper struct {
	set      *detect.Ruleset
	document *detect.Document
	getters  []getter                  // by field id; nil for fields that the table does not have
	sources  map[uint32]*detect.Source // by class and activity
	services map[string]*detect.Source
	auditd   *detect.Source
	record   recordProvider

	indicators *indicator.Live

	event     *event.Event // being matched
	failed    attempt
	withText  bool // the document at hand carries the message
	download  download
	names     []string       // of the actor, kept between events
	parsedFor *event.Process // whose arguments download was parsed from
}

// getter sets one field of a document from the mapper's event, or leaves it.
type getter func(m *Mapper, d *detect.Document, id detect.FieldID)

var (
	_ detect.Provider = (*Mapper)(nil)
	_ detect.Provider = (*recordProvider)(nil)
)

// NewMapper returns a mapper for the rules of the set.
func NewMapper(set *detect.Ruleset) *Mapper {
	m := &Mapper{
		set: set, document: set.NewDocument(), getters: make([]getter, set.FieldCount()),
		sources: make(map[uint32]*detect.Source), services: make(map[string]*detect.Source),
	}
	auditd := set.Source(sigma.LogSource{Product: "linux", Service: "auditd"})
	m.auditd = &auditd
	m.record.set = set
	for i := range table {
		if id := set.Field(table[i].Name); id != detect.NoField {
			m.getters[id] = table[i].get
		}
	}
	m.getters[detect.Keywords] = (*Mapper).message
	return m
}

// NeedsRecords reports whether a rule looks at raw audit records, so that the
// sensor should keep them.
func (m *Mapper) NeedsRecords() bool {
	for _, rule := range m.set.Rules() {
		if rule.LogSource.Service == "auditd" {
			return true
		}
	}
	return false
}

// Each calls f with every document that the event makes: one for its category,
// one for its message where it comes from a log, and one for each raw audit
// record. The document is valid until f returns; its reference is the event.
func (m *Mapper) Each(ev *event.Event, f func(*detect.Document)) {
	m.event, m.parsedFor = ev, nil
	m.failed.set(ev)
	fromLog := ev.Message != "" && (ev.Source == event.SourceSyslog || ev.Source == event.SourceJournal)
	m.withText = !fromLog
	m.each(m.source(ev), m, f)
	if fromLog {
		m.withText = true
		m.each(m.service(program(ev)), m, f)
	}
	for i := range ev.Records {
		m.record.record = &ev.Records[i]
		m.each(m.auditd, &m.record, f)
	}
}

// source returns the log source of an event's category, or none.
func (m *Mapper) source(ev *event.Event) *detect.Source {
	sort := uint32(ev.Class)<<8 | uint32(ev.Activity)
	if source := m.sources[sort]; source != nil {
		return source
	}
	category := Category(ev)
	if category == "" {
		return &detect.Source{}
	}
	source := m.set.Source(sigma.LogSource{Product: "linux", Category: category})
	m.sources[sort] = &source
	return &source
}

func (m *Mapper) each(source *detect.Source, provider detect.Provider, f func(*detect.Document)) {
	if source.Rules() == 0 {
		return
	}
	m.document.Reset(*source, m.event.Time, m.event, provider)
	m.document.SetRepeats(int(m.event.Repeats()))
	f(m.document)
}

// Provide implements [detect.Provider].
func (m *Mapper) Provide(d *detect.Document, id detect.FieldID) {
	if get := m.getters[id]; get != nil {
		get(m, d, id)
	}
}

func (m *Mapper) message(d *detect.Document, id detect.FieldID) {
	if m.withText && m.event.Message != "" {
		d.SetString(id, m.event.Message)
	}
}

// program returns the program that wrote a log line.
func program(ev *event.Event) string {
	if ev.Logon != nil && ev.Logon.Service != "" {
		return ev.Logon.Service
	}
	return ev.Process.Base()
}

// authPrograms write to the log of the auth and authpriv facilities.
var authPrograms = []string{
	"sshd", "sshd-session", "sudo", "su", "login", "passwd", "useradd", "userdel", "usermod", "groupadd", "groupdel",
	"groupmod", "gpasswd", "chage", "chsh", "chfn", "polkitd", "pkexec", "systemd-logind", "newgrp", "cron", "gdm-password",
}

// service returns the source of log lines of a program: the program itself,
// the log it goes to, and syslog as a whole.
func (m *Mapper) service(program string) *detect.Source {
	source, ok := m.services[program]
	if ok {
		return source
	}
	name := strings.ToLower(program)
	if name == "sshd-session" { // OpenSSH 9.8 and later log under this name
		name = "sshd"
	}
	logs := []sigma.LogSource{{Product: "linux", Service: name}, {Product: "linux", Service: "syslog"}}
	for _, auth := range authPrograms {
		if auth == name {
			logs = append(logs, sigma.LogSource{Product: "linux", Service: "auth"})
		}
	}
	resolved := m.set.Source(logs...)
	if len(m.services) < maxServices {
		m.services[program] = &resolved
	}
	return &resolved
}

// maxServices bounds the cache of log programs, whose names a host chooses.
const maxServices = 256

// recordProvider gives the fields of one audit record under their own names,
// and all values as keywords.
type recordProvider struct {
	set    *detect.Ruleset
	record *event.Record
}

// Provide implements [detect.Provider].
func (p *recordProvider) Provide(d *detect.Document, id detect.FieldID) {
	if id == detect.Keywords {
		d.Append(id, p.record.Type)
		for _, pair := range p.record.Fields {
			d.Append(id, pair.Value)
		}
		return
	}
	name := p.set.FieldName(id)
	if name == "type" {
		d.SetString(id, p.record.Type)
	} else if text, ok := p.record.Get(name); ok {
		d.SetString(id, text)
	}
}

// categories gives the log source category of each class and activity.
var categories = map[event.Class]map[event.Activity]string{
	event.ClassProcessActivity: {
		event.ProcessLaunch: "process_creation", event.ProcessTerminate: "process_termination", event.ProcessFork: "process_fork",
		event.ProcessOpen: "process_access", event.ProcessInject: "process_access", event.ProcessSetUser: "privilege_change",
		event.ProcessSignal: "process_signal",
	},
	event.ClassFileActivity: {
		event.FileCreate: "file_event", event.FileUpdate: "file_event", event.FileDelete: "file_delete",
		event.FileRename: "file_rename", event.FileSetAttrs: "file_change", event.FileOpen: "file_access",
	},
	event.ClassKernelExtension: {event.ExtensionLoad: "driver_load", event.ExtensionUnload: "driver_unload"},
	event.ClassNetworkActivity: {
		event.NetworkOpen: "network_connection", event.NetworkListen: "network_listen", event.NetworkClose: "network_close",
	},
	event.ClassDeviceConfigChange: {
		event.ConfigClock: "clock_change", event.ConfigMount: "mount", event.ConfigUnmount: "mount", event.ConfigService: "service_change",
	},
}

// wholeClasses are the classes whose activities share one category.
var wholeClasses = map[event.Class]string{
	event.ClassKernelActivity: "kernel_activity", event.ClassMemoryActivity: "memory", event.ClassScheduledJob: "scheduled_job",
	event.ClassEventLog: "audit_config", event.ClassAccountChange: "account_change", event.ClassGroupManagement: "group_change",
	event.ClassAuthentication: "authentication",
}

// Category returns the log source category of an event, or "" where it has
// none.
func Category(ev *event.Event) string {
	if category, ok := wholeClasses[ev.Class]; ok {
		return category
	}
	return categories[ev.Class][ev.Activity]
}

// attempt is the actor of an exec that failed: what would have run, as a child
// of the process that tried. The kernel does not record the arguments of a
// failed exec; those of the caller are not those of the program.
type attempt struct {
	valid bool
	proc  event.Process
}

func (a *attempt) set(ev *event.Event) {
	a.valid = ev.Class == event.ClassProcessActivity && ev.Activity == event.ProcessLaunch &&
		ev.Status == event.StatusFailure && ev.Process != nil && ev.File != nil
	if !a.valid {
		return
	}
	a.proc = *ev.Process
	a.proc.Executable, a.proc.Name, a.proc.Parent, a.proc.PPID = ev.File, path.Base(ev.File.Path), ev.Process, ev.Process.PID
	a.proc.CommandLine, a.proc.Arguments, a.proc.Script = "", nil, ""
}
