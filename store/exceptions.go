package store

import (
	"context"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

// ExceptionState is whether an exception covers anything.
type ExceptionState string

// States of exceptions: each is in one of them.
const (
	ExceptionActive   ExceptionState = "active"
	ExceptionExpired  ExceptionState = "expired"
	ExceptionDisabled ExceptionState = "disabled" // by people, expired or not
)

// ExceptionStates returns all states.
func ExceptionStates() []ExceptionState {
	return []ExceptionState{ExceptionActive, ExceptionExpired, ExceptionDisabled}
}

// ExceptionFilter chooses exceptions; zero values do not filter.
type ExceptionFilter struct {
	Rule  string         // that name this rule
	Type  string         // that name this alert type
	Host  event.HostID   // that name this host
	State ExceptionState // at Now
	Text  string         // in name, reason or author, ignoring case
	Now   time.Time      // for State
}

// Exceptions keeps exceptions, and alerts with what covers them. Lists are in
// the order of their making, newest first.
type Exceptions interface {
	AddException(ctx context.Context, e finding.Exception) error // ErrExists by id; hits are not taken
	Exception(ctx context.Context, id string) (finding.Exception, error)
	Exceptions(ctx context.Context, f ExceptionFilter, p Page) (List[finding.Exception], error)
	// ChangeException replaces the terms of an exception and raises its
	// version. ErrConflict unless version is the present one or AnyVersion.
	ChangeException(ctx context.Context, id string, version int64, terms finding.ExceptionTerms) (finding.Exception, error)
	// DropException removes an exception. What it has hidden stays hidden
	// until it repeats.
	DropException(ctx context.Context, id string) error

	// SaveCoveredAlerts is [Alerts].SaveAlerts where exceptions cover some of
	// the alerts: covered holds the exception's uid by that of the alert.
	//
	// A new alert that is covered is stored as suppressed. A suppressed alert
	// that repeats stays so while it is covered, under the exception that
	// covers it now, and is open again when it is not. The status of other
	// alerts stays with people, but a covered repeat opens none again.
	//
	// In the same step an exception's hits grow by the alerts that it is the
	// first to hide, and its last hit becomes received, also by repeats. What
	// is delivered again counts for nothing.
	SaveCoveredAlerts(ctx context.Context, alerts []finding.Alert, covered map[string]string, received time.Time, done Position) (added []string, err error)
	// EachAlert calls fn with the alerts of the filter, newest first, reading
	// some at a time; an error of fn ends it and is returned. Alerts that come
	// or repeat meanwhile may be left out or come twice. The text of the
	// filter is not heeded.
	EachAlert(ctx context.Context, f AlertFilter, fn func(finding.Case) error) error
}
