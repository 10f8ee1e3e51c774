package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/fleet"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/backup"
	"github.com/holdfast-security/holdfast/server/hosts"
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
	if err := hosts.Each(ctx, s.state, func(h fleet.Host) { report.Hosts = append(report.Hosts, fleet.NewBalance(h, 0)) }); err != nil {
		return report, fmt.Errorf("ledger: %w", err)
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
	first, err := s.stream.First(ctx, partition)
	if err != nil {
		return l
	}
	if last, err := s.stream.Last(ctx, partition); err == nil && last >= first {
		l.StreamMessages = last - first + 1
	}
	return l
}
