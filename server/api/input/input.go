// Package input holds what several operations of the API take: parts of lists,
// choices of alerts and events, ids and versions, with their tags for the
// description, and how the store has them.
package input

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

type (
	// Page is the part of a list that a request asks for.
	Page struct {
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many."`
		After string `query:"after" maxLength:"1024" doc:"The next of the part before."`
	}

	// IfMatch is the version that a change builds on.
	IfMatch struct {
		Version string `header:"If-Match" maxLength:"64" example:"\"3\"" doc:"The ETag that the change builds on. Without it, or with *, the change is made to whatever is there."`
	}

	// ByID is the uid in the path.
	ByID struct {
		ID string `path:"uid" minLength:"1" maxLength:"128" doc:"The uid."`
	}

	// ByName is the name in the path.
	ByName struct {
		Name string `path:"name" minLength:"1" maxLength:"64" doc:"The user's name."`
	}
	// Between bounds a list in time.
	Between struct {
		Since time.Time `query:"since" doc:"At or after."`
		Until time.Time `query:"until" doc:"Before."`
	}
	// EventChoice chooses events.
	EventChoice struct {
		Page
		Between
		Class   []ClassName `query:"class,explode" maxItems:"32" doc:"Only events of these classes."`
		Process string      `query:"process" pattern:"^[0-9a-f]{16}-[0-9]+-[0-9]+$" doc:"Only events in which the process with this uid acts, or is parent or target."`
		User    string      `query:"user" maxLength:"256" doc:"Only events of this user."`
		Text    string      `query:"text" maxLength:"256" doc:"In command line, program, file, account, message or address, ignoring case."`
		Order   string      `query:"order" enum:"time,-time" default:"-time" doc:"Oldest or newest first."`
	}
	// AlertChoice chooses alerts.
	AlertChoice struct {
		Between
		Status   []finding.Status    `query:"status,explode" maxItems:"8" doc:"Only alerts in these statuses."`
		Severity []SeverityName      `query:"severity,explode" maxItems:"8" doc:"Only alerts of these severities."`
		Type     []finding.AlertType `query:"type,explode" maxItems:"64" doc:"Only alerts of these types."`
		Host     []event.HostID      `query:"host,explode" maxItems:"256" doc:"Only alerts of these hosts."`
		Tactic   []finding.Tactic    `query:"tactic,explode" maxItems:"32" doc:"Only alerts of these ATT&CK tactics."`
		Assignee []string            `query:"assignee,explode" maxItems:"64" doc:"Only alerts of these users; - means nobody."`
		Rule     []string            `query:"rule,explode" maxItems:"64" doc:"Only alerts of these rules, by uid."`
		Hidden   []string            `query:"exception,explode" maxItems:"64" doc:"Only alerts that these exceptions hide, by uid."`
		Text     string              `query:"text" maxLength:"256" doc:"In title, description or host name, ignoring case."`
	}
)

// Names of values that are numbers in Go, for lists of them in a query.
type (
	// SeverityName is the name of a finding.Severity.
	SeverityName string
	// ClassName is the name of an event.Class.
	ClassName string
)

// Store returns the page as the store has it.
func (p Page) Store() store.Page { return store.Page{Limit: p.Limit, After: p.After} }

// Expected returns the version that a change builds on.
func (m IfMatch) Expected() (int64, error) {
	text := strings.TrimSpace(m.Version)
	if text == "" || text == "*" {
		return store.AnyVersion, nil
	}
	quoted, err := strconv.Unquote(text)
	if err != nil {
		return 0, fmt.Errorf("%w: If-Match: %q is not one ETag in quotes", account.ErrInvalid, text)
	}
	version, err := strconv.ParseInt(quoted, 10, 64)
	if err != nil || version < 0 {
		return 0, fmt.Errorf("%w: If-Match: %s is no ETag of this server", account.ErrInvalid, text)
	}
	return version, nil
}

// Filter returns the choice as the store has it.
func (q AlertChoice) Filter() (store.AlertFilter, error) {
	f := store.AlertFilter{
		Status: q.Status, Type: q.Type, Host: q.Host, Tactic: q.Tactic, Rule: q.Rule, Exception: q.Hidden, Text: q.Text, Since: q.Since, Until: q.Until,
	}
	for _, name := range q.Severity {
		severity, err := finding.ParseSeverity(string(name))
		if err != nil {
			return f, fmt.Errorf("%w: %w", account.ErrInvalid, err)
		}
		f.Severity = append(f.Severity, severity)
	}
	for _, name := range q.Assignee {
		if name == api.Nobody {
			name = ""
		}
		f.Assignee = append(f.Assignee, name)
	}
	return f, nil
}

// Filter returns the choice as the store has it.
func (q EventChoice) Filter() (store.EventFilter, error) {
	f := store.EventFilter{
		Since: q.Since, Until: q.Until, User: q.User, Text: q.Text,
		Limit: q.Limit, OldestFirst: q.Order == "time", After: q.After,
	}
	for _, name := range q.Class {
		var class event.Class
		if err := class.UnmarshalText([]byte(name)); err != nil {
			return f, fmt.Errorf("%w: class: %w", account.ErrInvalid, err)
		}
		f.Classes = append(f.Classes, class)
	}
	if q.Process != "" {
		if err := f.Process.UnmarshalText([]byte(q.Process)); err != nil {
			return f, fmt.Errorf("%w: process: %w", account.ErrInvalid, err)
		}
	}
	return f, nil
}
