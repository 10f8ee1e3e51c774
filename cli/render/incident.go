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

// Bounds that keep an incident readable; JSON output has everything.
const (
	maxTimeline  = 60
	maxLineText  = 3
	maxEntities  = 12
	maxHostNames = 3
)

// Incidents returns incidents as a table, in the order given.
func Incidents(list []finding.IncidentSummary, style Style) string {
	rows := make([][]string, 0, len(list))
	for _, i := range list {
		rows = append(rows, []string{
			style.stamp(i.LastTime), i.Severity.String(), string(i.Status), strconv.Itoa(i.Lines), hostNames(i.Hosts, i.HostNames),
			i.Title, orDash(i.Assignee), i.ID,
		})
	}
	return Table([]string{"LAST", "SEVERITY", "STATUS", "LINES", "HOSTS", "TITLE", "ASSIGNEE", "UID"}, rows, style)
}

func hostNames(ids []event.HostID, names map[event.HostID]string) string {
	var list []string
	for _, id := range ids[:min(len(ids), maxHostNames)] {
		list = append(list, hostName(id, names))
	}
	if more := len(ids) - maxHostNames; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return orDash(strings.Join(list, ", "))
}

func hostName(id event.HostID, names map[event.HostID]string) string {
	if names[id] != "" {
		return names[id]
	}
	return string(id)
}

// Incident returns the whole of an incident: what it is; its story as a
// timeline, each line with why it belongs to those before; what is missing;
// what to do; and what people said, oldest first. It ends with a newline.
func Incident(c finding.IncidentCase, comments []finding.Comment, style Style) string {
	p := &page{style: style}
	p.headline(finding.Alert{Time: c.Time, Severity: c.Severity, Title: c.Title})
	p.line()
	p.labelled("chain", p.wrapped(tacticChain(c.Tactics)))
	var hosts []string
	for _, id := range c.Hosts {
		hosts = append(hosts, hostName(id, c.HostNames))
	}
	p.labelled("hosts", p.wrapped(strings.Join(hosts, ", ")))
	p.timeline(c.Incident)
	p.labelled("entities", p.entities(c.Entities))
	p.labelled("missing", p.wrapped(c.Missing...))
	for _, r := range c.Related {
		p.labelled("related", p.wrapped("incident "+r.ID+": "+r.Reason))
	}
	p.labelled("do", p.steps(c.Steps))
	p.labelled("status", p.wrapped(incidentStatus(c)))
	for _, said := range comments {
		text := strings.TrimPrefix(said.Event+": "+said.Text, ": ")
		p.labelled("", p.wrapped(style.stamp(said.Time)+"  "+said.By+"  "+strings.TrimSuffix(text, ": ")))
	}
	p.labelled("id", []string{p.style.color(dim, termtext.Bound("incident "+c.ID, p.room()))})
	return p.b.String()
}

func (p *page) wrapped(texts ...string) []string {
	var lines []string
	for _, text := range texts {
		if text != "" {
			lines = append(lines, termtext.Wrap(text, p.room(), maxWarningLines)...)
		}
	}
	return lines
}

func tacticChain(tactics []finding.Tactic) string {
	var names []string
	for _, t := range tactics {
		names = append(names, string(t))
	}
	return strings.Join(names, " → ")
}

func incidentStatus(c finding.IncidentCase) string {
	parts := []string{string(c.Status)}
	if c.Assignee != "" {
		parts = append(parts, "assigned to "+c.Assignee)
	}
	if c.Verdict != finding.NoVerdict {
		parts = append(parts, "found to be "+map[finding.Verdict]string{finding.Attack: "an attack", finding.Benign: "benign"}[c.Verdict])
	}
	return strings.Join(parts, ", ") + fmt.Sprintf("; score %.1f, %d signals", c.Score, c.Count)
}

// timeline writes the lines of the story in the order of time, numbered, so that
// the reasons can name them.
func (p *page) timeline(inc finding.Incident) {
	p.line()
	for i, line := range inc.Story[:min(len(inc.Story), maxTimeline)] {
		p.storyHead(i, line)
		for _, l := range termtext.Wrap(line.Text, p.room(), maxLineText) {
			p.line(strings.Repeat(" ", labelWidth), l)
		}
		for _, link := range inc.Links {
			if link.To == i && link.From < i {
				p.because(link)
			}
		}
	}
	if more := uint64(max(0, len(inc.Story)-maxTimeline)) + inc.Omitted; more > 0 {
		p.line(p.style.color(dim, fmt.Sprintf("  … and %d more, see -o json", more)))
	}
	p.line()
}

// storyHead writes number, time, host, severity and title of a line. A star marks
// those that the score is made of, a bracket those that an exception hides.
func (p *page) storyHead(i int, line finding.StoryLine) {
	mark := " "
	switch {
	case line.Hidden:
		mark = "("
	case line.Key:
		mark = "★"
	}
	head := fmt.Sprintf("%3d. %s %s  ", i+1, mark, p.style.stamp(line.Time))
	host := hostName(line.Host, map[event.HostID]string{line.Host: line.HostName})
	p.line(head, termtext.Bound(host, p.style.width()-termtext.Width(head)))
	severity := strings.ToUpper(line.Severity.String())
	title := line.Title
	if line.Count > 1 {
		title = fmt.Sprintf("×%d  %s", line.Count, title)
	}
	title = termtext.Bound(title, p.room()-len(severity)-2)
	p.line(strings.Repeat(" ", labelWidth), p.style.color(severityPaint(line.Severity), severity), "  ", p.style.color(bold, title))
}

// because writes why a line belongs to an earlier one.
func (p *page) because(link finding.Link) {
	text := fmt.Sprintf("↖ %d: %s", link.From+1, link.Reason)
	for _, l := range termtext.Wrap(text, p.room(), maxLineText) {
		p.line(strings.Repeat(" ", labelWidth), p.style.color(dim, l))
	}
}

// entities lists what ties lines together.
func (p *page) entities(list []finding.Entity) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(e finding.Entity) bool { return len(e.Lines) < 2 })
	var lines []string
	for i, e := range list {
		if i == maxEntities {
			lines = append(lines, p.style.color(dim, fmt.Sprintf("… and %d more, see -o json", len(list)-i)))
			break
		}
		name := e.Name
		if name == "" {
			name = e.Value
		}
		text := fmt.Sprintf("%s %s, in %d lines", e.Kind, name, len(e.Lines))
		if e.Common {
			text += ", common"
		}
		lines = append(lines, termtext.BoundMiddle(text, p.room()))
	}
	return lines
}
