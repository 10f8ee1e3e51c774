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
	"encoding/json"
	"errors"
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
	buffer     []event.Event  // of the line at hand
	ready      []*event.Event // completed
	skipped    skips
	lines      int
	events     int

	file     string // of the line at hand
	number   int
	modified time.Time // of that file
}

// Stats say what became of the lines.
type Stats struct {
	Lines   int // read, blank ones included
	Events  int // that came of them
	Skipped int // lines that no parser could read
	Skips   []Skip
}

// NewReader returns a Reader; Options.Events is required.
func NewReader(opts Options) *Reader {
	r := &Reader{
		opts: opts, tables: make(map[event.HostID]*process.Table),
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
func (r *Reader) Open(file string, modified time.Time) { r.file, r.modified = file, modified }

func (r *Reader) latest() time.Time {
	if r.modified.IsZero() {
		return time.Now()
	}
	return r.modified
}

// Line reads one line.
func (r *Reader) Line(l input.Line) {
	r.lines++
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
	r.buffer = r.syslog.Flush(r.buffer[:0], time.Time{})
	r.publish("")
}

// Lines returns how many lines were read so far.
func (r *Reader) Lines() int { return r.lines }

// Stats returns the counts so far.
func (r *Reader) Stats() Stats {
	return Stats{Lines: r.lines, Events: r.events, Skipped: r.skipped.total, Skips: r.skipped.list()}
}

func (r *Reader) skip(reason string, text []byte) { r.skipped.add(reason, r.file, r.number, text) }

func (r *Reader) auditLine(text []byte) {
	switch err := r.audit.PushLine(text, 0); {
	case errors.Is(err, record.ErrNotAudit):
		r.skip("no audit record", text)
	case err != nil:
		r.skip("malformed audit record", text)
	}
}

func (r *Reader) auditEvent(e *record.Event) {
	host := event.HostID(e.Node)
	r.buffer = r.normalizer.Append(r.buffer[:0], e)
	r.publish(host)
}

func (r *Reader) syslogLine(text []byte) {
	unreadable := r.syslog.Stats().Unreadable
	r.buffer = r.syslog.Append(r.buffer[:0], text)
	if r.syslog.Stats().Unreadable > unreadable {
		r.skip("malformed syslog line", text)
	}
	r.publish("")
}

func (r *Reader) jsonLine(text []byte) {
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
	case r.opts.Foreign == nil:
		r.skip("JSON of another product", text)
	case r.opts.Foreign(text) != nil:
		r.skip("JSON that is no flat or nested object of values", text)
	default:
		r.events++
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
	r.buffer = append(r.buffer[:0], e)
	r.publish(e.Host)
}

// publish completes the buffered events and hands them on.
func (r *Reader) publish(host event.HostID) {
	table := r.table(host)
	for i := range r.buffer {
		e := r.buffer[i]
		if e.Host == "" {
			e.Host = host
		}
		if table.Apply(&e) {
			r.ready = append(r.ready, &e)
		}
	}
	clear(r.buffer)
	r.buffer = r.buffer[:0]
	if len(r.ready) > 0 {
		r.events += len(r.ready)
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
	r.buffer = r.syslog.AppendLine(r.buffer[:0], line)
	r.publish("")
}
