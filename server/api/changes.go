package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/changes"
	"github.com/holdfast-security/holdfast/server/api/front"
)

// heartbeat is the time between signs of life in the stream of changes, at
// which the session is checked again.
const heartbeat = 15 * time.Second

// changesSchema describes the events of the stream, for the document.
func (s *Server) changesSchema() *huma.Schema {
	kinds := &huma.Schema{Description: "Data of the events, by name."}
	for _, v := range []any{api.AlertChange{}, api.IncidentChange{}, api.HostChange{}, api.SimulationChange{}, api.ExceptionChange{}, api.RuleChange{}} {
		kinds.OneOf = append(kinds.OneOf, schemaOf(s.router.API, v))
	}
	return kinds
}

func (s *Server) streamChanges(ctx context.Context, in *changesInput) (*stream, error) {
	q := front.Of(ctx)
	c, missed, lost, err := s.Changes.Join(q.Identity.Actor(), in.LastID)
	if err != nil {
		return nil, err
	}
	return &stream{func(hc huma.Context) {
		defer s.Changes.Leave(c)
		r, w := humago.Unwrap(hc)
		out := changes.NewWriter(s.Changes, w)
		out.Comment("welcome")
		if lost {
			out.Lost()
		}
		for _, m := range missed {
			out.Send(m)
		}
		s.follow(r, out, c)
	}}, nil
}

// follow sends changes until the client leaves, is cut off, or may no longer
// see them.
func (s *Server) follow(r *http.Request, out *changes.Writer, c *changes.Follower) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for out.Err() == nil {
		select {
		case <-r.Context().Done():
			return
		case change, ok := <-c.Changes:
			if !ok {
				return
			}
			out.Send(change)
		case <-beat.C:
			if s.People.Check(r) != nil {
				return
			}
			out.Comment("")
		}
	}
}
