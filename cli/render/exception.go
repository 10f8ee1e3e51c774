package render

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// Exceptions returns exceptions as a table, in the order given.
func Exceptions(list []finding.Exception, now time.Time, style Style) string {
	rows := make([][]string, 0, len(list))
	for i := range list {
		e := &list[i]
		rows = append(rows, []string{
			e.Name, exceptionState(e, now), Number(uint64(max(e.Hits, 0))), stampOr(e.LastHit, "-", style), stampOr(e.Expires, "never", style),
			e.Author, e.Reason, e.ID,
		})
	}
	return Table([]string{"NAME", "STATE", "HITS", "LAST HIT", "EXPIRES", "BY", "REASON", "UID"}, rows, style)
}

func exceptionState(e *finding.Exception, now time.Time) string {
	switch {
	case e.Active(now):
		return "active"
	case e.Enabled:
		return "expired"
	}
	return "disabled"
}

func stampOr(t *time.Time, none string, style Style) string {
	if t == nil {
		return none
	}
	return style.stamp(*t)
}

// Exception returns the whole of an exception.
func Exception(e finding.Exception, now time.Time, style Style) string {
	p := &page{style: style}
	said := func(label, text string) {
		if text != "" {
			p.labelled(label, termtext.Wrap(text, p.room(), maxWarningLines))
		}
	}
	said("name", e.Name)
	said("uid", e.ID)
	said("state", exceptionState(&e, now)+", expires "+stampOr(e.Expires, "never", style))
	said("made", "by "+e.Author+" at "+style.stamp(e.Created))
	said("reason", e.Reason)
	said("hits", Plural(uint64(max(e.Hits, 0)), "alert")+", last "+stampOr(e.LastHit, "never", style))
	said("rules", joined(e.Scope.Rules))
	said("types", joined(e.Scope.Types))
	said("hosts", cmp.Or(joined(e.Scope.Hosts), "all"))
	said("labels", labels(e.Scope.Labels))
	for i, m := range e.Match {
		label := ""
		if i == 0 {
			label = "match"
		}
		said(label, ConditionText(m))
	}
	if len(e.Match) == 0 {
		said("match", "everything")
	}
	return p.b.String()
}

func joined[T ~string](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = string(v)
	}
	return strings.Join(parts, ", ")
}

// ConditionText returns a condition in words, such as
// `process.name is not one of "a", "b"`. Values are quoted and may be hostile.
func ConditionText(m finding.Condition) string {
	parts := make([]string, len(m.Values))
	for i, v := range m.Values {
		parts[i] = strconv.Quote(v)
	}
	op := strings.ReplaceAll(string(m.Op), "_", " ")
	if m.Not {
		op = "not " + op
	}
	return fmt.Sprintf("%s %s %s", m.Field, op, strings.Join(parts, " or "))
}

// Preview returns what an exception would have hidden.
func Preview(p api.ExceptionPreview, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "It would have hidden %s of %s of its rules and types.\n", Number(uint64(max(p.Hidden, 0))), Plural(uint64(max(p.Total, 0)), "alert"))
	if !p.Complete {
		b.WriteString("Not all were looked at: time ran out before the oldest.\n")
	}
	if len(p.Alerts) > 0 {
		b.WriteString("\n" + Alerts(p.Alerts, style))
	}
	if rest := p.Hidden - int64(len(p.Alerts)); rest > 0 {
		fmt.Fprintf(&b, "… and %s more\n", Number(uint64(rest)))
	}
	return b.String() + hiddenSamples(p, style)
}

// hiddenSamples says which recorded attacks an exception would hide.
func hiddenSamples(p api.ExceptionPreview, style Style) string {
	if p.SamplesTotal <= 0 {
		return ""
	}
	text := fmt.Sprintf("\nOf %s that the rules are tested with it would hide %s.\n",
		Plural(uint64(p.SamplesTotal), "recorded attack"), Number(uint64(max(p.SamplesHidden, 0))))
	var rows [][]string
	for _, s := range p.Samples {
		rows = append(rows, []string{s.Severity.String(), s.Title, s.Story})
	}
	if len(rows) > 0 {
		text += "\n" + Table([]string{"SEVERITY", "ALERT", "WHAT HAPPENS"}, rows, style)
	}
	if rest := p.SamplesHidden - int64(len(p.Samples)); rest > 0 {
		text += fmt.Sprintf("… and %s more\n", Number(uint64(rest)))
	}
	return text
}
