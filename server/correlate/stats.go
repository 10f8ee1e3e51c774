package correlate

import (
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/incident"
)

// Stats are figures of a correlator.
type Stats struct {
	Engine    incident.Counters // over all runs, as far as snapshots carry them on
	Bytes     int64             // estimate of the engine's memory
	Steps     uint64            // since the start
	Failures  uint64            // attempts that failed and were repeated
	Behind    time.Duration     // how long the alert that waited longest in the last step had been stored
	Snapshots uint64            // since the start
	Snapshot  int64             // bytes of the last
	Took      time.Duration     // … what it took
	Held      time.Duration     // … and for how long alerts waited for it
}

// stats are the figures of a run.
type stats struct {
	mu      sync.Mutex // guards the rest
	figures Stats
	trouble error // of the last attempt; nil when it worked
}

func (s *stats) stepped(c *Correlator) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Steps++
	s.figures.Engine, s.figures.Bytes, s.figures.Behind = c.engine.Counters(), c.engine.Bytes(), c.behind
}

func (s *stats) snapshotTaken(w *writing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Snapshots++
	s.figures.Snapshot, s.figures.Took, s.figures.Held = w.size, time.Since(w.began), w.held
}

func (s *stats) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Failures++
	s.trouble = err
}

func (s *stats) worked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = nil
}

// Stats returns figures for metrics.
func (c *Correlator) Stats() Stats {
	c.stats.mu.Lock()
	defer c.stats.mu.Unlock()
	return c.stats.figures
}

// Trouble returns why alerts are not being joined into incidents at the moment;
// nil when they are.
func (c *Correlator) Trouble() error {
	c.stats.mu.Lock()
	defer c.stats.mu.Unlock()
	return c.stats.trouble
}
