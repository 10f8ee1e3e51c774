package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/fleet"
)

func TestHeartbeatsAreBounded(t *testing.T) {
	long := strings.Repeat("é", maxText)
	b := fleet.Heartbeat{Hostname: long, Addresses: make([]string, 2*maxAddresses), Ledger: fleet.Ledger{Dropped: map[fleet.Reason]uint64{}}}
	for range 2 * maxFeatures {
		b.Features = append(b.Features, fleet.Feature{Name: "x"})
	}
	b.Features[0] = fleet.Feature{
		Detail: long, Warnings: make([]fleet.Warning, 2*maxWarnings), Counters: make([]fleet.Counter, 2*maxCounters),
	}
	for i := range 3 * maxReasons {
		b.Ledger.Dropped[fleet.Reason(fmt.Sprint(i))] = 1
	}
	b.Bundles = map[string]string{"no digest": "x", strings.Repeat("x", 2*maxName): Digest(nil)}
	for i := range 2 * maxBundles {
		b.Bundles[fmt.Sprint(i)] = Digest(nil)
	}
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseHeartbeat(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Hostname) > maxText || len(got.Addresses) != maxAddresses || len(got.Features) != maxFeatures ||
		len(got.Features[0].Warnings) != maxWarnings || len(got.Features[0].Counters) != maxCounters || len(got.Features[0].Detail) > maxText {
		t.Errorf("not bounded: %+v", got)
	}
	if len(got.Bundles) != maxBundles || got.Bundles["no digest"] != "" || got.Bundles[strings.Repeat("x", 2*maxName)] != "" {
		t.Errorf("bundles are not bounded: %v", got.Bundles)
	}
	var sum uint64
	for _, n := range got.Ledger.Dropped {
		sum += n
	}
	if len(got.Ledger.Dropped) > maxReasons || sum != 3*maxReasons {
		t.Errorf("%d reasons with %d losses", len(got.Ledger.Dropped), sum)
	}
}

func FuzzHeartbeat(f *testing.F) {
	f.Add([]byte(`{"hostname":"x","features":[{"name":"a","counters":[{"name":"n","value":1}]}],"ledger":{"dropped":{"a":1}}}`))
	f.Add([]byte(`{"addresses":["\ud800"],"cpu_seconds":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := ParseHeartbeat(data); err == nil {
			if _, err := json.Marshal(b); err != nil {
				t.Error(err)
			}
		}
		if r, err := ParseResult(data); err == nil && len(r.Detail) > maxText {
			t.Error("a long detail")
		}
	})
}
