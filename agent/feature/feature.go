// Package feature defines what a part of the agent is: a sensor or control
// that says what it is for and what it needs, runs under a context, emits
// events, and reports its health.
//
// A feature is Definition data plus a constructor plus the one-method
// interface [Feature]. The agent decides from the Definition whether the host
// can carry it, runs it in a goroutine of its own with panic isolation, and
// shows its [Status]. A feature never imports another feature; what one
// learns reaches the others as events. What this host cannot do is an outcome
// ([ErrUnsupported]), not a failure: the agent carries on with the rest.
package feature

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/agent/hostfs"
	"github.com/holdfast-security/holdfast/event"
)

// ErrUnsupported is returned, wrapped with the reason, by a feature that this
// host cannot carry: the kernel lacks it, or the privilege is missing.
var ErrUnsupported = errors.New("unsupported on this host")

// Need is something that a feature requires of the host.
type Need string

// Needs, as shown to people.
const (
	NeedRoot         Need = "root"
	NeedAuditControl Need = "CAP_AUDIT_CONTROL"
	NeedAuditRead    Need = "CAP_AUDIT_READ"
	NeedPerfmon      Need = "CAP_PERFMON"
	NeedNetAdmin     Need = "CAP_NET_ADMIN"
	NeedProcfs       Need = "/proc"
	NeedLogFiles     Need = "log files"
)

// Definition is what people and programs know of a feature without running it.
type Definition struct {
	Name     string        `json:"name"`     // one word, lower case: "audit"
	Summary  string        `json:"summary"`  // one sentence
	OS       []string      `json:"os"`       // runtime.GOOS values it exists on
	Needs    []Need        `json:"needs"`    // what it requires
	Default  bool          `json:"default"`  // on unless switched off
	Produces []event.Class `json:"produces"` // classes of the events it emits
	Changes  []string      `json:"changes"`  // what it changes on the host while it runs, one sentence each
	// FallbackFor names features; this one runs only while none of them does.
	FallbackFor []string `json:"fallback_for,omitempty"`
}

// RunsOn reports whether the feature exists on the given runtime.GOOS.
func (d Definition) RunsOn(goos string) bool { return slices.Contains(d.OS, goos) }

// Feature is a part of the agent.
//
// Run works until ctx ends, then undoes what it changed on the host and
// returns nil. It returns an error wrapping [ErrUnsupported] at once when the
// host cannot carry it, and any other error when it had to give up. Run is
// called once.
type Feature interface {
	Run(ctx context.Context, host Host) error
}

// Host is what the agent gives a feature to work with.
type Host struct {
	FS   hostfs.FS    // the host's file system; never use os directly for host paths
	Log  *slog.Logger // with the feature's name attached
	Sink Sink         // where events go
	// Health is where the feature reports; never nil.
	Health *Health
	// StateDir is a directory of the agent, mode 0700, for files that must
	// survive a crash, such as the list of audit rules to remove. It exists.
	StateDir string
}

// Sink takes events from a feature. Emit takes ownership of the slice's
// elements but not of the slice. It never blocks: what does not fit in the
// bounded queue is counted as dropped in the ledger of the emitting feature.
// Safe for concurrent use.
type Sink interface {
	Emit(events []event.Event)
}

// State is the condition of a feature.
type State string

// States.
const (
	Starting    State = "starting"
	Running     State = "running"
	Degraded    State = "degraded"    // works with less than it should; the warnings say why
	Unsupported State = "unsupported" // this host cannot carry it
	Failed      State = "failed"      // gave up
	Stopped     State = "stopped"
	Off         State = "off" // switched off
)

// Warning is a lasting trouble of a feature. Code is stable and in
// kebab-case, for example "audit-lost"; Text is one sentence saying what is
// wrong and what to do.
type Warning struct {
	Code  string    `json:"code"`
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
}

// Counter is one number of the ledger, for example kernel_lost. Dropped says
// that the things counted never reached detection.
type Counter struct {
	Name    string `json:"name"`
	Value   uint64 `json:"value"`
	Dropped bool   `json:"dropped,omitempty"`
}

// Status is a snapshot of a feature's health.
type Status struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Detail   string    `json:"detail,omitempty"` // how it works here: "owns the audit unicast", "beside auditd (pid 812)"
	Warnings []Warning `json:"warnings,omitempty"`
	Counters []Counter `json:"counters,omitempty"`
	Since    time.Time `json:"since"` // of State
}

// Dropped returns the sum of the counters that stand for loss.
func (s Status) Dropped() uint64 {
	var n uint64
	for _, c := range s.Counters {
		if c.Dropped {
			n += c.Value
		}
	}
	return n
}

// Health collects a feature's condition. It is safe for concurrent use; the
// zero value is not usable, see [NewHealth].
type Health struct {
	now func() time.Time

	mu     sync.Mutex // guards status
	status Status
}

// NewHealth returns a Health in state [Starting] for the named feature.
func NewHealth(name string) *Health {
	h := &Health{now: time.Now}
	h.status = Status{Name: name, State: Starting, Since: h.now()}
	return h
}

// Set changes the state. Detail says in a few words how the feature works
// here; it replaces the former detail.
func (h *Health) Set(state State, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.status.State != state {
		h.status.State, h.status.Since = state, h.now()
	}
	h.status.Detail = detail
}

// Warn adds a warning, or changes the text of the one with the same code.
// While a feature runs with warnings it shows as [Degraded].
func (h *Health) Warn(code, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.status.Warnings {
		if h.status.Warnings[i].Code == code {
			h.status.Warnings[i].Text = text
			return
		}
	}
	h.status.Warnings = append(h.status.Warnings, Warning{Code: code, Text: text, Since: h.now()})
}

// Clear removes the warning with the given code, if it is there.
func (h *Health) Clear(code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.Warnings = slices.DeleteFunc(h.status.Warnings, func(w Warning) bool { return w.Code == code })
}

// Count sets the counter with the given name to value.
func (h *Health) Count(name string, value uint64) {
	h.count(name, false, func(uint64) uint64 { return value })
}

// CountDropped sets a counter of things that never reached detection.
func (h *Health) CountDropped(name string, value uint64) {
	h.count(name, true, func(uint64) uint64 { return value })
}

// AddDropped adds to a counter of things that never reached detection.
func (h *Health) AddDropped(name string, n uint64) {
	h.count(name, true, func(old uint64) uint64 { return old + n })
}

func (h *Health) count(name string, dropped bool, value func(old uint64) uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.status.Counters {
		if c := &h.status.Counters[i]; c.Name == name {
			c.Value, c.Dropped = value(c.Value), dropped
			return
		}
	}
	h.status.Counters = append(h.status.Counters, Counter{Name: name, Value: value(0), Dropped: dropped})
}

// Status returns a snapshot that shares nothing with h.
func (h *Health) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.status
	s.Warnings = slices.Clone(s.Warnings)
	s.Counters = slices.Clone(s.Counters)
	if s.State == Running && len(s.Warnings) > 0 {
		s.State = Degraded
	}
	return s
}
