package correlate

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
	"github.com/holdfast-security/holdfast/incident/evidence"
	"github.com/holdfast-security/holdfast/store"
)

// signal returns what an alert is to the engine, with what the server knows
// besides.
func (c *Correlator) signal(a *store.ReportedAlert, now time.Time) incident.Signal {
	name, worth := a.HostName, 0.0
	if present, labels, ok := c.cfg.Host(a.Host); ok {
		name, worth = present, Worth(labels)
	}
	s := evidence.FromAlert(&a.Alert, name)
	c.correct(&s, a)
	s.Seen = seen(a.Received, s.Last, now)
	s.Asset = worth
	s.FalseAlarms = c.rates[a.Rule.ID]
	s.Suppressed = a.Status == finding.Suppressed
	return s.Clean()
}

// clockRecord is in an event whose time is the server's, for that of the host
// could not be believed.
const clockRecord = "HOLDFAST_CLOCK"

// correct makes a signal's times those of the server's clock, so that what
// happened on hosts whose clocks differ is in one order. Nothing comes before it
// happened: a host whose clock is ahead and not known is held to that.
func (c *Correlator) correct(s *incident.Signal, a *store.ReportedAlert) {
	ahead := time.Duration(0)
	if c.cfg.Clock != nil && !slices.ContainsFunc(a.Evidence, timedByServer) {
		ahead = c.cfg.Clock(a.Host)
	}
	s.Time, s.Last = s.Time.Add(-ahead), s.Last.Add(-ahead)
	if s.Time.After(a.Received) {
		s.Time = a.Received
	}
}

func timedByServer(ev event.Event) bool {
	return slices.ContainsFunc(ev.Records, func(r event.Record) bool { return r.Type == clockRecord })
}

// seen returns when an alert, or its latest repeat, came to the server. Only
// the first time is noted; the last one is believed between then and now, so
// that what waited long counts for when it happened.
func seen(received, last, now time.Time) time.Time {
	at := last
	if at.Before(received) {
		at = received
	}
	if at.After(now) {
		at = now
	}
	return at
}

// worthLabel is the label of a host that says what it is worth.
const worthLabel = "worth"

// worths are the words for it.
var worths = map[string]float64{"low": 0.5, "normal": 1, "high": 2, "critical": 4}

// Worth returns what a host is worth beside others by its labels: "worth" is
// low (half), normal, high (twice), critical (four times), or a number above
// zero and up to ten. Anything else, and no such label, is as much as others.
func Worth(labels map[string]string) float64 {
	text := strings.ToLower(strings.TrimSpace(labels[worthLabel]))
	if w, ok := worths[text]; ok {
		return w
	}
	if w, err := strconv.ParseFloat(text, 64); err == nil && w > 0 && w <= 10 {
		return w
	}
	return 1
}

// Of rules, what people said of at least so many alerts in so many days.
const (
	minJudged = 5
	ratedDays = 30
	dayLength = 24 * time.Hour
)

// refreshRates learns anew, when it is time, how often rules are wrong. Where
// that fails the rates before stay, and the engine's own counts are there.
func (c *Correlator) refreshRates(ctx context.Context) {
	now := c.cfg.Now()
	if now.Sub(c.rated) < ratesAge {
		return
	}
	c.rated = now
	outcomes, err := c.cfg.State.RuleOutcomes(ctx, now.Add(-ratedDays*dayLength))
	if err != nil {
		c.cfg.Log.Warn("how often rules are wrong was not learned", "error", err)
		return
	}
	c.rates = falseAlarms(outcomes, now, c.cfg.Hosts())
}

// falseAlarms returns how often rules are wrong, in alerts a day on a host. Of
// alerts that nobody closed, as many are taken for wrong as of the others. The
// oldest alert tells for how long there are any.
func falseAlarms(outcomes map[string]store.RuleOutcome, now time.Time, hosts int) map[string]float64 {
	oldest := now
	for _, o := range outcomes {
		if o.First.Before(oldest) {
			oldest = o.First
		}
	}
	hostDays := max(1, now.Sub(oldest).Hours()/24) * float64(max(1, hosts))
	rates := make(map[string]float64)
	for rule, o := range outcomes {
		if judged := o.Right + o.Wrong; judged >= minJudged && o.Wrong > 0 {
			rates[rule] = float64(o.Alerts) * float64(o.Wrong) / float64(judged) / hostDays
		}
	}
	return rates
}
