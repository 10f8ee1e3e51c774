// Package replay turns lines of recorded logs back into the events that the
// agent would have seen: audit records, syslog, journal entries and our own
// events, mixed as they come. JSON of other products is handed on as it is.
//
// A [Reader] owns what the agent's pipeline has live: reassembly of audit
// records, the syslog parser, and one process table for each host, in recorded
// mode, so that nothing of the machine it runs on is mixed in. Lines that no
// parser reads are counted by reason with an example, never silently dropped.
package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/agent/audit/normalize"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/agent/authlog/syslogline"
	"github.com/holdfast-security/holdfast/agent/process"
	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/event"
)

// maxHosts bounds the process tables; the hosts beyond share one.
const maxHosts = 256

// Options say what a [Reader] does with what it reads.
type Options struct {
	// Events is given every event, completed by the process table of its
	// host, in the order of the log. The events are its to keep, the slice
	// is not.
	Events func([]*event.Event)
	// RawRecords asks for the audit records behind an event.
	RawRecords bool
	// Foreign is given JSON objects of other products. Its error says that
	// the object cannot be read. The line is valid until it returns; nil
	// skips such lines.
	Foreign func(line []byte) error
}

// Reader reads lines. It is for one goroutine.
type Reader struct {
	opts       Options
	audit      *record.Reassembler
	normalizer *normalize.Normalizer
	syslog     *syslogline.Parser
	tables     map[event.HostID]*process.Table
	ready      []*event.Event // completed
	all        counts
	files      []*counts // in the order of Open
	file       *counts   // of the line at hand
	number     int
	modified   time.Time // of that file
}

// counts is what became of some lines.
type counts struct {
	name          string // of the file
	lines, events int
	skipped       skips
}

func (c *counts) stats() Stats {
	return Stats{File: c.name, Lines: c.lines, Events: c.events, Skipped: c.skipped.total, Skips: c.skipped.list()}
}

// Stats say what became of the lines of a file, or of all of them.
type Stats struct {
	File    string `json:"file,omitempty"` // "" for all
	Lines   int    `json:"lines"`          // read, blank ones included
	Events  int    `json:"events"`         // that came of them, counted where they were complete
	Skipped int    `json:"skipped"`        // lines that no parser could read
	Skips   []Skip `json:"skips"`          // why, most lines first
}

// FirstSkipped returns the number of the first line of a file that was skipped,
// or 0.
func (s Stats) FirstSkipped() int {
	first := 0
	for _, k := range s.Skips {
		if first == 0 || k.Line < first {
			first = k.Line
		}
	}
	return first
}

// NewReader returns a Reader; Options.Events is required.
func NewReader(opts Options) *Reader {
	r := &Reader{
		opts: opts, tables: make(map[event.HostID]*process.Table), file: &counts{},
		normalizer: normalize.New(normalize.Options{RawRecords: opts.RawRecords}),
	}
	r.audit = record.NewReassembler(record.Options{RecordTime: true}, r.auditEvent)
	r.syslog = syslogline.New(syslogline.Options{
		Clock: syslogline.Clock{Now: r.latest, Zone: time.Local},
		Audit: func(text []byte) { r.auditLine(text) },
	})
	return r
}

// Open names the file that the following lines come from, and when it was last
// changed, which says in what year its syslog stamps lie; the zero time means
// now.
func (r *Reader) Open(file string, modified time.Time) {
	r.file, r.modified = &counts{name: file}, modified
	r.files = append(r.files, r.file)
}

func (r *Reader) latest() time.Time {
	if r.modified.IsZero() {
		return time.Now()
	}
	return r.modified
}

// Line reads one line.
func (r *Reader) Line(l input.Line) {
	r.all.lines++
	r.file.lines++
	r.number = l.Number
	if l.Cut {
		r.skip("longer than 4 MiB", l.Text)
		return
	}
	switch input.Detect(l.Text) {
	case input.Blank:
	case input.Audit:
		r.auditLine(l.Text)
	case input.Syslog:
		r.syslogLine(l.Text)
	case input.JSON:
		r.jsonLine(l.Text)
	case input.Unknown:
		r.skip("in no format that replay reads (audit, syslog, JSON)", l.Text)
	}
}

// Flush hands over what waits for more lines: call it at the end of each set
// of files.
func (r *Reader) Flush() {
	r.audit.Flush()
	r.publish("", r.syslog.Flush(nil, time.Time{}))
}

// Lines returns how many lines were read so far.
func (r *Reader) Lines() int { return r.all.lines }

