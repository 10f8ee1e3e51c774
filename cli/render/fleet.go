package render

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// Alerts returns alerts as a table, in the order given.
func Alerts(list []finding.Summary, style Style) string {
	rows := make([][]string, 0, len(list))
	for _, a := range list {
		rows = append(rows, []string{
			style.stamp(a.LastTime), a.Severity.String(), string(a.Status), strconv.FormatUint(uint64(a.Count), 10),
			a.HostName, a.Title, orDash(a.Assignee), a.ID,
		})
	}
	return Table([]string{"LAST", "SEVERITY", "STATUS", "COUNT", "HOST", "TITLE", "ASSIGNEE", "UID"}, rows, style)
}

// Case returns the whole of an alert as [Alert] does, with the host's name,
// how far people are with it, and what they said, oldest first.
func Case(c finding.Case, comments []finding.Comment, style Style) string {
	p := &page{style: style}
	p.labelled("host", termtext.Wrap(c.HostName+" ("+string(c.Host)+")", p.room(), maxWarningLines))
	status := string(c.Status)
	if c.Assignee != "" {
		status += ", assigned to " + c.Assignee
	}
	if c.Exception != "" {
		status += " by exception " + c.Exception
	}
	if c.By != "" {
		status += ", by " + c.By + " at " + style.stamp(c.Changed)
	}
	p.labelled("status", termtext.Wrap(status, p.room(), maxWarningLines))
	for _, said := range comments {
		text := strings.TrimPrefix(said.Event+": "+said.Text, ": ")
		p.labelled("", termtext.Wrap(style.stamp(said.Time)+"  "+said.By+"  "+strings.TrimSuffix(text, ": "), p.room(), maxWarningLines))
	}
	return Alert(c.Alert, style) + p.b.String()
}

// Hosts returns hosts as a table, in the order given.
func Hosts(list []fleet.Host, now time.Time, style Style) string {
	rows := make([][]string, 0, len(list))
	for _, h := range list {
		system, version := "-", "-"
		if h.Heartbeat != nil {
			system, version = h.Heartbeat.OS, h.Heartbeat.Agent
		}
		rows = append(rows, []string{h.Name, string(h.Health(now)), ago(h.LastSeen, now), system, version, labels(h.Labels), string(h.ID)})
	}
	return Table([]string{"NAME", "STATE", "SEEN", "SYSTEM", "AGENT", "LABELS", "UID"}, rows, style)
}

// Host returns what is known of a host: who it is, its features, its ledger.
func Host(h fleet.Host, balance *fleet.Balance, now time.Time, style Style) string {
	about := []string{string(h.ID) + ", " + string(h.Health(now)) + ", seen " + ago(h.LastSeen, now) + ", enrolled " + style.stamp(h.Enrolled)}
	if len(h.Labels) > 0 {
		about = append(about, labels(h.Labels))
	}
	beat := h.Heartbeat
	if beat == nil {
		return Labelled(h.Name, append(about, "It has not been heard of since it enrolled: is holdfast-agent running there?"), style)
	}
	about = append(about, beat.OS+", kernel "+beat.Kernel+", "+beat.Arch+", agent "+beat.Agent,
		strings.Join(beat.Addresses, " "))
	text := Labelled(h.Name, about, style) + "\n" + Features(statuses(beat.Features), style)
	if balance != nil {
		text += "\nEvents\n" + Ledger(BalanceEntries(*balance), style)
	}
	return text
}

// Balances returns the ledger of hosts as a table, a host a line, and the sum
// as an equation.
func Balances(hosts []fleet.Balance, total fleet.Balance, style Style) string {
	rows := make([][]string, 0, len(hosts))
	for _, b := range hosts {
		rows = append(rows, []string{
			b.Name, Number(b.Produced), Number(b.Stored), Number(b.Combined), Number(b.Waiting), Number(droppedSum(b)),
			strconv.FormatInt(b.Unaccounted, 10),
		})
	}
	return Table([]string{"HOST", "PRODUCED", "STORED", "COMBINED", "WAITING", "DROPPED", "UNACCOUNTED"}, rows, style) +
		"\nAll hosts\n" + Ledger(BalanceEntries(total), style)
}

// BalanceEntries sets out that produced = stored + everything else.
func BalanceEntries(b fleet.Balance) []Entry {
	entries := []Entry{
		{Value: b.Produced, What: "produced by kernel and sensors"},
		{Value: b.Stored, What: "= stored by the server"},
		{Value: b.Combined, What: "+ reported by two sensors, stored once"},
		{Value: b.Waiting, What: "+ under way"},
	}
	for _, reason := range slices.Sorted(maps.Keys(b.Dropped)) {
		entries = append(entries, Entry{Value: b.Dropped[reason], What: "+ lost: " + string(reason), Bad: true})
	}
	switch {
	case b.Unaccounted > 0:
		entries = append(entries, Entry{Value: uint64(b.Unaccounted), What: "+ unaccounted for", Bad: true})
	case b.Unaccounted < 0:
		entries = append(entries, Entry{Value: uint64(-b.Unaccounted), What: "- more than anybody produced", Bad: true})
	}
	return entries
}

func droppedSum(b fleet.Balance) uint64 {
	var n uint64
	for _, v := range b.Dropped {
		n += v
	}
	return n
}

// statuses turns what a heartbeat says of features into what the agent itself
// says of them.
func statuses(list []fleet.Feature) []feature.Status {
	out := make([]feature.Status, 0, len(list))
	for _, f := range list {
		s := feature.Status{Name: f.Name, State: feature.State(f.State), Detail: f.Detail, Since: f.Since}
		for _, w := range f.Warnings {
			s.Warnings = append(s.Warnings, feature.Warning{Code: w.Code, Text: w.Text})
		}
		out = append(out, s)
	}
	return out
}

func labels(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return orDash(strings.Join(parts, " "))
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if now.Sub(t) < time.Second {
		return "just now"
	}
	return Duration(now.Sub(t)) + " ago"
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
