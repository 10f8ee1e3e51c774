package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/finding"
)

// BenchmarkSteps joins alerts of a fleet that are saved already: what an alert
// costs between database and database.
func BenchmarkSteps(b *testing.B) {
	s := newState(b)
	const round = 1000
	for n := 0; n < b.N; n += round {
		var alerts []finding.Alert
		for i := n; i < n+round; i++ {
			alerts = append(alerts, alertOf(fmt.Sprint("h", i%200), i/5%50, i%9, noon.Add(time.Duration(i)*86*time.Millisecond)))
			alerts[len(alerts)-1].ID = fmt.Sprint(i)
		}
		saveAlerts(b, s, alerts[0].Time, alerts...)
	}
	c := newCorrelator(s)
	b.ResetTimer()
	steps(b, c, -1)
	b.ReportMetric(float64(c.engine.Counters().Signals)/b.Elapsed().Seconds(), "signals/s")
	b.ReportMetric(float64(c.engine.Bytes())/(1<<20), "engine-MiB")
}
