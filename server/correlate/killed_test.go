package correlate

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

// childVariable names the database to a child process of TestKilled.
const childVariable = "HOLDFAST_TEST_CORRELATE"

// TestKilled kills a process that joins alerts again and again. In the end the
// incidents are those of one that nobody killed.
func TestKilled(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		joinUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "killed.db")
	s, calm := openState(t, path), newState(t)
	for _, state := range []store.State{s, calm} {
		fill(t, state)
	}
	steps(t, newCorrelator(calm), -1)
	for round := range 4 {
		killJoiner(t, path, 1+round)
	}
	at, err := s.Correlation(t.Context())
	if err != nil || at.Step == 0 {
		t.Fatalf("killed at %+v, %v", at, err)
	}
	steps(t, newCorrelator(s), -1)
	want := allIncidents(t, calm)
	if diff := cmp.Diff(want, allIncidents(t, s)); diff != "" || len(want) < 3 {
		t.Errorf("of %d incidents, -calm +killed:\n%s", len(want), diff)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// fill stores attacks that go on beside each other, so that no step sees one
// whole.
func fill(t *testing.T, s store.State) {
	t.Helper()
	for n := range 40 {
		var alerts []finding.Alert
		at := noon.Add(time.Duration(n) * time.Minute)
		for shell := range 40 {
			alerts = append(alerts, alertOf(fmt.Sprint("h", shell%8), shell+1, n, at))
		}
		saveAlerts(t, s, at, alerts...)
	}
}

// killJoiner has a child join alerts and kills it after some steps.
func killJoiner(t *testing.T, path string, after int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	child.Env = append(os.Environ(), childVariable+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := 1; i <= after && lines.Scan(); i++ {
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // killed
}

// joinUntilKilled joins alerts, says after each step that it is done, takes a
// snapshot after each second, and begins one after the others.
func joinUntilKilled(t *testing.T, path string) {
	s := openState(t, path)
	c := newCorrelator(s)
	for {
		if _, err := c.once(t.Context()); err != nil {
			t.Fatal(err)
		}
		switch {
		case c.journal == 0:
		case c.at.Step%2 == 0:
			if err := c.takeSnapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		case c.writing == nil:
			c.beginSnapshot(t.Context())
		}
		fmt.Println("a step")
	}
}
