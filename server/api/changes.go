package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/api"
)

// Times of the stream of changes.
const (
	heartbeat    = 15 * time.Second // between signs of life, at which the session is checked again
	writeTimeout = 10 * time.Second // for a client to take what is sent
)

// changesSchema describes the events of the stream, for the document.
func (s *Server) changesSchema() *huma.Schema {
	kinds := &huma.Schema{Description: "Data of the events, by name."}
	for _, v := range []any{api.AlertChange{}, api.HostChange{}, api.SimulationChange{}} {
		kinds.OneOf = append(kinds.OneOf, schemaOf(s.huma, v))
	}
	return kinds
}

func (s *Server) streamChanges(ctx context.Context, in *changesInput) (*stream, error) {
	q := of(ctx)
	c, missed, lost, err := s.Changes.join(q.identity.Actor(), in.LastID)
	if err != nil {
		return nil, err
	}
	return &stream{func(hc huma.Context) {
		defer s.Changes.leave(c)
		r, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no")
		out := &eventWriter{hub: s.Changes, w: w, control: http.NewResponseController(w)}
		out.comment("welcome")
		if lost {
			out.send(told{name: api.ChangesLost, data: []byte("{}")})
		}
		for _, m := range missed {
			out.send(m)
		}
		s.follow(r, out, c)
	}}, nil
}

// follow sends changes until the client leaves, is cut off, or may no longer
// see them.
func (s *Server) follow(r *http.Request, out *eventWriter, c *follower) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for out.err == nil {
		select {
		case <-r.Context().Done():
			return
		case change, ok := <-c.changes:
			if !ok {
				return
			}
			out.send(change)
		case <-beat.C:
			if s.People.Check(r) != nil {
				return
			}
			out.comment("")
		}
	}
}

// eventWriter writes server-sent events. After the first error it does
// nothing more.
type eventWriter struct {
	hub     *Hub
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (e *eventWriter) send(c told) {
	if c.number > 0 {
		e.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", e.hub.id(c), c.name, c.data))
		return
	}
	e.write(fmt.Sprintf("event: %s\ndata: %s\n\n", c.name, c.data))
}

func (e *eventWriter) comment(text string) { e.write(": " + text + "\n\n") }

func (e *eventWriter) write(text string) {
	if e.err != nil {
		return
	}
	// Servers without deadlines are those of tests; the write then has none.
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, e.err = e.w.Write([]byte(text)); e.err == nil {
		e.err = e.control.Flush()
	}
}
