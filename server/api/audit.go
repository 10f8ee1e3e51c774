package api

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/route"
)

// Outcomes of audit log entries.
const (
	done      = "done"
	notDone   = "failed"
	forbidden = "refused"
)

// note writes an entry of the audit log about the request of ctx. The caller
// does so before it answers, and answers with the error if there is one: what
// cannot be noted does not happen unnoticed.
func (s *Server) note(ctx context.Context, action, object string, detail any) error {
	return s.record(ctx, action, object, detail, done)
}

func (s *Server) record(ctx context.Context, action, object string, detail any, outcome string) error {
	q := front.Of(ctx)
	entry := account.Entry{Time: s.now(), Actor: q.Identity.Actor(), Owner: q.Identity.Owner(), Action: action, Object: object, Outcome: outcome}
	if !q.Known {
		entry.Actor, entry.Owner = "anonymous", ""
	}
	if q.From.IsValid() {
		entry.Address = q.From.String()
	}
	if detail != nil {
		text, err := json.Marshal(detail)
		if err != nil {
			return err
		}
		entry.Detail = string(text)
	}
	return s.State.Record(ctx, entry)
}

// noteRead notes that evidence is about to be shown.
func (s *Server) noteRead(ctx context.Context, op route.Operation, in any) error {
	return s.note(ctx, op.Evidence, objectOf(in), queryOf(ctx))
}

// noteRefusal notes that somebody known asked for what they may not have, or
// that another site did so with their session. What strangers ask for is not
// noted: they could fill the log. There is nothing to be done when noting fails
// but to say so.
func (s *Server) noteRefusal(ctx context.Context, op route.Operation, cause error) {
	if !refused(cause) || !s.recognise(front.Of(ctx)) {
		return
	}
	if err := s.record(ctx, "request.refused", op.ID, map[string]string{"reason": cause.Error()}, forbidden); err != nil {
		s.log.ErrorContext(ctx, "refusal not noted in the audit log", "operation", op.ID, "error", err)
	}
}

// recognise reports whether somebody known sends a request, or a browser in
// their name.
func (s *Server) recognise(q *front.Request) bool {
	if q.Known {
		return true
	}
	identity, err := s.People.Identify(q.R)
	if err != nil && !errors.Is(err, account.ErrCSRF) {
		return false
	}
	q.Identity, q.Known = identity, true
	return true
}

// objectOf returns the uid that an input is about: that in the path, or the
// host of a query.
func objectOf(in any) string {
	v := reflect.ValueOf(in).Elem()
	for _, name := range []string{"ID", "Host"} {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}

// queryOf returns the query of the request, for the audit log, bounded.
func queryOf(ctx context.Context) any {
	q := front.Of(ctx)
	if q.R == nil || q.R.URL.RawQuery == "" {
		return nil
	}
	const most = 2 << 10
	query := q.R.URL.RawQuery
	return map[string]string{"query": strings.ToValidUTF8(query[:min(len(query), most)], "")}
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC()
	}
	return time.Now().UTC()
}
