package parquetfile

import (
	"bytes"
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

	host         string // escaped
	since, until int64
	uid          int64         // of User where it is a number, or -1
	text         needle.Needle // of Text
}

// NewQuery prepares a filter. Limit, order and cursor are left to the caller.
func NewQuery(f store.EventFilter) *Query {
	q := &Query{EventFilter: f, host: escape.Text(string(f.Host)), since: math.MinInt64, until: math.MaxInt64, uid: -1, text: needle.New(f.Text)}
	if !f.Since.IsZero() {
		q.since = Nanoseconds(f.Since)
	}
	if !f.Until.IsZero() {
		q.until = Nanoseconds(f.Until)
	}
	if n, err := strconv.ParseUint(f.User, 10, 32); err == nil {
		q.uid = int64(n)
	}
	return q
}

// timed reports whether a time is within the query's.
func (q *Query) timed(t int64) bool { return t >= q.since && (t < q.until || q.Until.IsZero()) }

// Matches reports whether an event is one that is asked for.
func (q *Query) Matches(e *event.Event) bool {
	return (q.Host == "" || e.Host == q.Host) && q.timed(Nanoseconds(e.Time)) &&
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
	return u != nil && (u.Name == q.User || int64(u.UID) == q.uid)
}

func (q *Query) matchesText(e *event.Event) bool {
	in := q.text.In
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
	in := q.text.In
	return p != nil && (in(p.CommandLine) || in(p.Path()) || in(p.User.Name) || p.Effective != nil && in(p.Effective.Name) || p.Login != nil && in(p.Login.Name))
}

// Columns that a text is looked for in: the same as matchesText and imageText.
var (
	eventTexts = indexes("event.message", "event.user.name", "event.file.path", "event.file.new_path", "event.logon.src_ip",
		"event.logon.src_host", "event.logon.command", "event.network.src_ip", "event.network.dst_ip")
	imageTexts = indexes("process.cmd_line", "process.file.path", "process.user.name", "process.effective_user.name", "process.login_user.name")
	eventUsers = indexes("event.user.uid", "event.user.name")
	imageUsers = indexes("process.user.uid", "process.user.name", "process.effective_user.uid", "process.effective_user.name",
		"process.login_user.uid", "process.login_user.name")
)

func indexes(paths ...string) []int {
	list := make([]int, len(paths))
	for i, p := range paths {
		list[i] = layout.index(p)
	}
	return list
}

// allRows are the numbers of the rows of a page.
var allRows = func() []int32 {
	rows := make([]int32, PageRows)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}()

// anyText sets the rows of page n in which one of the columns holds the text.
func (q *Query) anyText(r *groupReader, columns []int, n int, out []bool) error {
	for _, c := range columns {
		p, err := r.page(c, n)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		p.OrText(allRows[:len(out)], q.text.InColumn, out)
	}
	return nil
}

// anyUser sets the rows of page n in which one of the columns, which are
// numbers and names in turn, is the user's.
func (q *Query) anyUser(r *groupReader, columns []int, n int, out []bool) error {
	name := []byte(escape.Text(q.User))
	for i, c := range columns {
		p, err := r.page(c, n)
		if err != nil {
			return err
		}
		switch {
		case p == nil:
		case i%2 == 1:
			p.OrText(allRows[:len(out)], func(b []byte) bool { return bytes.Equal(b, name) }, out)
		case q.uid >= 0:
			p.Or(allRows[:len(out)], out, func(at int32) bool { return uint32(p.Num(int(at))) == uint32(q.uid) })
		}
	}
	return nil
}

// Overlaps reports whether a segment of the catalogue can hold what is asked for.
func (q *Query) Overlaps(s *store.Segment) bool {
	return (q.Host == "" || s.MinHost <= q.Host && q.Host <= s.MaxHost) &&
		(q.Since.IsZero() || !s.Last.Before(q.Since.Truncate(time.Microsecond).Add(-time.Millisecond))) &&
		(q.Until.IsZero() || s.First.Before(q.Until.Add(time.Millisecond)))
}
