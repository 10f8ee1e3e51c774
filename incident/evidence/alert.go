package evidence

import (
	"encoding/hex"
	"net/netip"
	"strconv"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// FromAlert returns the signal of an alert. HostName is for people; what the
// caller knows besides (false alarms, suppression, the host's worth, how
// common an entity is) it fills in afterwards.
func FromAlert(a *finding.Alert, hostName string) Signal {
	s := Signal{
		ID: a.ID, Rule: a.Rule.ID, Title: a.Title, Text: a.Story, Severity: a.Severity, Tactics: a.Tactics,
		Methods: a.Methods, Steps: a.Steps, Time: a.Time, Last: a.LastTime, Seen: a.Raised, Host: a.Host, HostName: hostName, Count: a.Count,
	}
	if s.Rule == "" {
		s.Rule = string(a.Type)
	}
	for _, p := range firstOf(a.Process.Lineage(), MaxLineage) {
		if !p.UID.IsZero() {
			s.Lineage = append(s.Lineage, Process{
				UID: string(a.Host) + "/" + p.UID.String(), Path: p.Path(), Name: p.CommandLine, Hub: p.PID == firstPID,
			})
		}
	}
	c := collector{s: &s}
	c.process(a.Process)
	for i := range a.Evidence {
		c.event(&a.Evidence[i])
	}
	return s
}

// firstPID is the process that starts all others, whatever program it is; in
// the initial pid namespace nothing else can have it (pid_namespaces(7)).
const firstPID = 1

func firstOf[T any](list []T, n int) []T { return list[:min(len(list), n)] }

// collector gathers entities, each once.
type collector struct{ s *Signal }

func (c collector) add(kind finding.EntityKind, value, name string, role Role) {
	if value == "" || len(c.s.Entities) >= MaxEntities {
		return
	}
	for i := range c.s.Entities {
		if e := &c.s.Entities[i]; e.Kind == kind && e.Value == value {
			e.Role = max(e.Role, role)
			return
		}
	}
	c.s.Entities = append(c.s.Entities, Entity{Kind: kind, Value: value, Name: name, Role: role})
}

func (c collector) process(p *event.Process) {
	if p == nil {
		return
	}
	if p.Session != 0 && p.Session != event.UnsetUID {
		c.add(finding.EntitySession, hex.EncodeToString(p.UID.Boot[:])+"/"+strconv.FormatUint(uint64(p.Session), 10), "", RoleNone)
	}
	if p.Login != nil {
		c.add(finding.EntityAccount, p.Login.String(), "", RoleNone)
	}
	c.add(finding.EntityAccount, p.User.String(), "", RoleNone)
	c.address(p.Entry.Address)
	if p.Container != nil {
		c.add(finding.EntityImage, p.Container.Image, "", RoleNone)
	}
	c.add(finding.EntityFile, p.Script, "", RoleRan)
	c.program(p.Executable)
}

// program adds what a process runs, unless it belongs to the distribution or
// to Holdfast: that every host has the same shell says nothing.
func (c collector) program(f *event.File) {
	if f == nil || f.Owned == event.OwnedYes || f.Package != "" || ours(f.Path) {
		return
	}
	if f.Owned == event.OwnedNo {
		c.add(finding.EntityHash, f.SHA256, f.Path, RoleRan)
		c.add(finding.EntityFile, f.Path, "", RoleRan)
	}
}

func (c collector) event(ev *event.Event) {
	if ev.User != nil {
		c.add(finding.EntityAccount, ev.User.String(), "", RoleNone)
	}
	if l := ev.Logon; l != nil {
		c.addr(l.Address)
		c.add(finding.EntityDomain, l.Hostname, "", RoleNone)
	}
	if n := ev.Network; n != nil {
		c.addr(n.Remote.Addr())
		c.connection(n)
	}
	if f := ev.File; f != nil && ev.Class == event.ClassFileActivity && f.Owned != event.OwnedYes {
		c.file(f, ev.Activity)
	}
}

func (c collector) file(f *event.File, activity event.Activity) {
	role := RoleNone
	switch activity {
	case event.FileCreate, event.FileUpdate, event.FileRename, event.FileSetAttrs:
		role = RoleWrote
	}
	path := f.Path
	if f.NewPath != "" {
		path = f.NewPath
	}
	c.add(finding.EntityFile, path, "", role)
	c.add(finding.EntityHash, f.SHA256, path, role)
}

// connection names a socket pair the same from both ends.
func (c collector) connection(n *event.Network) {
	if !n.Local.IsValid() || !n.Remote.IsValid() || n.Remote.Addr().IsLoopback() {
		return
	}
	a, b := unmapped(n.Local), unmapped(n.Remote)
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	c.add(finding.EntityConnection, n.Protocol+" "+a.String()+" "+b.String(), "", RoleNone)
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (c collector) addr(a netip.Addr) {
	if a.IsValid() {
		c.add(finding.EntityAddress, a.Unmap().WithZone("").String(), "", RoleNone)
	}
}

func (c collector) address(text string) {
	if a, err := netip.ParseAddr(text); err == nil {
		c.addr(a)
	}
}
