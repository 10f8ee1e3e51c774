package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/route"
)

// authorise lets those through who may use the operation, before parameters
// and body are read.
func (s *Server) authorise(op route.Operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		err := s.front.FromHere(r)
		if err == nil && op.Role != route.Public {
			err = s.admit(front.Of(r.Context()), op)
		}
		if err != nil {
			s.noteRefusal(r.Context(), op, err)
			s.front.Refuse(w, r, err)
			return
		}
		if err := front.ReadBody(w, r); err != nil {
			s.front.Refuse(w, r, err)
			return
		}
		if op.Long {
			next(ctx)
			return
		}
		bounded, cancel := context.WithTimeout(r.Context(), front.Timeout)
		defer cancel()
		next(huma.WithContext(ctx, bounded))
	}
}

// admit finds out who sends the request and whether they may use op.
func (s *Server) admit(q *front.Request, op route.Operation) error {
	identity, err := s.People.Identify(q.R)
	if err != nil {
		return err
	}
	q.Identity, q.Known = identity, true
	least := op.Least(identity)
	switch {
	case !identity.Role.Includes(least):
		return fmt.Errorf("%w: %s needs the role %s, this is %s", account.ErrForbidden, op.ID, least, identity.Role)
	case op.Person && identity.Token != "":
		return fmt.Errorf("%w: %s is for people who are logged on, not for tokens", account.ErrForbidden, op.ID)
	}
	return nil
}

// refused reports whether err is a refusal that the audit log should know of
// somebody known: they may not, or the request is from elsewhere.
func refused(err error) bool {
	return errors.Is(err, account.ErrForbidden) || errors.Is(err, account.ErrCSRF)
}
