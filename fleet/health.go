package fleet

import "time"

// Silence is how long a host may say nothing before it counts as silent.
const Silence = 3 * time.Minute

// Health is how a host is doing, in one word.
type Health string

// Healths of a host. The first that applies counts.
const (
	HealthRevoked  Health = "revoked"    // may not speak to the server
	HealthNew      Health = "never_seen" // enrolled, no heartbeat yet
	HealthSilent   Health = "silent"     // no heartbeat within Silence
	HealthDegraded Health = "degraded"   // a feature is degraded or failed
	HealthOK       Health = "healthy"
)

// Health returns how the host is doing at now, by the server's clock.
func (h *Host) Health(now time.Time) Health {
	switch {
	case h.State == Revoked:
		return HealthRevoked
	case h.Heartbeat == nil:
		return HealthNew
	case now.Sub(h.LastSeen) > Silence:
		return HealthSilent
	}
	for _, f := range h.Heartbeat.Features {
		if f.State == "degraded" || f.State == "failed" {
			return HealthDegraded
		}
	}
	return HealthOK
}
