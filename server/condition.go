package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api"
	"github.com/holdfast-security/holdfast/server/ingest"
	"github.com/holdfast-security/holdfast/server/rulebook"
)

const (
	// streamFilling is the share of the stream's bound, in percent, from which
	// people should know.
	streamFilling = 80
	// expiresSoon is how long before its end people are told of a certificate
	// of their own. Ours are renewed long before.
	expiresSoon = 14 * 24 * time.Hour
)

// refusals are what could not be put in force, by code, until it can. They are
// safe for concurrent use; the zero value has none.
type refusals struct {
	mu    sync.Mutex // guards texts
	texts map[string]string
}

// note notes what came of the latest attempt and returns its error.
func (r *refusals) note(code, what string, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.texts, code)
		return nil
	}
	if r.texts == nil {
		r.texts = make(map[string]string)
	}
	r.texts[code] = what + err.Error()
	return err
}

// list returns what is not in force.
func (r *refusals) list() []fleet.Warning {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []fleet.Warning
	for code, text := range r.texts {
		all = append(all, fleet.Warning{Code: code, Text: text})
	}
	return all
}

// noting returns what notes the latest attempt at something.
func (r *refusals) noting(code, what string) func(error) {
	return func(err error) { _ = r.note(code, what, err) }
}

// ruleConfig returns where rules are, and who is told what became of them.
func (s *Server) ruleConfig() rulebook.Config {
	return rulebook.Config{
		Paths: s.cfg.Rules, Log: s.log,
		Refused:  s.refusals.noting("rules_refused", "The rules of the configuration cannot be used, and those before them stay in force. Mend them and reload: "),
		LeftOut:  s.refusals.noting("rule_documents_left_out", "Rule documents cannot be used any more and are not in force. Mend them on the page of rules: "),
		Unshared: s.refusals.noting("rules_not_shared", "Hosts cannot be given the rules and keep those that they have: "),
		Changed: func(docs []string) {
			s.hub.Rule(apitypes.RuleChange{Docs: append([]string{}, docs[:min(len(docs), 100)]...)})
		},
	}
}

// Conditions returns what is wrong with the server now, by code, with what to
// do about it; empty when nothing is. It may be called from any goroutine.
func (s *Server) Conditions(ctx context.Context) []fleet.Warning {
	all := slices.Concat(s.ailments(), s.refusals.list(), s.evidence.Conditions())
	if err := s.state.Ping(ctx); err != nil {
		all = append(all, fleet.Warning{Code: "database_unavailable", Text: "The database does not answer: " + err.Error()})
	}
	all = append(all, s.forebodings(ctx)...)
	all = append(all, s.unjoined()...)
	slices.SortFunc(all, func(a, b fleet.Warning) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// ailments are what keeps the server from its work, as far as that is known
// without asking anybody.
func (s *Server) ailments() []fleet.Warning {
	all := []fleet.Warning{}
	add := func(code, text string) { all = append(all, fleet.Warning{Code: code, Text: text}) }
	if s.stream == nil || s.pipeline == nil {
		add("starting", "The server is starting.")
	} else {
		if err := s.stream.Ready(); err != nil {
			add("stream_disconnected", sentence(err)+" Agents keep their events until it is.")
		}
		all = append(all, s.stream.Warnings()...)
		if st := s.pipeline.Status(); st.State == ingest.Stalled {
			add("ingest_stalled", "Ingestion does not get on: "+st.Detail+". Nothing is lost, agents and stream keep what comes, and it is tried again by itself.")
		}
	}
	if err := s.keys.Trouble(); err != nil {
		add("certificate", sentence(err))
	}
	return all
}

// forebodings are what is going to keep the server from its work.
func (s *Server) forebodings(ctx context.Context) []fleet.Warning {
	var all []fleet.Warning
	if left := time.Until(s.keys.Expires()); s.cfg.CertificateFile != "" && left > 0 && left < expiresSoon {
		all = append(all, fleet.Warning{Code: "certificate_expires", Text: fmt.Sprintf(
			"The certificate of console and API ends on %s: put a new one in the place of %s; it is taken over by itself.",
			s.keys.Expires().UTC().Format(time.DateOnly), s.cfg.CertificateFile)})
	}
	if s.stream == nil {
		return all
	}
	if u, err := s.stream.Usage(ctx); err == nil && u.Limit > 0 && u.Bytes >= u.Limit/100*streamFilling {
		all = append(all, fleet.Warning{Code: "stream_filling", Text: fmt.Sprintf(
			"The stream holds %d of at most %d bytes: events come faster than they are stored. When it is full, agents keep their events.", u.Bytes, u.Limit)})
	}
	return all
}

// sentence returns an error as a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// readiness is [Server.Ready] without asking the database.
func (s *Server) readiness() error {
	var wrong []string
	for _, w := range s.ailments() {
		wrong = append(wrong, w.Text)
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", api.ErrNotReady, strings.Join(wrong, " "))
}
