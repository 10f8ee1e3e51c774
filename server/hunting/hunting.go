// Package hunting answers hunts over the stored telemetry: package hunt
// understands the query, the store hands out the events that it may choose,
// and this package bounds the work and says what the answer accounts for.
//
// A hunt ends after some seconds, when its client goes, or when it would keep
// too much; the answer then holds what was found, and says that it is not
// complete and why. Each user has few hunts at a time, and the server few more,
// so that questions do not stand in the way of detection.
package hunting

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/hunt"
	"github.com/holdfast-security/holdfast/store"
)

// Hosts knows the names of hosts.
type Hosts interface {
	Hosts(ctx context.Context, f store.HostFilter, p store.Page) (store.List[fleet.Host], error)
}

// Config is what hunts need. Zero durations and numbers take the default.
type Config struct {
	Events store.EventScanner
	Hosts  Hosts
	Now    func() time.Time // nil for the system's clock

	Work       time.Duration // of a hunt; 25 seconds, which leaves a request of 30 time for its answer
	ExportWork time.Duration // of an export; 10 minutes
	PerUser    int           // at a time; 2
	InAll      int           // at a time; 4
}

// Engine answers hunts. It is safe for concurrent use.
type Engine struct {
	Config

	mu      sync.Mutex // guards what follows
	running map[string]int
	all     int
	names   hostNames
}

// hostNames are the names of all hosts, as they were a moment ago.
type hostNames struct {
	read time.Time
	byID map[event.HostID]string // never changed
}

// New returns an engine.
func New(c Config) *Engine {
	if c.Now == nil {
		c.Now = func() time.Time { return time.Now().UTC() }
	}
	if c.Work <= 0 {
		c.Work = 25 * time.Second
	}
	if c.ExportWork <= 0 {
		c.ExportWork = 10 * time.Minute
	}
	if c.PerUser <= 0 {
		c.PerUser = 2
	}
	if c.InAll <= 0 {
		c.InAll = 4
	}
	return &Engine{Config: c, running: make(map[string]int)}
}

// busyError says that there are too many hunts. It is an
// [account.ThrottledError].
type busyError struct{ text string }

// Error returns the sentence for people.
func (e *busyError) Error() string { return e.text }

// Unwrap says when to try again.
func (e *busyError) Unwrap() error { return &account.ThrottledError{After: 5 * time.Second} }

// enter begins a hunt of somebody. What it returns ends it.
func (e *Engine) enter(by string) (leave func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.running[by] >= e.PerUser:
		return nil, &busyError{fmt.Sprintf("%d hunts of yours are running: wait for one, or end it", e.running[by])}
	case e.all >= e.InAll:
		return nil, &busyError{fmt.Sprintf("%d hunts are running, more than that the server does not take on: try again soon", e.all)}
	}
	e.running[by]++
	e.all++
	return sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all--
		if e.running[by]--; e.running[by] == 0 {
			delete(e.running, by)
		}
	}), nil
}

// freshNames is for how long the names of hosts are good.
const freshNames = 30 * time.Second

// hosts returns the names of all hosts.
func (e *Engine) hosts(ctx context.Context) (map[event.HostID]string, error) {
	e.mu.Lock()
	known := e.names
	e.mu.Unlock()
	now := e.Now()
	if known.byID != nil && now.Sub(known.read) < freshNames {
		return known.byID, nil
	}
	names := make(map[event.HostID]string)
	const page = 1000
	for after := ""; ; {
		list, err := e.Hosts.Hosts(ctx, store.HostFilter{}, store.Page{Limit: page, After: after})
		if err != nil {
			return nil, fmt.Errorf("names of hosts: %w", err)
		}
		for i := range list.Items {
			names[list.Items[i].ID] = list.Items[i].Name
		}
		if after = list.Next; after == "" {
			break
		}
	}
	e.mu.Lock()
	e.names = hostNames{now, names}
	e.mu.Unlock()
	return names, nil
}

// question is a query that is about to be run.
type question struct {
	query  *hunt.Query
	filter store.EventFilter
	never  bool // nothing can fit
}

// ask understands a query about a time.
func (e *Engine) ask(ctx context.Context, text string, since, until time.Time, o hunt.Options) (question, error) {
	names, err := e.hosts(ctx)
	if err != nil {
		return question{}, err
	}
	o.Now, o.HostName = e.Now(), func(id event.HostID) string { return names[id] }
	query, problems := hunt.Compile(text, o)
	if len(problems) > 0 {
		return question{}, fmt.Errorf("%w: %w", account.ErrInvalid, problems[0])
	}
	b := query.Bounds()
	q := question{query: query, filter: store.EventFilter{
		Host: b.Host, Since: b.Since, Until: b.Until, Classes: b.Classes, Process: b.Process, User: b.User, Text: b.Text,
	}}
	if since.After(b.Since) {
		q.filter.Since = since
	}
	if !until.IsZero() && (b.Until.IsZero() || until.Before(b.Until)) {
		q.filter.Until = until
	}
	if b.HostName != "" {
		q.named(names, b.HostName)
	}
	return q, nil
}

// named bounds the question to the host of a name.
func (q *question) named(names map[event.HostID]string, name string) {
	var ids []event.HostID
	for id, n := range names {
		if n == name {
			ids = append(ids, id)
		}
	}
	q.never = len(ids) == 0
	if len(ids) == 1 && q.filter.Host == "" {
		q.filter.Host = ids[0]
	}
}

