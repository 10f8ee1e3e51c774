package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/hosts"
	"github.com/holdfast-security/holdfast/server/ingest"
	"github.com/holdfast-security/holdfast/server/stream"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// handler is the server as the gateway sees it.
type handler struct{ *Server }

var _ stream.Handler = (*handler)(nil)

// Known implements [stream.Handler].
func (h *handler) Known(host event.HostID) bool { return h.registry.Active(host) }

// Heartbeat implements [stream.Handler].
func (h *handler) Heartbeat(host event.HostID, beat fleet.Heartbeat) { h.beats.Add(host, beat) }

// Fetch implements [stream.Handler].
func (h *handler) Fetch(host event.HostID) (wire.Signed, error) {
	known, ok := h.registry.Get(host)
	if !ok {
		return wire.Signed{}, fmt.Errorf("policy of host %s: %w", host, store.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	return h.speaker.Policy(ctx, known)
}

// Bundle implements [stream.Handler].
func (h *handler) Bundle(host event.HostID, name string) (wire.Signed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	return h.speaker.Bundle(ctx, host, name)
}

// Chunk implements [stream.Handler].
func (h *handler) Chunk(_ event.HostID, r wire.FetchRequest) (wire.Chunk, error) {
	return h.speaker.Chunk(r)
}

// Result implements [stream.Handler].
func (h *handler) Result(host event.HostID, r wire.Result) error { return h.simulator.Result(host, r) }

// answerTimeout bounds what the database takes for an answer to an agent.
const answerTimeout = 10 * time.Second

// sendSigned sends what the server signed to a host.
func (s *Server) sendSigned(ctx context.Context, host event.HostID, signed wire.Signed) error {
	if s.stream == nil {
		return errors.New("the stream is not open yet")
	}
	return s.stream.Send(ctx, host, signed)
}

// revokeAgain tells the stream which hosts are revoked: it does not keep that.
func (s *Server) revokeAgain(ctx context.Context) error {
	revoked := make(map[string]time.Time)
	err := hosts.Each(ctx, s.state, func(h fleet.Host) {
		if h.State == fleet.Revoked {
			revoked[h.PublicKey] = time.Now()
		}
	})
	if err != nil {
		return err
	}
	err = s.stream.SetRevoked(ctx, revoked)
	if errors.Is(err, stream.ErrNotRevocable) {
		s.log.Warn("the outside stream cannot be told which hosts are revoked; the gateway refuses what they send", "error", err)
		return nil
	}
	return err
}

// source is the stream as ingest reads it.
type source struct{ stream *stream.Stream }

// partition is the one that all hosts belong to. One core ingests far more than
// one machine's stream takes.
const partition = 0

// Read implements [ingest.Source].
func (s source) Read(ctx context.Context, _ string, from uint64, fn func(ingest.Message) error) error {
	last := from - 1
	for {
		err := s.stream.Read(ctx, partition, last+1, func(m stream.Message) error {
			last = m.Sequence
			return fn(ingest.Message(m))
		})
		if err != nil {
			return err
		}
		if err := s.stream.Wait(ctx, partition, last); err != nil {
			return err
		}
	}
}

// Purge implements [ingest.Source].
func (s source) Purge(ctx context.Context, _ string, through uint64) error {
	return s.stream.Purge(ctx, partition, through)
}

// logName is the name of the settings' document that tells logs apart.
const logName = "log"

// logIdentity says which log the positions in the database speak of. A log that
// is made anew, after a backup was restored for one, numbers its frames from
// the beginning.
type logIdentity struct {
	Generation int `json:"generation"`
}

// name is what positions of the log are kept under.
func (l logIdentity) name() string {
	if l.Generation == 0 {
		return strconv.Itoa(partition)
	}
	return fmt.Sprintf("%d.%d", partition, l.Generation)
}

// partitionState is where positions and the log's identity are kept.
type partitionState interface {
	store.Settings
	DetectionPosition(ctx context.Context, partition string) (uint64, error)
	StorePosition(ctx context.Context, partition string) (uint64, error)
}

// partitionName returns the name of the log whose positions are to be used: a
// new one when the log ends before what the database says was read of it.
func partitionName(ctx context.Context, st partitionState, log interface {
	Last(ctx context.Context, partition int) (uint64, error)
},
) (string, error) {
	var id logIdentity
	data, version, err := st.Setting(ctx, logName)
	if err == nil {
		err = json.Unmarshal(data, &id)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("read which log the positions are of: %w", err)
	}
	last, err := log.Last(ctx, partition)
	if err != nil {
		return "", err
	}
	detected, err := st.DetectionPosition(ctx, id.name())
	if err != nil {
		return "", err
	}
	stored, err := st.StorePosition(ctx, id.name())
	if err != nil {
		return "", err
	}
	if max(detected, stored) <= last {
		return id.name(), nil
	}
	id.Generation++
	if data, err = json.Marshal(id); err != nil {
		return "", err
	}
	if _, err := st.SaveSetting(ctx, logName, version, data); err != nil {
		return "", fmt.Errorf("note that the log is a new one: %w", err)
	}
	return id.name(), nil
}
