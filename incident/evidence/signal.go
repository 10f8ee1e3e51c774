package evidence

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// Signal is something that may be part of an attack.
type Signal struct {
	ID       string // of the alert or finding; the same id again is an update of the same signal
	Rule     string // stable id of what raised it: rates are learned by rule
	Title    string // of the rule, for people
	Text     string // what happened, in words
	Action   string // what was done, where several sensors see the same: they merge Within five seconds; "" never merges
	Severity finding.Severity
	Tactics  []finding.Tactic
	Methods  []finding.Technique
	Steps    []string  // what to do about it
	Time     time.Time // by the host's clock, hostile
	// Last is the time of the latest repeat where Count counts several, by the
	// same clock; zero means Time.
	Last time.Time
	// Seen is the server's time when the signal arrived; it moves the
	// engine's clock, and Time is believed only near it or before it. Zero
	// means Time.
	Seen     time.Time
	Host     event.HostID
	HostName string
	Count    uint32 // how often, all reports of this id together; zero means one

	// FalseAlarms is how often the rule is wrong, in alerts a day on a host,
	// as measured elsewhere; zero where nobody knows.
	FalseAlarms float64
	// Asset is what the host is worth beside others; zero means 1.
	Asset float64
	// Confirmed says that it is known to have had an effect: it ran, an
	// indicator is known, an attack was seen to succeed.
	Confirmed bool
	// Suppressed signals tie others together and do not score.
	Suppressed bool

	Entities []Entity  // what it has to do with
	Lineage  []Process // the process that did it, then its ancestors, nearest first
}

// Entity is a thing that a signal has to do with. Files and sessions are those
// of the signal's host, everything else is the same on all hosts.
type Entity struct {
	Kind  finding.EntityKind
	Value string
	Name  string // for people, "" to show the value
	Role  Role
	// Hosts is on how many hosts it is known to occur, from telemetry; zero
	// where only signals are known. The engine counts those itself.
	Hosts int
}

// Role is what a file is to a signal.
type Role uint8

// Roles of files.
const (
	RoleNone  Role = iota
	RoleWrote      // written, created or renamed to
	RoleRan        // run, loaded or interpreted
)

// Process is one of a lineage.
type Process struct {
	UID  string // unique over all hosts and for ever
	Path string // of the executable
	Name string // for people: the command line
	// Hub says that it is known to start what has nothing in common: cause does
	// not pass through it.
	Hub bool `json:",omitempty"`
}

// Retention is how old a signal may be, and for how long a group of signals
// that nothing joins is kept.
const Retention = 30 * 24 * time.Hour

// Bounds of a signal; what is beyond is cut.
const (
	MaxID       = 128
	MaxTitle    = 160
	MaxText     = 400
	MaxValue    = 256
	MaxEntities = 32
	MaxLineage  = 8 // processes: cause fades with each step, and beyond eight nothing is left
	MaxSteps    = 6
	MaxTactics  = 4
	MaxMethods  = 8
)

// How far a host's clock is believed around the server's.
const (
	maxAhead = 5 * time.Minute
	maxBack  = Retention
)