// run hands the telemetry to a run for as long as it may take, and returns why
// it does not account for all of it, or "".
func (e *Engine) run(ctx context.Context, q question, run *hunt.Run, all bool, work time.Duration) (stopped string, err error) {
	if q.never {
		return "", nil
	}
	bounded, cancel := context.WithTimeout(ctx, work)
	defer cancel()
	scan := store.EventScan{
		Filter: q.filter, Choose: run.Choose, ChooseColumns: q.query.ChooseColumns(),
		Take: run.Take, TakeColumns: q.query.TakeColumns(),
	}
	if scan.ChooseColumns == nil {
		scan.ChooseColumns = []string{}
	}
	if !all {
		scan.Worth = run.Wants
	}
	done, err := e.Events.ScanEvents(bounded, scan)
	switch {
	case err == nil, errors.Is(err, hunt.ErrEnough):
		return "", nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s of work are over: %d of the %d parts of the telemetry were read whole, the latest first; ask for a shorter time or choose more", work, done.Read, done.Parts), nil
	case errors.Is(err, store.ErrPartial):
		return err.Error(), nil
	}
	return "", err
}

// Hunt answers a query. The error wraps [account.ErrInvalid] where it is one of
// the query, and is an [account.ThrottledError] where there are too many hunts.
func (e *Engine) Hunt(ctx context.Context, by string, r api.HuntRequest) (api.HuntAnswer, error) {
	begun := time.Now()
	leave, err := e.enter(by)
	if err != nil {
		return api.HuntAnswer{}, err
	}
	defer leave()
	const memory = 64 << 20
	q, err := e.ask(ctx, r.Query, r.Since, r.Until, hunt.Options{Limit: r.Limit, Memory: memory})
	if err != nil {
		return api.HuntAnswer{}, err
	}
	var histogram *hunt.Histogram
	var matched func([]time.Time)
	if r.Histogram {
		until := q.filter.Until
		if until.IsZero() {
			until = e.Now()
		}
		histogram = hunt.NewHistogram(q.filter.Since, until)
		matched = histogram.Add
	}
	run := q.query.Start(nil, matched)
	stopped, err := e.run(ctx, q, run, r.Histogram, e.Work)
	if err != nil {
		return api.HuntAnswer{}, err
	}
	result, err := run.Finish()
	if err != nil {
		return api.HuntAnswer{}, err
	}
	answer := answered(q.query, result)
	if histogram != nil {
		for _, b := range histogram.Buckets() {
			answer.Histogram = append(answer.Histogram, api.HuntBucket{Start: b.Start, Count: b.Count})
		}
	}
	answer.Stopped = firstOf(stopped, result.Stopped, answer.Stopped)
	answer.Complete = answer.Stopped == ""
	answer.Took = time.Since(begun).Milliseconds()
	return answer, nil
}

func firstOf(reasons ...string) string {
	for _, r := range reasons {
		if r != "" {
			return r
		}
	}
	return ""
}

// maxAnswer bounds the bytes of the rows of an answer, about.
const maxAnswer = 24 << 20

// answered returns a result as the API has it.
func answered(q *hunt.Query, r hunt.Result) api.HuntAnswer {
	a := api.HuntAnswer{
		Columns: columns(q), Rows: [][]any{}, Refs: []api.HuntRef{}, Histogram: []api.HuntBucket{}, Events: q.Events(),
		Scanned: r.Scanned, Matched: r.Matched, More: r.More,
	}
	bytes := int64(0)
	for _, row := range r.Rows {
		cells := make([]any, len(row.Values))
		for i, v := range row.Values {
			cells[i] = v.JSON()
			bytes += v.Size()
		}
		if bytes > maxAnswer {
			a.More = true
			a.Stopped = fmt.Sprintf("the rows are larger than an answer may be: the first %d are here; name fewer columns, or export them", len(a.Rows))
			return a
		}
		a.Rows = append(a.Rows, cells)
		if a.Events {
			a.Refs = append(a.Refs, api.HuntRef{ID: strconv.FormatInt(row.Ref.Sequence, 36), Host: row.Ref.Host, Time: row.Ref.Time})
		}
	}
	return a
}

func columns(q *hunt.Query) []api.HuntColumn {
	list := []api.HuntColumn{}
	for _, c := range q.Columns() {
		list = append(list, api.HuntColumn{Name: c.Name, Type: c.Kind.String()})
	}
	return list
}

// Event returns the event that a row is; store.ErrNotFound when it is not
// stored any more.
func (e *Engine) Event(ctx context.Context, ref api.HuntRef) (event.Event, error) {
	sequence, err := strconv.ParseInt(ref.ID, 36, 64)
	if err != nil || ref.Host == "" || ref.Time.IsZero() {
		return event.Event{}, fmt.Errorf("event %q: %w", ref.ID, store.ErrNotFound)
	}
	var mu sync.Mutex
	var found *event.Event
	_, err = e.Events.ScanEvents(ctx, store.EventScan{
		Filter: store.EventFilter{Host: ref.Host, Since: ref.Time, Until: ref.Time.Add(1)},
		Take: func(_ context.Context, events []event.Event, sequences []int64) error {
			mu.Lock()
			defer mu.Unlock()
			for i := range events {
				if sequences[i] == sequence {
					one := events[i]
					found = &one
					return hunt.ErrEnough
				}
			}
			return nil
		},
	})
	switch {
	case found != nil:
		return *found, nil
	case err != nil && !errors.Is(err, store.ErrPartial):
		return event.Event{}, err
	}
	return event.Event{}, fmt.Errorf("event %q: %w", ref.ID, store.ErrNotFound)
}
