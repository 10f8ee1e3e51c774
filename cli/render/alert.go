package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// Bounds that keep one alert on one screen; JSON output has everything.
const (
	maxStoryLines = 6
	maxReasons    = 10
	maxSteps      = 8
	maxStepLines  = 4
)

// Alert returns the whole of an alert as a block of lines: time, severity and
// title; what happened; who; lineage; why it fired; what to do; ids. It ends
// with a newline.
func Alert(a finding.Alert, style Style) string {
	p := &page{style: style}
	p.headline(a)
	p.story(a)
	p.labelled("who", p.who(a.Process))
	p.labelled("lineage", p.tree(a.Process))
	p.labelled("why", p.reasons(a))
	p.labelled("do", p.steps(a.Steps))
	p.labelled("ids", p.ids(a))
	return p.b.String()
}

// AlertLine returns an alert in one line, for repeats and lists: time,
// severity, how many, title, what happened.
func AlertLine(a finding.Alert, style Style) string {
	when := a.LastTime
	if when.IsZero() {
		when = a.Time
	}
	head := style.stamp(when) + "  "
	severity := strings.ToUpper(a.Severity.String())
	rest := a.Title
	if a.Count > 1 {
		rest = fmt.Sprintf("×%d  %s", a.Count, a.Title)
	}
	switch {
	case a.Story != "" && a.Story != a.Title:
		rest += ": " + a.Story
	case a.Process != nil:
		rest += ": " + processLabel(a.Process)
	}
	room := style.width() - len(head) - len(severity) - 2
	return head + style.color(severityPaint(a.Severity), severity) + "  " + termtext.Bound(rest, room) + "\n"
}

func (p *page) headline(a finding.Alert) {
	head := p.style.stamp(a.Time) + "  "
	severity := strings.ToUpper(a.Severity.String())
	room := p.style.width() - len(head) - len(severity) - 2
	title := termtext.Wrap(a.Title, room, 2)
	p.line(head, p.style.color(severityPaint(a.Severity), severity), "  ", p.style.color(bold, title[0]))
	for _, l := range title[1:] {
		p.line(strings.Repeat(" ", len(head)+len(severity)+2), p.style.color(bold, l))
	}
}

// story says what happened; an alert from elsewhere may lack one and has at
// least a meaning.
func (p *page) story(a finding.Alert) {
	text := a.Story
	if text == "" {
		text = a.Meaning
	}
	if text != "" {
		for _, l := range termtext.Wrap(text, p.style.width()-3, maxStoryLines) {
			p.line("  ", l)
		}
	}
	p.line()
}

// who names the account, the login behind it, the way in, and the container.
func (p *page) who(proc *event.Process) []string {
	if proc == nil {
		text := termtext.Bound("unknown: the source names no process", p.room())
		return []string{p.style.color(dim, text)}
	}
	var lines []string
	add := func(text string) { lines = append(lines, termtext.BoundMiddle(text, p.room())) }
	if text := account(proc); text != "" {
		add(text)
	}
	if entry := entryPoint(proc.Entry); entry != "" {
		add(entry)
	}
	if c := proc.Container; c != nil {
		add("container " + containerLabel(c))
	}
	if proc.Directory != "" {
		add("in " + proc.Directory)
	}
	return lines
}

func account(proc *event.Process) string {
	var parts []string
	if proc.User != (event.User{UID: event.UnsetUID}) { // a log line names no account of the program
		parts = append(parts, userLabel(proc.User))
	}
	if proc.Effective != nil {
		parts = append(parts, "acting as "+userLabel(*proc.Effective))
	}
	if proc.Login != nil {
		parts = append(parts, "logged in as "+userLabel(*proc.Login))
	}
	if proc.Session != 0 {
		parts = append(parts, "audit session "+strconv.FormatUint(uint64(proc.Session), 10))
	}
	if proc.Terminal != "" {
		parts = append(parts, "on "+proc.Terminal)
	}
	return strings.Join(parts, ", ")
}

func userLabel(u event.User) string {
	if u.Name == "" {
		return "uid " + u.String()
	}
	return u.Name + " (" + strconv.FormatUint(uint64(u.UID), 10) + ")"
}

func entryPoint(e event.EntryPoint) string {
	if e.Kind == event.EntryUnknown {
		return ""
	}
	text := "came in through " + string(e.Kind)
	if e.Unit != "" {
		text += " " + e.Unit
	}
	if e.Address != "" {
		text += " from " + e.Address
	}
	if e.User != "" {
		text += " as " + e.User
	}
	return text
}

// containerLabel returns name, image and the beginning of the id, as runtimes
// show it.
func containerLabel(c *event.Container) string {
	const shown = 12
	id := c.ID
	if len(id) > shown {
		id = id[:shown]
	}
	var parts []string
	for _, s := range []string{c.Name, c.Image, c.Runtime} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return id
	}
	return id + " (" + strings.Join(parts, ", ") + ")"
}

