package exception

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// value is what an alert says of a field.
type value struct {
	text string
	cut  bool // the middle of it is missing
}

// unclear reports whether a person cannot have seen what the value is: it was
// no text, or was none before it was stored.
func (v value) unclear() bool {
	return !utf8.ValidString(v.text) || strings.ContainsRune(v.text, utf8.RuneError)
}

// field is something that conditions compare.
type field struct {
	name finding.ConditionField
	rank int  // how well it tells alerts apart: the least does best
	one  bool // one of several values suffices
	read func(*subject) []value
}

// numFields is how many fields there are.
const numFields = 18

// fields are all of them. Their places are how conditions name them.
var fields = [numFields]field{
	{name: finding.FieldExecutable, rank: 3, read: func(x *subject) []value { return text(x.process().Path()) }},
	{name: finding.FieldCommandLine, rank: 0, read: func(x *subject) []value { return commandLine(x.process()) }},
	{name: finding.FieldName, rank: 9, read: func(x *subject) []value { return text(x.process().Name) }},
	{name: finding.FieldSHA256, rank: 1, read: func(x *subject) []value { return text(executable(x.process()).SHA256) }},
	{name: finding.FieldPackage, rank: 10, read: func(x *subject) []value { return text(executable(x.process()).Package) }},
	{name: finding.FieldParent, rank: 8, read: func(x *subject) []value { return text(x.process().Parent.Path()) }},
	{name: finding.FieldParentCommand, rank: 4, read: func(x *subject) []value { return commandLine(x.process().Parent) }},
	{name: finding.FieldAncestor, rank: 13, one: true, read: (*subject).ancestors},
	{name: finding.FieldUser, rank: 14, read: (*subject).users},
	{name: finding.FieldEntry, rank: 16, read: func(x *subject) []value { return text(string(x.process().Entry.Kind)) }},
	{name: finding.FieldFile, rank: 5, read: (*subject).paths},
	{name: finding.FieldFileSHA256, rank: 2, read: (*subject).hashes},
	{name: finding.FieldRemoteAddress, rank: 6, read: (*subject).addresses},
	{name: finding.FieldRemotePort, rank: 15, read: (*subject).ports},
	{name: finding.FieldContainerImage, rank: 11, read: func(x *subject) []value { return text(x.container().Image) }},
	{name: finding.FieldContainerName, rank: 7, read: func(x *subject) []value { return text(x.container().Name) }},
	{name: finding.FieldHostName, rank: 12, read: func(x *subject) []value { return text(x.host.Name) }},
	{name: finding.FieldMessage, rank: 17, read: (*subject).messages},
}

// subject is an alert that is compared. What it says of a field is found once.
type subject struct {
	alert *finding.Alert
	host  Host
	known [numFields]bool
	said  [numFields][]value
}

// values returns what the alert says of a field; empty for nothing.
func (x *subject) values(field int) []value {
	if !x.known[field] {
		x.known[field], x.said[field] = true, fields[field].read(x)
	}
	return x.said[field]
}

var nobody event.Process

// process returns who did it, an empty process where that is not known.
func (x *subject) process() *event.Process {
	if x.alert.Process == nil {
		return &nobody
	}
	return x.alert.Process
}

func (x *subject) container() event.Container {
	if c := x.process().Container; c != nil {
		return *c
	}
	return event.Container{}
}

func executable(p *event.Process) event.File {
	if p.Executable == nil {
		return event.File{}
	}
	return *p.Executable
}

// text returns a value, or none for "".
func text(s string) []value {
	if s == "" {
		return nil
	}
	return []value{{text: s}}
}

func commandLine(p *event.Process) []value {
	if p == nil || p.CommandLine == "" {
		return nil
	}
	return []value{{text: p.CommandLine, cut: p.Truncated}}
}

func (x *subject) ancestors() []value {
	var all []value
	for _, p := range x.process().Parent.Lineage() {
		all = append(all, text(p.Path())...)
	}
	return all
}

// users returns the user of the process. Where there is none, as with logons,
// it is the accounts that the events are about.
func (x *subject) users() []value {
	if p := x.alert.Process; p != nil {
		return text(p.User.String())
	}
	return x.each(func(e *event.Event) []value {
		if e.User == nil {
			return nil
		}
		return text(e.User.String())
	})
}

// each gathers the values of the evidence, each once.
func (x *subject) each(read func(*event.Event) []value) []value {
	var all []value
	seen := make(map[string]bool)
	for i := range x.alert.Evidence {
		for _, v := range read(&x.alert.Evidence[i]) {
			if !seen[v.text] {
				seen[v.text] = true
				all = append(all, v)
			}
		}
	}
	return all
}

func (x *subject) paths() []value {
	return x.each(func(e *event.Event) []value {
		if e.File == nil {
			return nil
		}
		return append(text(e.File.Path), text(e.File.NewPath)...)
	})
}

func (x *subject) hashes() []value {
	return x.each(func(e *event.Event) []value {
		if e.File == nil {
			return nil
		}
		return text(e.File.SHA256)
	})
}

func (x *subject) messages() []value {
	return x.each(func(e *event.Event) []value {
		if e.Message == "" {
			return nil
		}
		return []value{{text: e.Message, cut: len(e.Message) >= event.MaxMessage}}
	})
}

func (x *subject) addresses() []value {
	return x.each(func(e *event.Event) []value {
		var all []value
		if e.Network != nil {
			all = append(all, address(e.Network.Remote.Addr())...)
		}
		if e.Logon != nil {
			all = append(all, address(e.Logon.Address)...)
		}
		return all
	})
}

// address returns an address as conditions have it: an IPv4 address that is
// written as an IPv6 one is the IPv4 address.
func address(a netip.Addr) []value {
	if !a.IsValid() {
		return nil
	}
	return text(a.Unmap().String())
}

func (x *subject) ports() []value {
	return x.each(func(e *event.Event) []value {
		if e.Network == nil || e.Network.Remote.Port() == 0 {
			return nil
		}
		return text(strconv.Itoa(int(e.Network.Remote.Port())))
	})
}
