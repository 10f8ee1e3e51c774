package server

import (
	"context"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/correlate"
	"github.com/holdfast-security/holdfast/server/metrics"
	"github.com/holdfast-security/holdfast/store"
)

// startCorrelation starts to join alerts into incidents.
func (s *Server) startCorrelation(context.Context) error {
	s.correlator = correlate.New(correlate.Config{
		State: s.state, Log: s.log, Saved: s.incidentsSaved,
		Clock: s.beats.Ahead,
		Hosts: func() int { return len(s.registry.All()) },
		Host: func(id event.HostID) (string, map[string]string, bool) {
			h, ok := s.registry.Get(id)
			return h.Name, h.Labels, ok
		},
	})
	s.running.Background("incidents", s.correlator.Run)
	return nil
}

// incidentsSaved tells people of incidents.
func (s *Server) incidentsSaved(saved []store.SavedIncident) {
	for _, i := range saved {
		s.hub.Incident(apitypes.IncidentChange{ID: i.ID, Severity: i.Severity, Status: i.Status, New: i.New})
	}
}

// unjoined says why alerts are not joined into incidents; nothing when they
// are. It does not keep the server from its other work.
func (s *Server) unjoined() []fleet.Warning {
	if s.correlator == nil || s.correlator.Trouble() == nil {
		return nil
	}
	return []fleet.Warning{{Code: "incidents_stalled", Text: "Alerts are not joined into incidents at the moment: " +
		s.correlator.Trouble().Error() + ". None is lost, and it is tried again by itself."}}
}

func (s *Server) measureCorrelation(emit metrics.Measure) {
	if s.correlator == nil {
		return
	}
	st := s.correlator.Stats()
	for _, c := range []struct {
		name, help string
		counter    bool
		value      float64
	}{
		{"incident_signals_total", "Signals joined into incidents, or kept to be.", true, float64(st.Engine.Signals)},
		{"incident_signal_repeats_total", "Signals that repeated one that was there.", true, float64(st.Engine.Repeats)},
		{"incident_signals_refused_total", "Signals left out: of too many hosts or rules.", true, float64(st.Engine.RefusedSignals)},
		{"incident_merges_total", "Incidents that became part of others.", true, float64(st.Engine.Merges)},
		{"incident_splits_total", "Incidents split because what joined them is common.", true, float64(st.Engine.Splits)},
		{"incident_evictions_total", "Groups of signals forgotten for lack of room.", true, float64(st.Engine.GroupsEvicted)},
		{"incident_steps_total", "Times that incidents were saved.", true, float64(st.Steps)},
		{"incident_failures_total", "Attempts at saving incidents that failed and were repeated.", true, float64(st.Failures)},
		{"incident_lag_seconds", "How long the alert that waited longest for the last step had been stored.", false, st.Behind.Seconds()},
		{"incident_memory_bytes", "Estimate of the memory of what ties alerts together.", false, float64(st.Bytes)},
		{"incident_snapshot_bytes", "Size of the last snapshot of that in the database.", false, float64(st.Snapshot)},
		{"incident_snapshot_seconds", "What the last snapshot took.", false, st.Took.Seconds()},
		{"incident_snapshot_held_seconds", "For how long alerts waited for the last snapshot.", false, st.Held.Seconds()},
	} {
		emit(c.name, c.help, c.counter, c.value)
	}
}
