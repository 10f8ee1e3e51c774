package headless

import (
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/agent/feature"
	"github.com/holdfast-security/holdfast/agent/transport"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/version"
)

// Bounds of a heartbeat, see [fleet.Heartbeat]; the texts are shorter here, so
// that all of them together keep to the bound of the whole.
const (
	mostFeatures   = 64
	mostCounters   = 64
	mostAddresses  = 32
	mostWarnings   = 16
	longestText    = 512 // bytes
	longestRelease = 64 << 10
)

// system is what does not change while the agent runs.
type system struct {
	os, kernel, boot string
	started          time.Time
}

func learnSystem() system {
	s := system{os: runtime.GOOS, kernel: kernelRelease(), boot: bootID(), started: time.Now().UTC()}
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		data, err := os.ReadFile(path)
		if err != nil || len(data) > longestRelease {
			continue
		}
		if name := prettyName(string(data)); name != "" {
			s.os = name
			break
		}
	}
	return s
}

// prettyName returns PRETTY_NAME of os-release(5), "" without one.
func prettyName(release string) string {
	for line := range strings.Lines(release) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return bound(strings.Trim(value, `"'`))
		}
	}
	return ""
}

// heartbeat says how the agent is doing. Features and ledger are added by the
// caller.
func (s system) heartbeat() fleet.Heartbeat {
	name, _ := os.Hostname()
	resident, cpu := consumption()
	return fleet.Heartbeat{
		Time: time.Now().UTC(), Hostname: bound(name), OS: s.os, Kernel: s.kernel, Arch: runtime.GOARCH, Addresses: addresses(),
		Agent: version.Get().String(), Boot: s.boot, Started: s.started, Resident: resident, CPU: cpu,
	}
}

// addresses are those of the host that others can reach it at.
func addresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []string
	for _, a := range all {
		network, ok := a.(*net.IPNet)
		if ok && network.IP.IsGlobalUnicast() && len(list) < mostAddresses {
			list = append(list, network.IP.String())
		}
	}
	slices.Sort(list)
	return list
}

// health turns the agent's own form of health into that of the fleet.
func health(statuses []feature.Status) []fleet.Feature {
	var list []fleet.Feature
	for _, s := range statuses[:min(len(statuses), mostFeatures-1)] {
		f := fleet.Feature{Name: s.Name, State: string(s.State), Detail: bound(s.Detail), Since: s.Since}
		for _, w := range s.Warnings[:min(len(s.Warnings), mostWarnings)] {
			f.Warnings = append(f.Warnings, fleet.Warning{Code: w.Code, Text: bound(w.Text)})
		}
		for _, c := range s.Counters[:min(len(s.Counters), mostCounters)] {
			f.Counters = append(f.Counters, fleet.Counter{Name: c.Name, Value: c.Value, Dropped: c.Dropped})
		}
		list = append(list, f)
	}
	return list
}

// transportHealth shows the connection like a feature: what the server's side
// sent and was refused must not stay on the host.
func transportHealth(s transport.Status, lost uint64, refused string, rules bundle.Status) fleet.Feature {
	c := s.Counters
	f := fleet.Feature{Name: "transport", State: string(feature.Running), Detail: string(s.State), Since: s.Since}
	for _, counter := range []fleet.Counter{
		{Name: "frames_sent", Value: c.Sent},
		{Name: "frames_resent", Value: c.Resent},
		{Name: "frames_refused", Value: c.Refused, Dropped: true},
		{Name: "busy_answers", Value: c.Busy},
		{Name: "connects", Value: c.Connects},
		{Name: "messages_forged", Value: c.Forged},
		{Name: "messages_expired", Value: c.Expired},
		{Name: "messages_replayed", Value: c.Replayed},
		{Name: "messages_misdirected", Value: c.Misdirected},
		{Name: "messages_malformed", Value: c.Malformed},
		{Name: "messages_unsupported", Value: c.Unsupported},
		{Name: "results_lost", Value: lost},
		{Name: "bundles_taken", Value: rules.Taken},
		{Name: "bundles_refused", Value: rules.Refused},
	} {
		if counter.Value > 0 {
			f.Counters = append(f.Counters, counter)
		}
	}
	for _, w := range []fleet.Warning{{Code: "policy-refused", Text: refused}, {Code: "bundle-refused", Text: rules.Warning}} {
		if w.Text != "" {
			f.State = string(feature.Degraded)
			f.Warnings = append(f.Warnings, fleet.Warning{Code: w.Code, Text: bound(w.Text)})
		}
	}
	return f
}

// bound cuts a text to what a heartbeat may hold.
func bound(s string) string {
	if len(s) > longestText {
		s = s[:longestText]
	}
	return strings.ToValidUTF8(s, "")
}