// Stats returns the counts so far, of all files together.
func (r *Reader) Stats() Stats { return r.all.stats() }

// Files returns the counts so far of each file, in the order of [Reader.Open];
// never nil.
func (r *Reader) Files() []Stats {
	list := make([]Stats, 0, len(r.files))
	for _, file := range r.files {
		list = append(list, file.stats())
	}
	return list
}

func (r *Reader) skip(reason string, text []byte) {
	r.all.skipped.add(reason, r.file.name, r.number, text)
	r.file.skipped.add(reason, r.file.name, r.number, text)
}

// count notes events that lines of the present file told of.
func (r *Reader) count(events int) {
	r.all.events += events
	r.file.events += events
}

func (r *Reader) auditLine(text []byte) {
	switch err := r.audit.PushLine(text, 0); {
	case errors.Is(err, record.ErrNotAudit):
		r.skip("no audit record", text)
	case err != nil:
		r.skip("malformed audit record", text)
	}
}

func (r *Reader) auditEvent(e *record.Event) {
	r.publish(event.HostID(e.Node), r.normalizer.Append(nil, e))
}

func (r *Reader) syslogLine(text []byte) {
	unreadable := r.syslog.Stats().Unreadable
	events := r.syslog.Append(nil, text)
	if r.syslog.Stats().Unreadable > unreadable {
		r.skip("malformed syslog line", text)
	}
	r.publish("", events)
}

// ours are the names of the members that tell our own objects, and entries of
// the journal, from those of other products. Most lines have none of them, which
// is seen much sooner than they are parsed.
var ours = [][]byte{[]byte(`"class_name"`), []byte(`"alert_type"`), []byte(`"__REALTIME_TIMESTAMP"`)}

func (r *Reader) jsonLine(text []byte) {
	if !slices.ContainsFunc(ours, func(name []byte) bool { return bytes.Contains(text, name) }) {
		r.foreign(text)
		return
	}
	var probe struct {
		Class   *string          `json:"class_name"`
		Alert   *string          `json:"alert_type"`
		Journal *json.RawMessage `json:"__REALTIME_TIMESTAMP"`
	}
	switch err := json.Unmarshal(text, &probe); {
	case err != nil:
		r.skip("malformed JSON", text)
	case probe.Class != nil:
		r.ownEvent(text)
	case probe.Alert != nil:
		r.skip("an alert, which is no event", text)
	case probe.Journal != nil:
		r.journalEntry(text)
	default:
		r.foreign(text)
	}
}

func (r *Reader) foreign(text []byte) {
	switch {
	case r.opts.Foreign != nil && r.opts.Foreign(text) == nil:
		r.count(1)
	case !json.Valid(text):
		r.skip("malformed JSON", text)
	case r.opts.Foreign == nil:
		r.skip("JSON of another product", text)
	default:
		r.skip("JSON that is no flat or nested object of values", text)
	}
}

// ownEvent reads what `holdfast events -o json` wrote. It is complete as it is
// if it came from a live process table.
func (r *Reader) ownEvent(text []byte) {
	var e event.Event
	if err := json.Unmarshal(text, &e); err != nil {
		r.skip("malformed Holdfast event", text)
		return
	}
	r.publish(e.Host, []event.Event{e})
}

// publish completes the events of a line and hands them on. They stay where they
// are: a line has one, seldom more.
func (r *Reader) publish(host event.HostID, events []event.Event) {
	if len(events) == 0 {
		return
	}
	table := r.table(host)
	for i := range events {
		e := &events[i]
		if e.Host == "" {
			e.Host = host
		}
		if table.Apply(e) {
			r.ready = append(r.ready, e)
		}
	}
	if len(r.ready) > 0 {
		r.count(len(r.ready))
		r.opts.Events(r.ready)
		clear(r.ready)
		r.ready = r.ready[:0]
	}
}

func (r *Reader) table(host event.HostID) *process.Table {
	if t := r.tables[host]; t != nil {
		return t
	}
	if len(r.tables) >= maxHosts {
		host = ""
	}
	if r.tables[host] == nil {
		r.tables[host] = process.NewTable(process.Options{Recorded: true})
	}
	return r.tables[host]
}

// journalEntry reads an entry as `journalctl -o json` writes it
// (https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-json-format).
func (r *Reader) journalEntry(text []byte) {
	line, ok := parseJournal(text)
	if !ok {
		r.skip("journal entry without text", text)
		return
	}
	r.publish("", r.syslog.AppendLine(nil, line))
}
