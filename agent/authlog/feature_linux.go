package authlog

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/holdfast-security/holdfast/agent/authlog/journal"
	"github.com/holdfast-security/holdfast/agent/authlog/syslogline"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/event"
)

const (
	// idlePoll is how often the log is looked at without being told, for
	// file systems on which inotify is silent, and announced attempts settle.
	idlePoll = 5 * time.Second
	// calm is the least time between two looks at a busy log.
	calm = 50 * time.Millisecond
	// saveEvery is how often the position is stored while lines come.
	saveEvery = 5 * time.Second
	// stale is when a syslog file that nobody wrote to gives way to the
	// journal: cron alone logs every hour.
	stale = 24 * time.Hour
	// chooseEvery is how often it is checked whether another source is better.
	chooseEvery = time.Minute
	// maxBatch is how many events are handed over at once.
	maxBatch = 256
)

// logFiles are the files of the authpriv facility: Debian's, Red Hat's, then
// those that hold everything.
var logFiles = [...]string{"/var/log/auth.log", "/var/log/secure", "/var/log/messages", "/var/log/syslog"}

// sensor is one run of the feature.
type sensor struct {
	host    feature.Host
	watch   *watcher // nil where inotify is not to be had
	source  source   // nil while there is no log
	stored  position
	saved   time.Time
	dirty   bool // something was read since the position was stored
	total   syslogline.Stats
	pending []event.Event
	absent  map[string]bool // log files that did not exist when the sensor started; nil before
}

// source is the log that is followed.
type source interface {
	// start places the source; lines found on the way are handed over.
	start(s *sensor) error
	// poll hands over what was added; more says that it left some.
	poll(s *sensor, now time.Time) (more bool, err error)
	flush(s *sensor, before time.Time)
	close()
	name() string
	// position puts the place reached into p.
	position(p *position)
	parser() *syslogline.Parser
}

// Run follows the log until ctx ends.
func (*Feature) Run(ctx context.Context, host feature.Host) error {
	s := &sensor{host: host}
	var err error
	if s.stored, err = loadPosition(host.StateDir); err != nil {
		host.Log.Warn("start at the end of the log", "error", err)
	}
	var changed <-chan struct{}
	if s.watch, err = newWatcher(); err != nil {
		host.Log.Warn("look at the log at intervals only", "error", err)
	} else {
		defer s.watch.close()
		changed = s.watch.signal
	}
	defer s.stop()
	s.loop(ctx, changed)
	return nil
}

func (s *sensor) loop(ctx context.Context, changed <-chan struct{}) {
	var chosen time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if now := time.Now(); now.Sub(chosen) >= chooseEvery || s.source == nil {
			s.choose(now)
			chosen = now
		}
		if s.look() {
			timer.Reset(0)
		} else {
			timer.Reset(idlePoll)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-changed:
			if !pause(ctx, calm) {
				return
			}
		}
	}
}

// pause waits and reports whether ctx still runs.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// look reads what is new and tells the health. It reports whether more waits.
func (s *sensor) look() (more bool) {
	now := time.Now()
	if s.source != nil {
		var err error
		if more, err = s.source.poll(s, now); err != nil {
			s.host.Health.Warn("log-unreadable", "The log %s cannot be read: %v", s.source.name(), err)
		} else {
			s.host.Health.Clear("log-unreadable")
		}
		s.source.flush(s, now.Add(-syslogline.Grace))
	}
	s.emit()
	if s.dirty && now.Sub(s.saved) >= saveEvery {
		s.save(now)
	}
	s.tell()
	return more
}

// choose opens the best source if it is not the present one.
func (s *sensor) choose(now time.Time) {
	if s.absent == nil {
		s.absent = make(map[string]bool)
		for _, name := range logFiles {
			_, err := s.host.FS.Stat(name)
			s.absent[name] = err != nil
		}
	}
	file, dir := s.bestFile(now), findJournal(s.host.FS)
	if file != "" && dir != "" && s.fileAge(file, now) > stale {
		file = ""
	}
	want := file
	if file == "" {
		want = dir
	}
	if want == "" {
		s.await()
		return
	}
	if s.source != nil && s.source.name() == want {
		return
	}
	s.leave()
	if file != "" {
		s.source = newFileSource(s, file)
	} else {
		s.source = newJournalSource(s, dir)
	}
	if err := s.source.start(s); err != nil {
		s.host.Health.Warn("log-unreadable", "The log %s cannot be read: %v", want, err)
	}
	s.dirty = true
}

// await watches for the first log to appear.
func (s *sensor) await() {
	if s.watch == nil || s.source != nil {
		return
	}
	if err := s.watch.add(s.host.FS.Path(path.Dir(logFiles[0])), watchDir); err != nil {
		s.host.Log.Debug("watch", "error", err)
	}
}

// bestFile returns the first log file that exists, "" for none. The files
// that hold everything count only while they are written.
func (s *sensor) bestFile(now time.Time) string {
	for i, name := range logFiles {
		info, err := s.host.FS.Stat(name)
		if err == nil && info.Mode().IsRegular() && (i < 2 || now.Sub(info.ModTime()) < stale) {
			return name
		}
	}
	return ""
}

func (s *sensor) fileAge(name string, now time.Time) time.Duration {
	info, err := s.host.FS.Stat(name)
	if err != nil {
		return 0
	}
	return now.Sub(info.ModTime())
}

