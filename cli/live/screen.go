// Package live shows a stream of alerts to somebody who watches: each in full
// when it is new, repeats as counted lines instead of a flood, and a quiet
// status line while nothing happens.
//
// What is held back is never lost: the line that follows carries the count,
// [Screen.Close] tells the rest, and [Tally] counts everything. How an alert
// looks is the caller's: text for people, or JSON for programs.
package live

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/finding"
)

// Bounds of what is shown in a burst.
const (
	firstRepeat = 5 * time.Second // wait before a repeat is shown, doubled each time
	lastRepeat  = time.Minute
	window      = time.Minute // in which
	blocks      = 5           // alerts of one type are shown in full
	maxTracked  = 4096        // alerts remembered to recognise repeats
)

// Options say where a [Screen] draws.
type Options struct {
	Out    io.Writer // alerts
	Notes  io.Writer // the status line; nil shows none
	Now    func() time.Time
	Status func() string // text of the status line; asked from Tick

	Full func(finding.Alert) string // how a new alert looks
	Line func(finding.Alert) string // how a repeat looks, and one of many
}

// Screen shows alerts. It is safe for concurrent use.
type Screen struct {
	opts Options

	mu     sync.Mutex // guards what follows and the writers
	known  map[string]*track
	order  []string // ids in order of arrival, to forget the oldest
	bursts map[finding.AlertType]*burst
	status string // what the status line shows now
	err    error  // of the first write that failed
}

// track follows the repeats of one alert.
type track struct {
	shown   uint32        // count when last shown
	pending finding.Alert // newest update
	due     time.Time     // when the next repeat may be shown
	wait    time.Duration
}

// burst counts the blocks of one type.
type burst struct {
	began time.Time
	shown int
}

// NewScreen returns a Screen. All options but Notes are required, and Status
// only with Notes.
func NewScreen(opts Options) *Screen {
	return &Screen{opts: opts, known: make(map[string]*track), bursts: make(map[finding.AlertType]*burst)}
}

// Alert shows a new alert, or notes a repeat of a known one for the next
// [Screen.Tick].
func (s *Screen) Alert(a finding.Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	if t := s.known[a.ID]; t != nil && a.ID != "" {
		t.pending = a
		return
	}
	s.remember(a, now)
	if s.crowded(a.Type, now) {
		s.write(s.opts.Line(a))
		return
	}
	s.write(s.opts.Full(a))
}

func (s *Screen) remember(a finding.Alert, now time.Time) {
	if len(s.order) >= maxTracked {
		s.tell(s.known[s.order[0]])
		delete(s.known, s.order[0])
		s.order = s.order[1:]
	}
	s.known[a.ID] = &track{shown: a.Count, pending: a, due: now.Add(firstRepeat), wait: firstRepeat}
	s.order = append(s.order, a.ID)
}

// crowded reports whether enough alerts of a type were shown in full lately.
func (s *Screen) crowded(t finding.AlertType, now time.Time) bool {
	b := s.bursts[t]
	if b == nil || now.Sub(b.began) >= window {
		b = &burst{began: now}
		s.bursts[t] = b
	}
	b.shown++
	return b.shown > blocks
}

// Tick shows the repeats that are due and redraws the status line. Call it
// about every second.
func (s *Screen) Tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	for _, id := range s.order {
		t := s.known[id]
		if t.pending.Count == t.shown || now.Before(t.due) {
			continue
		}
		s.tell(t)
		t.wait = min(2*t.wait, lastRepeat)
		t.due = now.Add(t.wait)
	}
	s.drawStatus()
}

// Close shows the repeats that were held back and removes the status line.
func (s *Screen) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.order {
		s.tell(s.known[id])
	}
	s.eraseStatus()
}

// tell writes the line for repeats not shown yet.
func (s *Screen) tell(t *track) {
	if t.pending.Count != t.shown {
		t.shown = t.pending.Count
		s.write(s.opts.Line(t.pending))
	}
}

// Note writes text to w in place of the status line.
func (s *Screen) Note(w io.Writer, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseStatus()
	_, _ = io.WriteString(w, text)
}

// Err returns the error of the first alert that could not be written, which
// is how a closed pipe shows.
func (s *Screen) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// write puts text where the status line was.
func (s *Screen) write(text string) {
	s.eraseStatus()
	if _, err := io.WriteString(s.opts.Out, text); s.err == nil {
		s.err = err
	}
}

func (s *Screen) drawStatus() {
	if s.opts.Notes == nil {
		return
	}
	text := s.opts.Status()
	if text == s.status {
		return
	}
	s.status = text
	fmt.Fprintf(s.opts.Notes, "\r\x1b[K%s", text) // carriage return, erase to end of line (ECMA-48 EL)
}

func (s *Screen) eraseStatus() {
	if s.opts.Notes != nil && s.status != "" {
		fmt.Fprint(s.opts.Notes, "\r\x1b[K")
		s.status = ""
	}
}
