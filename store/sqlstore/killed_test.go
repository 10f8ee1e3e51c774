package sqlstore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// childVariable names the database to a child process of TestKilledWriter.
const childVariable = "HOLDFAST_TEST_SQLSTORE_WRITER"

// TestKilledWriter kills a writing process again and again. What it was told
// to be stored is there, whole, and once.
func TestKilledWriter(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "state.db")
	acknowledged := 0
	for round := range 5 {
		acknowledged = max(acknowledged, killWriter(t, path, 5+7*round))
		s := openTest(t, path)
		checkKilled(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// killWriter has a child write, kills it after some acknowledgements, and
// returns the last.
func killWriter(t *testing.T, path string, after int) int {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run", "^TestKilledWriter$")
	child.Env = append(os.Environ(), childVariable+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last, lines := 0, bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("the writer says %q", lines.Text())
		}
		last = n
		if i == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed
	if last == 0 {
		t.Fatal("the writer acknowledged nothing")
	}
	return last
}

// writeUntilKilled writes alerts, segments and positions that belong together,
// and says how far it is.
func writeUntilKilled(t *testing.T, path string) {
	s := openTest(t, path)
	begun, err := s.DetectionPosition(t.Context(), "0")
	if err != nil {
		t.Fatal(err)
	}
	for n := begun + 1; ; n++ {
		done := store.Position{Partition: "0", Sequence: n}
		_, err := s.SaveAlerts(t.Context(), []finding.Alert{testAlert(fmt.Sprint("a", n)), testAlert(fmt.Sprint("b", n))}, testTime, done)
		if err != nil {
			t.Fatal(err)
		}
		segment := store.Segment{ID: fmt.Sprintf("s%d-%d", n, begun), First: testTime, Last: testTime, Partition: "0"}
		intakes := map[event.HostID]fleet.Intake{"h1": {Sequence: n}}
		if err := s.CommitSegments(t.Context(), []store.Segment{segment}, intakes, done); err != nil {
			t.Fatal(err)
		}
		fmt.Println(n)
	}
}

func checkKilled(t *testing.T, s *Store, acknowledged int) {
	t.Helper()
	detected, err := s.DetectionPosition(t.Context(), "0")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.StorePosition(t.Context(), "0")
	if err != nil {
		t.Fatal(err)
	}
	intakes, err := s.Intakes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := total(t, s, store.AlertFilter{}); n != 2*int64(detected) {
		t.Errorf("%d alerts at position %d", n, detected)
	}
	if int(detected) < acknowledged || int(stored) < acknowledged || intakes["h1"].Sequence != stored {
		t.Errorf("positions %d and %d, intake %d; %d was acknowledged", detected, stored, intakes["h1"].Sequence, acknowledged)
	}
}
