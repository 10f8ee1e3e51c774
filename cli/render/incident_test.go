package render_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// intrusion is an incident of four lines on two hosts.
func intrusion() finding.IncidentCase {
	line := func(minutes int, host, title, text string, severity finding.Severity) finding.StoryLine {
		at := noon.Add(time.Duration(minutes) * time.Minute)
		return finding.StoryLine{
			Time: at, LastTime: at, Count: 1, Host: event.HostID(host), HostName: host + ".example", Title: title, Text: text, Severity: severity,
			Signals: []string{title}, Key: severity >= finding.Medium,
		}
	}
	inc := finding.Incident{
		ID: "c7ec4f2c41949a7b741c0bb340a35e0c", Title: "Web shell led to credential access on db and 1 other host", Severity: finding.High, Score: 21.34,
		Time: noon, LastTime: noon.Add(30 * time.Minute), Count: 17, Hosts: []event.HostID{"web", "db"},
		Tactics: []finding.Tactic{"initial-access", "execution", "credential-access"},
		Story: []finding.StoryLine{
			line(0, "web", "Possible web shell", "www-data started /bin/sh from /var/www/html/up.php.", finding.High),
			line(2, "web", "System information was gathered", "www-data ran id, uname -a and 5 more.", finding.Low),
			line(9, "db", "Logon from an unusual address", "alice logged on from 192.0.2.7.", finding.Medium),
			line(11, "db", "Password file was read", "alice read /etc/shadow with cat.", finding.High),
		},
		Links: []finding.Link{
			{From: 0, To: 1, Kinds: []finding.LinkKind{finding.LinkProcess}, Strength: 0.9, Reason: `The process "sh" did one and is an ancestor of the process that did the other.`},
			{From: 1, To: 2, Kinds: []finding.LinkKind{finding.LinkConnection}, Strength: 0.9, Reason: "Both are about the connection tcp 192.0.2.7:40022 192.0.2.8:22."},
			{From: 2, To: 3, Kinds: []finding.LinkKind{finding.LinkSession}, Strength: 0.7, Reason: "Both belong to the logon session 01/7."},
		},
		Entities: []finding.Entity{{Kind: finding.EntityAddress, Value: "192.0.2.7", Lines: []int{0, 2, 3}}, {Kind: finding.EntityAccount, Value: "alice", Lines: []int{2}}},
		Missing:  []string{"Nothing shows how the attacker got in."},
		Related:  []finding.Relation{{ID: "0a1b", Reason: "the chain of shared evidence between them is too long"}},
		Steps:    []string{"Isolate web.example from the network until it is clear what was done there.", "Change the password of alice."},
	}
	inc.Story[1].Count, inc.Story[1].Hidden = 14, true
	return finding.IncidentCase{
		Incident: inc, Status: finding.Acknowledged, Assignee: "anna", Verdict: finding.Attack, Version: 3,
		HostNames: map[event.HostID]string{"web": "web.example", "db": "db.example"},
	}
}

func TestIncidentsLookAsReviewed(t *testing.T) {
	c := intrusion()
	style := render.Style{Width: 120}
	golden(t, "incident-120", render.Incident(c, []finding.Comment{{Time: noon, By: "anna", Event: "found to be an attack", Text: "We own this one."}}, style))
	golden(t, "incidents-120", render.Incidents([]finding.IncidentSummary{
		{ID: c.ID, Title: c.Title, Severity: c.Severity, LastTime: c.LastTime, Lines: 4, Hosts: c.Hosts, HostNames: c.HostNames, Status: c.Status, Assignee: "anna"},
		{ID: "b", Title: "Miner", LastTime: noon, Hosts: []event.HostID{"a", "b", "c", "d", "e"}, Status: finding.Open},
	}, style))
}

// TestHostileIncidents puts what a host may say everywhere that hosts have a say.
func TestHostileIncidents(t *testing.T) {
	evil := hostile().Title
	c := intrusion()
	c.Title, c.HostNames["web"], c.Missing = evil, evil, []string{evil}
	for i := range c.Story {
		c.Story[i].Title, c.Story[i].Text, c.Story[i].HostName = evil, evil, evil
	}
	c.Story = slices.Repeat(c.Story, 3)
	for i := range c.Links {
		c.Links[i].Reason = evil
	}
	c.Entities[0].Value = evil
	for _, width := range []int{0, 77} {
		style := render.Style{Width: width}
		text := render.Incident(c, []finding.Comment{{By: evil, Text: evil}}, style)
		text += render.Incidents([]finding.IncidentSummary{{ID: "x", Title: evil, Hosts: c.Hosts, HostNames: c.HostNames, Assignee: evil}}, style)
		for line := range strings.SplitSeq(text, "\n") {
			if w := termtext.Width(line); w > max(width, 40) {
				t.Errorf("width %d: a line is %d wide: %q", width, w, line)
			}
			if termtext.Escape(line) != line {
				t.Errorf("width %d: not escaped: %q", width, line)
			}
		}
		if n := strings.Count(text, "\n"); n > 1500 {
			t.Errorf("width %d: %d lines", width, n)
		}
	}
}