// reasons lists the field values that made the rule fire, by event where the
// alert stands on several. Events that fired it for the same reasons as the one
// before are counted.
func (p *page) reasons(a finding.Alert) []string {
	runs := evidenceRuns(a)
	var lines []string
	shown := 0
	for _, run := range runs {
		if shown >= maxReasons {
			break
		}
		if len(a.Evidence) > 1 && run.known {
			lines = append(lines, p.evidenceHead(a.Evidence[run.event]))
		}
		for _, m := range run.matches[:min(len(run.matches), maxReasons-shown)] {
			lines = append(lines, p.reason(m)...)
		}
		shown += len(run.matches)
		if run.more > 0 {
			text := fmt.Sprintf("and %d more like it, until %s", run.more, p.style.stamp(a.Evidence[run.last].Time))
			lines = append(lines, p.style.color(dim, termtext.Bound(text, p.room())))
		}
	}
	if shown > maxReasons {
		lines = append(lines, p.style.color(dim, "… more in -o json"))
	}
	if len(lines) == 0 && a.Rule.Title != "" {
		lines = append(lines, termtext.Bound("rule "+a.Rule.Title, p.room()))
	}
	return lines
}

// evidenceRun is an event of the evidence with the reasons it gave, and how
// many events right after it gave the same ones.
type evidenceRun struct {
	event, last int  // indices into the evidence: of the first, and of the last like it
	known       bool // the indices are within the evidence
	matches     []finding.Match
	more        int
}

func evidenceRuns(a finding.Alert) []evidenceRun {
	var runs []evidenceRun
	for i := 0; i < len(a.Matches); {
		index := a.Matches[i].Event
		end := i
		for end < len(a.Matches) && a.Matches[end].Event == index {
			end++
		}
		run := evidenceRun{event: index, last: index, known: index >= 0 && index < len(a.Evidence), matches: a.Matches[i:end]}
		if n := len(runs); n > 0 && run.known && runs[n-1].known && slices.EqualFunc(runs[n-1].matches, run.matches, sameReason) {
			runs[n-1].more++
			runs[n-1].last = index
		} else {
			runs = append(runs, run)
		}
		i = end
	}
	return runs
}

func sameReason(a, b finding.Match) bool {
	return a.Field == b.Field && a.Value == b.Value && a.Condition == b.Condition && a.Selection == b.Selection
}

func (p *page) evidenceHead(e event.Event) string {
	text := termtext.BoundMiddle(p.style.stamp(e.Time)+" "+eventName(&e)+" "+eventDetail(&e), p.room())
	return p.style.color(dim, text)
}

// reason says in words why a field fits the rule, in one line where that is
// enough.
func (p *page) reason(m finding.Match) []string {
	field := termtext.Bound(m.Field, p.room()/2)
	room := p.room() - termtext.Width(field) - 1
	value := strconv.Quote(m.Value)
	if m.Condition == "is "+value || m.Value == "" {
		return []string{p.style.color(bold, field) + " " + termtext.BoundMiddle(m.Condition, room)}
	}
	value = `"` + m.Value + `"`
	condition := termtext.Escape(m.Condition)
	if left := room - termtext.Width(condition) - 1; left >= termtext.Width(termtext.Escape(value)) {
		return []string{p.style.color(bold, field) + " " + termtext.Escape(value) + " " + p.style.color(dim, condition)}
	}
	lines := []string{p.style.color(bold, field) + " " + termtext.BoundMiddle(value, room)}
	for _, l := range termtext.Wrap(m.Condition, p.room()-2, 2) {
		lines = append(lines, "  "+p.style.color(dim, l))
	}
	return lines
}

func (p *page) steps(steps []string) []string {
	var lines []string
	for i, step := range steps {
		if i == maxSteps {
			lines = append(lines, p.style.color(dim, fmt.Sprintf("… and %d more, see -o json", len(steps)-i)))
			break
		}
		number := strconv.Itoa(i+1) + ". "
		for j, l := range termtext.Wrap(step, p.room()-len(number), maxStepLines) {
			if j > 0 {
				number = strings.Repeat(" ", len(number))
			}
			lines = append(lines, number+l)
		}
	}
	return lines
}

func (p *page) ids(a finding.Alert) []string {
	parts := []string{string(a.Type)}
	for _, t := range a.Tactics {
		parts = append(parts, string(t))
	}
	for _, t := range a.Methods {
		parts = append(parts, string(t))
	}
	text := strings.Join(parts, " ")
	if a.Count > 1 {
		text += fmt.Sprintf(" ×%d", a.Count)
	}
	lines := termtext.Wrap(text, p.room(), 2)
	if a.Rule.ID != "" {
		rule := "rule " + a.Rule.ID
		if a.Rule.Author != "" {
			rule += " by " + a.Rule.Author
		}
		lines = append(lines, termtext.Bound(rule, p.room()))
	}
	if a.ID != "" {
		lines = append(lines, termtext.Bound("alert "+a.ID, p.room()))
	}
	for i, l := range lines {
		lines[i] = p.style.color(dim, l)
	}
	return lines
}
