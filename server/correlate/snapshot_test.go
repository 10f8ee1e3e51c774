package correlate

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/store"
)

// slow is a database that stores a snapshot when it is let.
type slow struct {
	store.Correlations
	begun chan struct{} // receives one for each
	let   chan error    // what becomes of it; nil stores it
}

func (s *slow) SaveSnapshot(ctx context.Context, step int64, data []byte) error {
	select {
	case s.begun <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-s.let:
		if err != nil {
			return err
		}
		return s.Correlations.SaveSnapshot(ctx, step, data)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestAlertsDoNotWaitForSnapshots joins alerts while a snapshot is on its way.
// One that could not be stored is taken again; another start goes on from the
// one that was.
func TestAlertsDoNotWaitForSnapshots(t *testing.T) {
	s, calm := newState(t), newState(t)
	db := &slow{Correlations: s, begun: make(chan struct{}), let: make(chan error)}
	c := newCorrelator(db)
	c.minJournal = 1
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	add := func(n int) {
		for _, state := range []store.State{s, calm} {
			saveAlerts(t, state, noon.Add(time.Duration(n)*time.Minute), alertOf("web", 5, n, noon.Add(time.Duration(n)*time.Minute)))
		}
		if _, err := c.once(ctx); err != nil {
			t.Fatal(err)
		}
	}
	add(0)
	<-db.begun
	add(1)
	add(2)
	if got := allIncidents(t, s); len(got) != 1 || len(got[0].Story) != 3 || c.at.Step != 3 || c.at.Snapshot != 0 {
		t.Fatalf("while a snapshot was on its way: %+v, %+v", c.at, got)
	}
	db.let <- errLost
	for c.writing != nil && ctx.Err() == nil {
		if _, err := c.once(ctx); err != nil && err != errLost {
			t.Fatal(err)
		}
	}
	add(3)
	<-db.begun
	add(4)
	db.let <- nil
	if err := c.endSnapshot(true); err != nil || c.at.Snapshot != 4 || c.journal == 0 {
		t.Fatalf("the snapshot is of step %d, %d bytes of journal are left, %v", c.at.Snapshot, c.journal, err)
	}
	again := newCorrelator(s)
	if err := again.load(ctx); err != nil || again.at != c.at {
		t.Fatalf("another start is at %+v, not at %+v: %v", again.at, c.at, err)
	}
	steps(t, newCorrelator(calm), -1)
	if diff := cmp.Diff(allIncidents(t, calm), allIncidents(t, s)); diff != "" {
		t.Errorf("-calm +while snapshots were taken:\n%s", diff)
	}
}

// TestEndWhileASnapshotIsOnItsWay leaves nothing running, and stores the last
// state.
func TestEndWhileASnapshotIsOnItsWay(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	s := openState(t, t.TempDir()+"/state.db")
	db := &slow{Correlations: s, begun: make(chan struct{}), let: make(chan error)}
	c := newCorrelator(db)
	c.minJournal = 1
	saveAlerts(t, s, noon, alertOf("web", 5, 0, noon), alertOf("web", 5, 1, noon))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	<-db.begun
	cancel()
	<-db.begun // the last one
	db.let <- nil
	<-done
	if at, err := s.Correlation(t.Context()); err != nil || at.Step == 0 || at.Snapshot != at.Step {
		t.Errorf("stopped at %+v, %v", at, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, leaks)
}