// Clean returns s Within all bounds.
func (s Signal) Clean() Signal {
	s.ID, s.Rule, s.Action = Cut(s.ID, MaxID), Cut(s.Rule, MaxID), Cut(s.Action, MaxID)
	s.Title, s.Text, s.HostName = Cut(s.Title, MaxTitle), Cut(s.Text, MaxText), Cut(s.HostName, MaxID)
	s.Host = event.HostID(Cut(string(s.Host), MaxID))
	s.Severity = min(s.Severity, finding.High)
	s.Count = max(s.Count, 1)
	s.FalseAlarms, s.Asset = Within(s.FalseAlarms, 0, 1000), Within(s.Asset, 0, 10)
	if s.Asset == 0 {
		s.Asset = 1
	}
	if s.Seen.IsZero() {
		s.Seen = s.Time
	}
	s.Seen, s.Time = Representable(s.Seen), Representable(s.Time)
	if s.Time.After(s.Seen.Add(maxAhead)) || s.Time.Before(s.Seen.Add(-maxBack)) {
		s.Time = s.Seen
	}
	s.Last = Representable(s.Last)
	if s.Last.Before(s.Time) {
		s.Last = s.Time
	}
	if s.Last.After(s.Seen.Add(maxAhead)) {
		s.Last = latest(s.Seen, s.Time)
	}
	s.Steps = cutAll(s.Steps, MaxSteps, MaxText)
	s.Tactics, s.Methods = cutAll(s.Tactics, MaxTactics, MaxID), cutAll(s.Methods, MaxMethods, MaxID)
	s.Entities = cleanList(s.Entities[:min(len(s.Entities), MaxEntities)], Entity.clean)
	s.Lineage = cleanList(s.Lineage[:min(len(s.Lineage), MaxLineage)], Process.clean)
	return s
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// cleanList returns list with every element clean. It copies the list only
// where something has to change: it is the caller's.
func cleanList[T comparable](list []T, clean func(T) T) []T {
	copied := false
	for i, v := range list {
		c := clean(v)
		if c == v {
			continue
		}
		if !copied {
			list, copied = slices.Clone(list), true
		}
		list[i] = c
	}
	return list
}

func (e Entity) clean() Entity {
	e.Kind = finding.EntityKind(Cut(string(e.Kind), MaxID))
	e.Value, e.Name = Cut(e.Value, MaxValue), Cut(e.Name, MaxValue)
	return e
}

func (p Process) clean() Process {
	p.UID, p.Path, p.Name = Cut(p.UID, MaxValue), Cut(p.Path, MaxValue), Cut(p.Name, MaxValue)
	return p
}

// Within holds a number to bounds; what is no number becomes the lower one.
func Within(v, low, high float64) float64 {
	if !(v > low) { // NaN too
		return low
	}
	return min(v, high)
}

// Representable keeps times that nanoseconds since 1970 can hold with room for
// sums, and makes them UTC.
func Representable(t time.Time) time.Time {
	first, last := time.Unix(0, 0), time.Unix(1<<33, 0) // 1970 to 2242
	if t.Before(first) {
		return first.UTC()
	}
	if t.After(last) {
		return last.UTC()
	}
	return t.UTC()
}

func cutAll[S ~string](list []S, count, length int) []S {
	var kept []S
	for _, s := range list[:min(len(list), count)] {
		kept = append(kept, S(Cut(string(s), length)))
	}
	return kept
}

// Cut bounds a text in bytes, at the beginning of a character, and copies it:
// what is kept must not hold on to a larger text. Invalid UTF-8 becomes
// U+FFFD, so that a snapshot gives it back as it was.
func Cut(s string, limit int) string {
	whole := len(s) <= limit
	if !whole {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	if !utf8.ValidString(s) {
		return Cut(strings.ToValidUTF8(s, "\uFFFD"), limit)
	}
	if whole {
		return s
	}
	return strings.Clone(s)
}

// genericAccounts belong to nobody in particular.
var genericAccounts = map[string]bool{
	"": true, "root": true, "0": true, "unset": true, "nobody": true, "daemon": true, "system": true, "administrator": true, "admin": true,
	"www-data": true, "nginx": true, "apache": true, "postgres": true, "mysql": true, "bin": true, "sys": true, "mail": true,
	"guest": true, "user": true, "test": true, "localsystem": true, "nt authority\\system": true, "messagebus": true, "sshd": true,
}

// Binds reports whether an entity says anything about who is behind a signal:
// accounts that every host has, and addresses that are no host's, do not.
func (e Entity) Binds() bool {
	switch e.Kind {
	case finding.EntityAccount:
		return !genericAccounts[strings.ToLower(e.Value)]
	case finding.EntityAddress:
		a, err := netip.ParseAddr(e.Value)
		return err != nil || a.Unmap().IsGlobalUnicast()
	}
	return e.Value != ""
}

// Local reports whether the same value on two hosts is two things.
func Local(kind finding.EntityKind) bool {
	return kind == finding.EntityFile || kind == finding.EntitySession
}

// hubPrograms start what has nothing in common: cause does not pass through
// them. Only folders that belong to root count: a copy elsewhere is no Hub, so
// that nobody cuts a trail by choosing a name.
var hubPrograms = map[string]bool{
	"systemd": true, "init": true, "systemd-executor": true, "runsv": true, "runit": true, "s6-svscan": true, "supervisord": true,
	"containerd-shim": true, "containerd-shim-runc-v1": true, "containerd-shim-runc-v2": true, "containerd": true, "dockerd": true,
	"conmon": true, "lxc-start": true, "crond": true, "cron": true, "anacron": true, "atd": true, "inetd": true, "xinetd": true,
	"sshd": true, "dropbear": true, "services.exe": true, "svchost.exe": true,
	"holdfast-agent": true, // plays the scenarios that people order, and carries out what they decide
}

// perSession are hubs whose children for one session or job have the same
// executable: only the outermost of them is the listener.
var perSession = map[string]bool{"sshd": true, "cron": true, "crond": true, "atd": true, "dropbear": true}

// Hub reports whether the process at place i of a lineage is a hub.
func Hub(lineage []Process, i int) bool {
	if lineage[i].Hub {
		return true
	}
	base, ok := systemProgram(lineage[i].Path)
	if !ok || !hubPrograms[base] {
		return false
	}
	if perSession[base] && i+1 < len(lineage) {
		above, ok := systemProgram(lineage[i+1].Path)
		return !ok || above != base
	}
	return true
}

// ours reports whether a path is that of a program of Holdfast, in a folder
// that belongs to root.
func ours(path string) bool {
	base, ok := systemProgram(path)
	return ok && (base == "holdfast" || base == "holdfast-agent" || base == "holdfast-server")
}

// systemProgram returns the last element of a path in a folder of the system.
func systemProgram(path string) (string, bool) {
	i := strings.LastIndexAny(path, `/\`)
	if i < 0 {
		return "", false
	}
	switch folder := strings.ToLower(path[:i]); folder {
	case "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/lib/systemd", "/usr/lib/systemd", "/usr/local/bin", "/usr/local/sbin", "/command", `c:\windows\system32`:
		return strings.ToLower(path[i+1:]), true
	}
	return "", false
}

// Private reports whether an address is one of a network's inside.
func Private(value string) bool {
	a, err := netip.ParseAddr(value)
	return err == nil && a.Unmap().IsPrivate()
}
