package server

import (
	"github.com/holdfast-security/holdfast/internal/version"
	"github.com/holdfast-security/holdfast/server/metrics"
)

// measure emits every figure of the server.
func (s *Server) measure(emit metrics.Measure) {
	emit("build_info", "The version that runs; always 1.", false, 1, "version", version.Get().Version)
	s.measureStream(emit)
	s.measureIngest(emit)
	s.measureCorrelation(emit)
	hub := s.hub.Stats()
	emit("change_clients", "Streams of changes that browsers follow.", false, float64(hub.Clients))
	emit("change_clients_dropped_total", "Streams of changes cut off because they did not keep up.", true, float64(hub.Dropped))
	emit("heartbeats_waiting", "Heartbeats that are not written yet.", false, float64(s.beats.Waiting()))
	ready := 0.0
	if s.readiness() == nil {
		ready = 1
	}
	emit("ready", "1 when the server can do its work, else 0.", false, ready)
	emit("certificate_expiry_seconds", "When the certificate shown to browsers ends, in seconds since 1970.", false, float64(s.keys.Expires().Unix()))
}

func (s *Server) measureStream(emit metrics.Measure) {
	if s.stream == nil {
		return
	}
	st := s.stream.Stats()
	emit("agents_connected", "Connected agents; -1 with an outside stream.", false, float64(st.Connections))
	emit("gateway_waiting_frames", "Frames in the gateway's queues.", false, float64(st.WaitingFrames))
	emit("gateway_waiting_bytes", "Bytes in the gateway's queues.", false, float64(st.WaitingBytes))
	for _, c := range []struct {
		name, help string
		value      uint64
	}{
		{"gateway_frames_total", "Frames accepted for the first time.", st.Frames},
		{"gateway_events_total", "Events in accepted frames.", st.Events},
		{"gateway_bytes_total", "Bytes of accepted frames.", st.Bytes},
		{"gateway_repeated_frames_total", "Frames that were accepted before.", st.Repeated},
		{"gateway_unordered_frames_total", "Frames that came before their turn.", st.Unordered},
		{"gateway_gaps_total", "Places where frames are missing for good.", st.Gaps},
		{"gateway_busy_frames_total", "Frames that agents were asked to send later.", st.Busy},
		{"gateway_overrun_messages_total", "Messages lost before they were looked at; agents send them again.", st.Overrun},
		{"gateway_cut_connections_total", "Times that a flooding host was disconnected.", st.Cut},
		{"gateway_heartbeats_total", "Heartbeats taken.", st.Heartbeats},
		{"gateway_results_total", "Answers to orders taken.", st.Results},
	} {
		emit(c.name, c.help, true, float64(c.value))
	}
	for reason, n := range st.Refused {
		emit("gateway_refused_total", "Messages refused, by reason.", true, float64(n), "reason", reason)
	}
}

func (s *Server) measureIngest(emit metrics.Measure) {
	if s.pipeline == nil {
		return
	}
	st, status := s.pipeline.Stats(), s.pipeline.Status()
	for _, c := range []struct {
		name, help string
		value      float64
	}{
		{"ingest_frames_total", "Frames ingested.", float64(st.Frames)},
		{"ingest_events_total", "Events stored.", float64(st.Events)},
		{"ingest_repeated_frames_total", "Frames ignored because they were stored already.", float64(st.Repeated)},
		{"ingest_refused_frames_total", "Frames whose numbers cannot be.", float64(st.Refused)},
		{"ingest_store_failures_total", "Attempts at storing that failed and were repeated.", float64(st.Failures)},
		{"detection_panics_total", "Frames on which detection failed: a fault of Holdfast's.", float64(st.Panics)},
		{"alerts_raised_total", "Alerts raised.", float64(st.Alerts)},
		{"alerts_repeated_total", "Matches that raised the count of an alert.", float64(st.Repeats)},
		{"alert_saves_total", "Times that alerts were saved.", float64(st.Saves.Count)},
		{"alert_saves_seconds_total", "Time spent saving alerts.", st.Saves.Total.Seconds()},
		{"segment_commits_total", "Times that segments were committed.", float64(st.Commits.Count)},
		{"segment_commits_seconds_total", "Time spent committing segments.", st.Commits.Total.Seconds()},
	} {
		emit(c.name, c.help, true, c.value)
	}
	for reason, n := range st.Dropped {
		emit("ingest_dropped_events_total", "Events dropped, by reason.", true, float64(n), "reason", string(reason))
	}
	rows, bytes, _ := s.telemetry.Uncommitted()
	emit("ingest_queue_frames", "Decoded frames that wait.", false, float64(status.Queue))
	emit("ingest_uncommitted_events", "Events that no segment holds yet.", false, float64(rows))
	emit("ingest_uncommitted_bytes", "Bytes of events in memory.", false, float64(bytes))
	emit("ingest_stream_position", "Sequence number in the stream up to which everything is stored.", false, float64(status.Stored))
}
