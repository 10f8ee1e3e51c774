// Package simulate provokes Holdfast's alerts on the live host without harm and
// says whether they came: the proof that the whole chain works, from the
// kernel's record to the alert.
//
// A [Scenario] does for real what the rule is about, so that the sensors see it
// in the kernel, with harmless means: attack tools are copies of true(1) under
// the tool's name, addresses are from the documentation ranges, kernel modules
// are refused images, files get a comment line and are restored. Whatever a
// scenario leaves is cleaned up in reverse order, also after an error, a panic,
// a timeout or an interrupt, and a clean-up that fails fails the scenario.
//
// [Runner] runs scenarios one after the other and waits for the alert of each.
// An alert counts only when it carries the scenario's token, which is part of
// every path and name the scenario uses, or comes from this process or one that
// it started, so that real alerts at the same time are not mistaken for it.
package simulate

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-security/holdfast/finding"
)

// Scenario provokes one alert.
type Scenario struct {
	Name      string            `json:"name"`      // unique, in kebab-case
	Title     string            `json:"title"`     // what is played, a few words
	AlertType finding.AlertType `json:"alertType"` // the alert it must raise
	Summary   string            `json:"summary"`   // what really happens on the host, and why it is harmless
	Needs     []Need            `json:"needs,omitempty"`

	// Run plays the scenario on its stage. It returns [ErrSkip], wrapped with
	// the reason, when it finds that the host lacks something, and any other
	// error when it could not do what it is for. What it starts or changes it
	// registers with the stage for clean-up. It respects ctx.
	Run func(ctx context.Context, stage *Stage) error `json:"-"`
}

// Need is something that a scenario requires of the host. A scenario whose
// needs are not met is skipped with the reason.
type Need string

// Needs that are not programs.
const (
	NeedRoot       Need = "root"
	NeedAuditWrite Need = "CAP_AUDIT_WRITE"
)

const programPrefix = "the program "

// NeedProgram is the need of a program on the PATH.
func NeedProgram(name string) Need { return Need(programPrefix + name) }

// ErrSkip says that a scenario cannot be played on this host.
var ErrSkip = errors.New("cannot be played here")

// skip returns an error that wraps ErrSkip.
func skip(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSkip, fmt.Sprintf(format, args...))
}

// Find returns the scenario with the given name.
func Find(scenarios []Scenario, name string) (Scenario, bool) {
	for _, s := range scenarios {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}
