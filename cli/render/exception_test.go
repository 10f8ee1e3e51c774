package render_test

import (
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

func TestExceptionsLookAsReviewed(t *testing.T) {
	evil := hostile().Title
	style := render.Style{Width: 120}
	end, hit := noon.Add(time.Hour), noon.Add(-time.Minute)
	backup := finding.Exception{
		ID: "e1", Author: "anna", Created: noon.Add(-time.Hour), Hits: 1234, LastHit: &hit, Version: 2,
		ExceptionTerms: finding.ExceptionTerms{
			Name: "Nightly backup", Reason: "rsync copies /etc every night", Enabled: true, Expires: &end,
			Scope: finding.ExceptionScope{Types: []finding.AlertType{"VM_Exfiltration"}, Hosts: []event.HostID{"h1", "h2"}, Labels: map[string]string{"group": "web"}},
			Match: []finding.Condition{
				{Field: finding.FieldExecutable, Op: finding.OpEquals, Values: []string{"/usr/bin/rsync", "/opt/rsync"}},
				{Field: finding.FieldCommandLine, Op: finding.OpStartsWith, Values: []string{"rsync " + evil}, Not: true},
			},
		},
	}
	whole := finding.Exception{ID: evil, Author: evil, ExceptionTerms: finding.ExceptionTerms{Name: evil, Reason: evil, WholeRule: true, Scope: finding.ExceptionScope{Rules: []string{evil}}}}
	past := backup
	past.Expires = &hit
	golden(t, "exceptions-120", render.Exceptions([]finding.Exception{backup, past, whole}, noon, style))
	golden(t, "exception-120", render.Exception(backup, noon, style))
	golden(t, "exception-hostile-120", render.Exception(whole, noon, style))
	golden(t, "exception-preview-120", render.Preview(api.ExceptionPreview{
		SamplesTotal: 5, SamplesHidden: 2, Samples: []api.ExceptionSample{{Name: "match-a.log", Title: evil, Story: evil, Severity: finding.High}},
		Total: 16, Hidden: 14, Alerts: []finding.Summary{{ID: "a1", Title: evil, HostName: "web-1", Count: 3, LastTime: noon, Triage: finding.Triage{Status: finding.Open}}},
	}, style))
	golden(t, "exception-preview-none-120", render.Preview(api.ExceptionPreview{Complete: true}, style))
}
