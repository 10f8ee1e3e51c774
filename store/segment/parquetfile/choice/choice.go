// Package choice says which events a query of stored telemetry wants, one event
// at a time, and holds what the search in columns asks: the same in the form
// that columns have.
package choice

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/needle"
)

// Query is a filter made ready for columns. It may be used by several
// searches at once.
type Query struct {
	store.EventFilter

	EscapedHost string        // as columns have it
	From, To    int64         // nanoseconds
	UID         int64         // of User where it is a number, or -1
	Needle      needle.Needle // of Text
}

// New prepares a filter. Limit, order and cursor are left to the caller.
func New(f store.EventFilter) *Query {
	q := &Query{EventFilter: f, EscapedHost: escape.Text(string(f.Host)), From: math.MinInt64, To: math.MaxInt64, UID: -1, Needle: needle.New(f.Text)}
	if !f.Since.IsZero() {
		q.From = Nanoseconds(f.Since)
	}
	if !f.Until.IsZero() {
		q.To = Nanoseconds(f.Until)
	}
	if n, err := strconv.ParseUint(f.User, 10, 32); err == nil {
		q.UID = int64(n)
	}
	return q
}

// Timed reports whether a time is within the query's.
func (q *Query) Timed(t int64) bool { return t >= q.From && (t < q.To || q.Until.IsZero()) }

// Matches reports whether an event is one that is asked for.
func (q *Query) Matches(e *event.Event) bool {
	return (q.Host == "" || e.Host == q.Host) && q.Timed(Nanoseconds(e.Time)) &&
		(len(q.Classes) == 0 || slices.Contains(q.Classes, e.Class)) &&
		(q.Process.IsZero() || q.matchesProcess(e)) && (q.User == "" || q.matchesUser(e)) && (q.Text == "" || q.matchesText(e))
}

func (q *Query) matchesProcess(e *event.Event) bool {
	if e.Target != nil && e.Target.UID == q.Process {
		return true
	}
	p := e.Process
	return p != nil && (p.UID == q.Process || p.Parent != nil && p.Parent.UID == q.Process)
}

func (q *Query) matchesUser(e *event.Event) bool {
	if q.is(e.User) {
		return true
	}
	p := e.Process
	return p != nil && (q.is(&p.User) || q.is(p.Effective) || q.is(p.Login))
}

// is reports whether u is the account that is asked for, by name or number.
func (q *Query) is(u *event.User) bool {
	return u != nil && (u.Name == q.User || int64(u.UID) == q.UID)
}

func (q *Query) matchesText(e *event.Event) bool {
	in := q.Needle.In
	if in(e.Message) || e.User != nil && in(e.User.Name) || e.File != nil && (in(e.File.Path) || in(e.File.NewPath)) {
		return true
	}
	if l := e.Logon; l != nil && (l.Address.IsValid() && in(l.Address.String()) || in(l.Hostname) || in(l.Command)) {
		return true
	}
	if n := e.Network; n != nil && (n.Local.Addr().IsValid() && in(n.Local.Addr().String()) || n.Remote.Addr().IsValid() && in(n.Remote.Addr().String())) {
		return true
	}
	return q.imageText(e.Process) || q.imageText(e.Target)
}

func (q *Query) imageText(p *event.Process) bool {
	in := q.Needle.In
	return p != nil && (in(p.CommandLine) || in(p.Path()) || in(p.User.Name) || p.Effective != nil && in(p.Effective.Name) || p.Login != nil && in(p.Login.Name))
}

// Overlaps reports whether a segment of the catalogue can hold what is asked for.
func (q *Query) Overlaps(s *store.Segment) bool {
	return (q.Host == "" || s.MinHost <= q.Host && q.Host <= s.MaxHost) &&
		(q.Since.IsZero() || !s.Last.Before(q.Since.Truncate(time.Microsecond).Add(-time.Millisecond))) &&
		(q.Until.IsZero() || s.First.Before(q.Until.Add(time.Millisecond)))
}
