// Package ingest takes frames from the stream to alerts and stored events.
//
// A [Pipeline] reads one partition of the stream in its order. Each frame is
// checked against what its host sent before (a repeat is ignored, a gap is
// counted as a loss), decoded, run through detection, and handed to the
// telemetry; alerts are saved within a fraction of a second, events are
// committed every few seconds. The stream is the log behind it: two positions
// in the database, each written in one step with what it speaks for, say how
// far alerts and events have come, and a pipeline that starts again goes on
// from there. So a crash at any moment loses nothing and doubles nothing.
//
// What detection remembers (counters, sequences, alerts that may repeat) is in
// memory. A starting pipeline therefore first reads what the stream still holds
// of frames that are stored already, a few minutes' worth, through detection
// without reporting anything. Exchanging the rules does the same.
//
// A store that fails is tried again until it works, and meanwhile nothing is
// read: frames wait in the stream, and behind it in the agents' spools.
//
// Frames come from hosts and are hostile. The host of an event is the one whose
// credential the frame came with, numbers that cannot be are refused, times
// that cannot be are corrected, and what one host makes detection remember
// is bounded apart from what others do.
package ingest
