package exceptions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/moment"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/bounded"
)

// termFlags say an exception, in a file or one by one.
type termFlags struct {
	file, name, reason, expires        string
	rules, types, hosts, match, except []string
	labels                             []string
	whole, confirm                     bool
}

func (f *termFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "read the exception from a file, YAML or JSON; - for standard input")
	flags.StringVar(&f.name, "name", "", "what it is called")
	flags.StringVar(&f.reason, "reason", "", "why these alerts are wanted")
	flags.StringVar(&f.expires, "expires", "", "when it ends: a time, or in how long, such as 30d")
	flags.StringSliceVar(&f.rules, "rule", nil, "uids of rules")
	flags.StringSliceVar(&f.types, "type", nil, "alert types")
	flags.StringSliceVar(&f.hosts, "host", nil, "names or uids of hosts; all without")
	flags.StringArrayVar(&f.labels, "label", nil, "KEY=VALUE that the hosts must have; several mean all of them")
	flags.StringArrayVar(&f.match, "match", nil, `what an alert must have: a field, how to compare, and a value, such as "user.name equals backup"`)
	flags.StringArrayVar(&f.except, "match-not", nil, "what an alert must not have, in the same form")
	flags.BoolVar(&f.whole, "whole-rule", false, "hide everything of the rules or types")
	flags.BoolVar(&f.confirm, "confirm", false, "mean it, with --whole-rule")
}

// body returns the exception as the API has it.
func (f *termFlags) body(ctx context.Context, e *Commands, c *client.Client) (api.ExceptionBody, error) {
	body := api.ExceptionBody{Confirm: f.confirm}
	if f.file != "" {
		data, err := e.readTerms(f.file)
		if err != nil {
			return body, err
		}
		if body.ExceptionTerms, err = parseTerms(data); err != nil {
			return body, fmt.Errorf("exception in %s: %w", f.file, err)
		}
		return body, nil
	}
	body.ExceptionTerms = finding.ExceptionTerms{
		Name: f.name, Reason: f.reason, Enabled: true, WholeRule: f.whole, Match: []finding.Condition{},
		Scope: finding.ExceptionScope{Rules: f.rules, Kinds: []string{finding.ExceptionKindAlert}},
	}
	for _, t := range f.types {
		body.Scope.Types = append(body.Scope.Types, finding.AlertType(t))
	}
	for _, name := range f.hosts {
		h, err := e.Host(ctx, c, name)
		if err != nil {
			return body, err
		}
		body.Scope.Hosts = append(body.Scope.Hosts, h.ID)
	}
	return body, f.conditions(&body.ExceptionTerms)
}

// conditions adds what is said of labels, conditions and expiry.
func (f *termFlags) conditions(t *finding.ExceptionTerms) error {
	for _, pair := range f.labels {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return usage.Errorf("--label: %q is not KEY=VALUE", pair)
		}
		if t.Scope.Labels == nil {
			t.Scope.Labels = make(map[string]string)
		}
		t.Scope.Labels[key] = value
	}
	for i, text := range append(f.match[:len(f.match):len(f.match)], f.except...) {
		m, err := parseCondition(text)
		if err != nil {
			return err
		}
		m.Not = i >= len(f.match)
		t.Match = append(t.Match, m)
	}
	expires, err := parseExpiry(f.expires, time.Now())
	t.Expires = expires
	return filled(t, err)
}

// filled makes the lists of terms that are nil empty, as the API has them.
func filled(t *finding.ExceptionTerms, err error) error {
	s := &t.Scope
	if s.Hosts == nil {
		s.Hosts = []event.HostID{}
	}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	if s.Rules == nil {
		s.Rules = []string{}
	}
	if s.Types == nil {
		s.Types = []finding.AlertType{}
	}
	if s.Kinds == nil {
		s.Kinds = []string{}
	}
	if t.Match == nil {
		t.Match = []finding.Condition{}
	}
	return err
}

// parseCondition reads a condition with one value. The server says what is
// wrong with its field and way to compare.
func parseCondition(text string) (finding.Condition, error) {
	parts := strings.SplitN(strings.TrimSpace(text), " ", 3)
	if len(parts) < 3 || parts[2] == "" {
		return finding.Condition{}, usage.Errorf(`%q is not a field, how to compare, and a value, such as "user.name equals backup"`, text)
	}
	return finding.Condition{Field: finding.ConditionField(parts[0]), Op: finding.ConditionOp(parts[1]), Values: []string{parts[2]}}, nil
}

// parseExpiry reads a time to come; nil for "".
func parseExpiry(text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	var at moment.Flag
	var in moment.Length
	err := in.Set(text)
	if _, span := time.ParseDuration(text); err == nil {
		at.Time = now.Add(in.Duration).UTC().Truncate(time.Second)
	} else if span != nil { // what is a length and not a good one is no time either
		err = at.Set(text)
	}
	if err != nil || !at.After(now) {
		return nil, usage.Errorf("--expires: %q is neither a time to come nor in how long, such as 30d", text)
	}
	end := at.Time
	return &end, nil
}

// maxTerms bounds a file with an exception, in bytes, as the server does.
const maxTerms = 1 << 20

func (e *Commands) readTerms(path string) ([]byte, error) {
	in := e.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the exception: %w", err)
		}
		defer file.Close()
		in = file
	}
	data, err := bounded.ReadAll(in, maxTerms)
	if err != nil {
		return nil, fmt.Errorf("read the exception from %s: %w", path, err)
	}
	return data, nil
}

// serverTerms are what the server says of an exception and people do not, so
// that the output of "exceptions show -o yaml" can be read again.
var serverTerms = []string{"uid", "created_by", "created_time", "hits", "last_hit_time", "version"}

// parseTerms reads one document. What does not exist is an error; an exception
// is enabled unless it says otherwise.
func parseTerms(data []byte) (finding.ExceptionTerms, error) {
	terms := finding.ExceptionTerms{Enabled: true}
	var document map[string]any
	texts := yaml.NewDecoder(bytes.NewReader(data))
	if err := texts.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return terms, err
	}
	if err := texts.Decode(new(any)); !errors.Is(err, io.EOF) {
		return terms, errors.New("more than one document; keep one")
	}
	for _, name := range serverTerms {
		delete(document, name)
	}
	plain, err := json.Marshal(document)
	if err != nil {
		return terms, fmt.Errorf("a name is not a text: %w", err)
	}
	strict := json.NewDecoder(bytes.NewReader(plain))
	strict.DisallowUnknownFields()
	return terms, filled(&terms, strict.Decode(&terms))
}
