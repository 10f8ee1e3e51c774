package normalize

import (
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
	"github.com/holdfast-security/holdfast/event"
)

// by fills in who did it: the process of the system call where there is one,
// else the one that the record names.
func (n *Normalizer) by(ev *event.Event, r *record.Record, c *call) {
	if c != nil {
		ev.Process, ev.Key = c.process(&n.shared), c.key
		return
	}
	a := n.actor(r)
	ev.Process = a.process(&n.shared)
}

// body returns the text of a record as a message.
func body(r *record.Record) string { return string(r.Body[:min(len(r.Body), event.MaxMessage)]) }

// config appends a change of the audit system itself.
func (n *Normalizer) config(dst []event.Event, r *record.Record, c *call) []event.Event {
	activity := event.LogConfig
	switch r.Type {
	case record.DaemonStart, record.DaemonResume:
		activity = event.LogEnable
	case record.DaemonEnd, record.DaemonAbort:
		activity = event.LogDisable
	}
	status := event.StatusSuccess
	enabled, old := "", ""
	f := r.Fields()
	for f.Next() {
		switch string(f.Name) {
		case "audit_enabled":
			enabled = string(f.Value)
		case "old":
			old = string(f.Value)
		case "res":
			status = outcome(f.Value)
		}
	}
	if enabled != "" && enabled != old {
		if activity = event.LogEnable; enabled == "0" {
			activity = event.LogDisable
		}
	}
	ev := n.event(event.ClassEventLog, activity, status)
	n.by(&ev, r, c)
	ev.Message = body(r)
	return append(dst, ev)
}

// service appends that systemd started or stopped a unit.
func (n *Normalizer) service(dst []event.Event, r *record.Record) []event.Event {
	ev := n.event(event.ClassDeviceConfigChange, event.ConfigService, outcome(field(r, "res")))
	n.by(&ev, r, nil)
	ev.Kernel = &event.Kernel{Name: n.plainField(r, "unit"), Type: "service", Request: "start"}
	if r.Type == record.ServiceStop {
		ev.Kernel.Request = "stop"
	}
	return append(dst, ev)
}

// crash appends that a signal ended a process abnormally, or that a seccomp
// filter stopped a call.
func (n *Normalizer) crash(dst []event.Event, r *record.Record) []event.Event {
	signal, _ := decode.Uint(field(r, "sig"))
	ev := n.event(event.ClassProcessActivity, event.ProcessTerminate, event.StatusFailure)
	if signal != 0 {
		ev.Exit = &event.Exit{Signal: decode.Signal(int(min(signal, 1<<16)))}
	}
	n.by(&ev, r, nil)
	if r.Type != record.Seccomp {
		return append(dst, ev)
	}
	if signal == 0 {
		ev.Class, ev.Activity = event.ClassKernelActivity, event.KernelInvoke
	}
	arch, _ := decode.Hex(field(r, "arch"))
	number, ok := decode.Uint(field(r, "syscall"))
	ev.Kernel = &event.Kernel{Type: "seccomp", Syscall: n.plainField(r, "syscall")}
	if name, known := syscalls.Name(syscalls.Arch(arch), int(min(number, 1<<16))); ok && known {
		ev.Kernel.Syscall = name
	}
	return append(dst, ev)
}

// promiscuous appends that an interface began or ceased to take every packet.
func (n *Normalizer) promiscuous(dst []event.Event, r *record.Record, c *call) []event.Event {
	ev := n.event(event.ClassKernelActivity, event.KernelInvoke, event.StatusSuccess)
	n.by(&ev, r, c)
	ev.Kernel = &event.Kernel{Type: "promiscuous", Name: n.plainField(r, "dev"), Request: "on"}
	if string(field(r, "prom")) == "0" {
		ev.Kernel.Request = "off"
	}
	return append(dst, ev)
}

// denial appends a decision of SELinux or AppArmor. Records of AppArmor about
// its own profiles are no decision.
func (n *Normalizer) denial(dst []event.Event, r *record.Record, c *call) []event.Event {
	verdict := n.plainField(r, "apparmor")
	operation, name := n.plainField(r, "operation"), n.textField(r, "name")
	status := event.StatusFailure
	switch {
	case verdict == "DENIED" || verdict == "AUDIT":
	case verdict == "ALLOWED":
		status = event.StatusSuccess // a profile in complain mode
	case verdict != "":
		return dst
	default:
		text := string(r.Body)
		if !strings.Contains(text, "denied") {
			return dst
		}
		if _, rest, ok := strings.Cut(text, "{ "); ok {
			operation, _, _ = strings.Cut(rest, " }")
		}
		if name == "" {
			name = n.textField(r, "path")
		}
	}
	ev := n.event(event.ClassKernelActivity, event.KernelInvoke, status)
	n.by(&ev, r, c)
	ev.Kernel = &event.Kernel{Type: "avc", Name: name, Request: operation}
	if c != nil {
		ev.Kernel.Syscall = c.name
	}
	ev.Message = body(r)
	return append(dst, ev)
}
