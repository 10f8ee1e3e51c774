package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/backup"
	"github.com/holdfast-security/holdfast/server/hosts"
	"github.com/holdfast-security/holdfast/server/stream"
)

const (
	dropSegments = 1000
	// compactAfter is how old events are before their segments are joined:
	// by then hardly any come late.
	compactAfter = time.Hour
)

var _ keptEvents = (*Server)(nil)

// DropBefore removes the segments of days before the given time and returns how
// many there were.
func (s *Server) DropBefore(ctx context.Context, before time.Time) (int, error) {
	s.removing.Lock()
	defer s.removing.Unlock()
	total := 0
	for {
		n, err := s.telemetry.Drop(ctx, s.state, before, dropSegments)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// Compact joins small segments and returns how many it replaced.
func (s *Server) Compact(ctx context.Context) (int, error) {
	s.removing.Lock()
	defer s.removing.Unlock()
	return s.telemetry.Compact(ctx, s.state, time.Now().Add(-compactAfter))
}

// Backup writes a backup: a tar archive of the state, the keys and the
// segments. Everything goes on meanwhile but for the removal of old segments.
// What is in the stream and not yet committed is not part of it; that is a few
// seconds' worth. It may be called from any goroutine.
func (s *Server) Backup(ctx context.Context, w io.Writer) error {
	s.removing.Lock()
	defer s.removing.Unlock()
	return backup.Source{DataDir: s.cfg.dataDir(), State: s.state}.Write(ctx, w)
}

// Ledger returns the balance of every host, their sum, and what the server's
// own hops counted. It may be called from any goroutine.
func (s *Server) Ledger(ctx context.Context) (apitypes.LedgerReport, error) {
	report := apitypes.LedgerReport{Hosts: []fleet.Balance{}, Server: s.serverLedger(ctx)}
	var stored uint64
	if s.pipeline != nil {
		stored = s.pipeline.Status().Stored
	}
	var all []fleet.Host
	if err := hosts.Each(ctx, s.state, func(h fleet.Host) { all = append(all, h) }); err != nil {
		return report, fmt.Errorf("ledger: %w", err)
	}
	accepted := s.accepted(ctx, stored)
	for _, h := range all {
		report.Hosts = append(report.Hosts, fleet.NewBalance(h, accepted(h)))
	}
	report.Total = fleet.Total(report.Hosts)
	return report, nil
}

// serverLedger leaves out what the stream cannot say at the moment.
func (s *Server) serverLedger(ctx context.Context) apitypes.ServerLedger {
	l := apitypes.ServerLedger{Refused: []fleet.Counter{}}
	if s.stream == nil {
		return l
	}
	l.Uncommitted, _, _ = s.telemetry.Uncommitted()
	st := s.stream.Stats()
	l.Accepted, l.Busy = st.Frames, st.Busy
	for reason, n := range st.Refused {
		l.Refused = append(l.Refused, fleet.Counter{Name: reason, Value: n, Dropped: true})
	}
	slices.SortFunc(l.Refused, func(a, b fleet.Counter) int { return strings.Compare(a.Name, b.Name) })
	l.StreamLimit = uint64(cmp.Or(s.cfg.StreamBytes, DefaultStreamBytes))
	if u, err := s.stream.Usage(ctx); err == nil {
		l.StreamMessages, l.StreamBytes, l.StreamLimit = u.Messages, u.Bytes, u.Limit
	}
	return l
}

// accepted returns how to tell the number of the last event that a host got rid
// of and that is stored or can still be; nil where that is not known. It is
// asked after hosts were read, so that no heartbeat tells of more than it knows,
// and is given what was stored before they were.
func (s *Server) accepted(ctx context.Context, stored uint64) func(fleet.Host) *uint64 {
	var all map[event.HostID]stream.Accepted
	drained := false
	if s.stream != nil {
		all = s.stream.Accepted()
		last, err := s.stream.Last(ctx, partition)
		drained = err == nil && last <= stored
	}
	return func(h fleet.Host) *uint64 {
		if h.Heartbeat == nil || all == nil {
			return nil
		}
		epoch := h.Heartbeat.Ledger.Epoch
		var events uint64
		if h.Intake.Epoch == epoch {
			events = h.Intake.Events
		}
		// When the log has nothing left, what is not stored never will be.
		if a := all[h.ID]; a.Epoch == epoch && !drained {
			events = max(events, a.Events)
		}
		return &events
	}
}
