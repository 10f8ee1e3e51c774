package incident_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
)

// TestFrozenWhileTheEngineGoesOn writes a state while the engine takes, judges,
// cuts and forgets. What is written is the state as it was.
func TestFrozenWhileTheEngineGoesOn(t *testing.T) {
	signals := traffic(11, 4000)
	e := incident.New(incident.Limits{Bytes: 2 << 20, Members: 32})
	for len(signals) > 1000 {
		for _, s := range signals[:1000] {
			e.Add(s)
		}
		signals = signals[1000:]
		want, err := e.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		frozen, written := e.Freeze(), make(chan []byte)
		go func() {
			var b bytes.Buffer
			if err := incident.WriteFrozen(frozen, &b); err != nil {
				t.Error(err)
			}
			written <- b.Bytes()
		}()
		for i, s := range signals[:1000] {
			s.Seen = s.Seen.Add(time.Duration(i) * 40 * time.Minute) // days, so that much expires
			e.Add(s)
			if ids := e.Incidents(); i%50 == 0 && len(ids) > 0 {
				e.Judge(ids[i%len(ids)], finding.Attack)
				if inc, ok := e.Incident(ids[0]); ok && len(inc.Entities) > 0 {
					e.Cut(inc.ID, inc.Entities[0].Kind, inc.Entities[0].Value)
				}
				e.Changed()
			}
		}
		if got := <-written; !bytes.Equal(got, want) {
			t.Fatalf("%d bytes were written, not the %d of the state as it was", len(got), len(want))
		}
		e = again(t, e)
	}
	if c := e.Counters(); c.GroupsExpired == 0 || c.KeysForgotten == 0 || c.Splits == 0 {
		t.Errorf("counters are %+v: the traffic tests too little", c)
	}
}