// leave closes the present source.
func (s *sensor) leave() {
	if s.source == nil {
		return
	}
	s.source.position(&s.stored)
	s.source.flush(s, time.Time{})
	stats := s.source.parser().Stats()
	s.total.Understood += stats.Understood
	s.total.NotOfInterest += stats.NotOfInterest
	s.total.Unreadable += stats.Unreadable
	s.total.Audit += stats.Audit
	s.source.close()
	s.source = nil
}

// stop stores the position and lets go.
func (s *sensor) stop() {
	s.save(time.Now())
	s.leave()
	s.emit()
}

func (s *sensor) save(now time.Time) {
	s.saved, s.dirty = now, false
	if s.source == nil {
		return
	}
	s.stored = position{}
	s.source.position(&s.stored)
	if err := s.stored.save(s.host.StateDir); err != nil {
		s.host.Health.Warn("position-unsaved", "After a restart the log is read from its end: %v", err)
		return
	}
	s.host.Health.Clear("position-unsaved")
}

// emit hands over the events gathered.
func (s *sensor) emit() {
	if len(s.pending) > 0 {
		s.host.Sink.Emit(s.pending)
		clear(s.pending)
		s.pending = s.pending[:0]
	}
}

// gathered keeps the memory of a long catch-up bounded.
func (s *sensor) gathered(events []event.Event) {
	s.dirty = true
	if s.pending = events; len(s.pending) >= maxBatch {
		s.emit()
	}
}

func (s *sensor) tell() {
	h := s.host.Health
	stats := s.total
	if s.source == nil {
		h.Set(feature.Running, "no log found yet")
		h.Warn("no-auth-log", "Neither %s nor a systemd journal exists; logons are seen through the audit system only. Install rsyslog or enable systemd-journald.", logFiles[0])
	} else {
		now := s.source.parser().Stats()
		stats.Understood += now.Understood
		stats.NotOfInterest += now.NotOfInterest
		stats.Unreadable += now.Unreadable
		h.Clear("no-auth-log")
		h.Set(feature.Running, "follows "+s.source.name())
		if j, ok := s.source.(*journalSource); ok {
			h.Count("entries_forged", j.tail.stats.forged)
			h.CountDropped("fields_compressed", j.tail.stats.compressed)
			h.CountDropped("journal_damaged", j.tail.stats.damaged)
		}
		if f, ok := s.source.(*fileSource); ok {
			h.CountDropped("lines_overlong", f.tail.overlong)
		}
	}
	h.Count("lines_understood", stats.Understood)
	h.Count("lines_other", stats.NotOfInterest)
	h.CountDropped("lines_unreadable", stats.Unreadable)
}

// fileSource is a syslog file.
type fileSource struct {
	tail *tail
	p    *syslogline.Parser
}

func newFileSource(s *sensor, name string) *fileSource {
	return &fileSource{tail: newTail(s.host.FS, name), p: syslogline.New(syslogline.Options{Source: event.SourceSyslog})}
}

func (f *fileSource) start(s *sensor) error {
	f.watch(s)
	return f.tail.start(s.stored.File, s.absent[f.tail.path])
}

// watch follows the file that has the name now, and changes of the name.
func (f *fileSource) watch(s *sensor) {
	if s.watch == nil {
		return
	}
	full := s.host.FS.Path(f.tail.path)
	for name, mask := range map[string]uint32{full: watchFile, path.Dir(full): watchDir} {
		if err := s.watch.add(name, mask); err != nil {
			s.host.Log.Debug("watch", "path", name, "error", err)
		}
	}
}

func (f *fileSource) poll(s *sensor, now time.Time) (more bool, err error) {
	before := f.tail.current
	err = f.tail.poll(now, func(line []byte) { s.gathered(f.p.Append(s.pending, line)) })
	if f.tail.current != before {
		f.watch(s)
	}
	return f.tail.more, err
}

func (f *fileSource) flush(s *sensor, before time.Time) { s.pending = f.p.Flush(s.pending, before) }
func (f *fileSource) close()                            { f.tail.close() }
func (f *fileSource) name() string                      { return f.tail.path }
func (f *fileSource) position(p *position)              { p.File = f.tail.position() }
func (f *fileSource) parser() *syslogline.Parser        { return f.p }

// journalSource is the systemd journal.
type journalSource struct {
	tail *journalTail
	p    *syslogline.Parser
}

func newJournalSource(s *sensor, dir string) *journalSource {
	return &journalSource{
		tail: newJournalTail(s.host.FS, s.host.Log, dir),
		p:    syslogline.New(syslogline.Options{Source: event.SourceJournal}),
	}
}

func (j *journalSource) start(s *sensor) error {
	if s.watch != nil {
		if err := s.watch.add(s.host.FS.Path(j.tail.dir), watchJournal); err != nil {
			return fmt.Errorf("watch the journal: %w", err)
		}
	}
	return j.tail.start(s.stored.Journal, j.take(s))
}

func (j *journalSource) poll(s *sensor, _ time.Time) (more bool, err error) {
	return false, j.tail.poll(j.take(s))
}

// take parses an entry.
func (j *journalSource) take(s *sensor) func(*journal.Entry) {
	return func(e *journal.Entry) {
		line, forged := splitEntry(e)
		if forged {
			if syslogline.OfInterest(line) {
				j.tail.stats.forged++
			}
			return
		}
		s.gathered(j.p.AppendLine(s.pending, line))
	}
}

func (j *journalSource) flush(s *sensor, before time.Time) { s.pending = j.p.Flush(s.pending, before) }
func (j *journalSource) close()                            { j.tail.close() }
func (j *journalSource) name() string                      { return j.tail.dir }
func (j *journalSource) position(p *position)              { p.Journal = j.tail.at }
func (j *journalSource) parser() *syslogline.Parser        { return j.p }
