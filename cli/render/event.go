package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// Widths of the columns of an event line; the rest is the detail. A terminal
// narrower than wideEnough has no room for columns of users and processes;
// there they stand in front of the detail.
const (
	nameWidth    = 20
	userWidth    = 10
	processWidth = 22
	wideEnough   = 100
)

// shortClass holds the first word of an event's name on the terminal.
var shortClass = map[event.Class]string{
	event.ClassFileActivity:       "file",
	event.ClassKernelExtension:    "module",
	event.ClassKernelActivity:     "kernel",
	event.ClassMemoryActivity:     "memory",
	event.ClassScheduledJob:       "job",
	event.ClassProcessActivity:    "process",
	event.ClassEventLog:           "log",
	event.ClassAccountChange:      "account",
	event.ClassAuthentication:     "auth",
	event.ClassGroupManagement:    "group",
	event.ClassNetworkActivity:    "network",
	event.ClassDeviceConfigChange: "config",
}

// EventHeader returns the heading of the columns of [EventLine].
func EventHeader(style Style) string {
	text := style.columns("TIME", "EVENT", "USER", "PROCESS") + "DETAIL"
	return style.color(dim, termtext.Bound(text, style.width())) + "\n"
}

// EventLine returns an event in one line: time, class and activity, user,
// process, detail.
func EventLine(e *event.Event, style Style) string {
	user, process := "-", "-"
	if e.Process != nil {
		user, process = e.Process.User.String(), processLabel(e.Process)
	}
	clock := style.in(e.Time).Format(clockFormat)
	lead := style.columns(clock, eventName(e), user, process)
	detail := termtext.BoundMiddle(eventDetail(e), style.width()-termtext.Width(lead))
	if e.Status == event.StatusFailure {
		detail = style.color(yellow, detail)
	}
	return strings.TrimRight(style.color(dim, lead[:len(clock)])+lead[len(clock):]+detail, " ") + "\n"
}

// columns lays out all of an event line but the detail.
func (s Style) columns(clock, name, user, process string) string {
	lead := termtext.Pad(clock, len(clockFormat)) + columnGap
	if s.width() >= wideEnough {
		return lead + cell(name, nameWidth) + cell(user, userWidth) + cell(process, processWidth)
	}
	lead += cell(name, nameWidth-3)
	room := s.width() - termtext.Width(lead)
	who := user + " " + process
	if process == "-" {
		who = process
	}
	return lead + termtext.Bound(who, max(room/2, 1)) + columnGap
}

// cell bounds and pads a value to a column of the given width.
func cell(value string, width int) string {
	return termtext.Pad(termtext.BoundMiddle(value, width), width) + columnGap
}

func eventName(e *event.Event) string {
	class, ok := shortClass[e.Class]
	if !ok {
		class = e.Class.String()
	}
	return class + " " + e.Class.Name(e.Activity)
}

// eventDetail says in a few words what an event is about: what failed first,
// the object next, repeats last.
func eventDetail(e *event.Event) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Status == event.StatusFailure {
		add("failed:")
	}
	switch {
	case e.Logon != nil:
		add(logonDetail(e))
	case e.Network != nil:
		add(networkDetail(e.Network))
	case e.Exit != nil:
		add(exitDetail(e.Exit))
	case e.Kernel != nil:
		add(kernelDetail(e.Kernel))
	}
	add(fileDetail(e.File))
	if e.Target != nil {
		add("→ " + processLabel(e.Target))
	}
	if e.Logon == nil && e.User != nil {
		add("account " + e.User.String())
	}
	if e.Group != nil {
		add("group " + groupName(e.Group))
	}
	if e.Class == event.ClassProcessActivity && e.Activity == event.ProcessLaunch && e.Process != nil {
		add(commandOf(e.Process))
	}
	if len(parts) == 0 || (len(parts) == 1 && e.Status == event.StatusFailure) {
		add(e.Message)
	}
	if n := e.Repeats(); n > 1 {
		add(fmt.Sprintf("×%d", n))
	}
	return strings.Join(parts, " ")
}

func fileDetail(f *event.File) string {
	if f == nil {
		return ""
	}
	if f.NewPath != "" {
		return f.Path + " → " + f.NewPath
	}
	return f.Path
}

func groupName(g *event.Group) string {
	if g.Name != "" {
		return g.Name
	}
	return strconv.FormatUint(uint64(g.GID), 10)
}

func logonDetail(e *event.Event) string {
	var parts []string
	if e.User != nil {
		parts = append(parts, e.User.String())
	}
	switch {
	case e.Logon.Address.IsValid():
		parts = append(parts, "from", e.Logon.Address.String())
	case e.Logon.Hostname != "":
		parts = append(parts, "from", e.Logon.Hostname)
	case e.Logon.Terminal != "":
		parts = append(parts, "on", e.Logon.Terminal)
	}
	if e.Logon.Service != "" {
		parts = append(parts, "by", e.Logon.Service)
	}
	if e.Logon.Command != "" {
		parts = append(parts, "to run", e.Logon.Command)
	}
	return strings.Join(parts, " ")
}

func networkDetail(n *event.Network) string {
	if !n.Remote.IsValid() {
		return n.Protocol + " " + n.Local.String()
	}
	arrow := " → "
	if n.Direction == "inbound" {
		arrow = " ← "
	}
	return n.Protocol + " " + n.Local.String() + arrow + n.Remote.String()
}

func exitDetail(x *event.Exit) string {
	if x.Signal != "" {
		return "killed by " + x.Signal
	}
	return "status " + strconv.Itoa(x.Code)
}

func kernelDetail(k *event.Kernel) string {
	var parts []string
	for _, s := range []string{k.Syscall, k.Request, k.Type, k.Source, k.Name} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if k.Adjusted != 0 {
		parts = append(parts, "by "+k.Adjusted.String())
	}
	if len(k.Capabilities) > 0 {
		parts = append(parts, "gained "+strings.Join(k.Capabilities, ","))
	}
	return strings.Join(parts, " ")
}
