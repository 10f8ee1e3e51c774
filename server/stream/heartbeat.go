package stream

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// Bounds of a heartbeat, as fleet.Heartbeat states them.
const (
	maxFeatures  = 64
	maxCounters  = 64
	maxWarnings  = 64
	maxAddresses = 64
	maxReasons   = 64
	maxBundles   = 16
	maxName      = 64
	maxText      = 1 << 10
)

// parseHeartbeat decodes a heartbeat and cuts it to its bounds.
func parseHeartbeat(data []byte) (fleet.Heartbeat, error) {
	var b fleet.Heartbeat
	if len(data) > wire.MaxMessage {
		return b, fmt.Errorf("heartbeat of %d bytes: %w", len(data), wire.ErrOversized)
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("heartbeat: %w: %w", wire.ErrMalformed, err)
	}
	if math.IsNaN(b.CPU) || b.CPU < 0 {
		b.CPU = 0
	}
	for _, text := range []*string{&b.Hostname, &b.OS, &b.Kernel, &b.Arch, &b.Agent, &b.Boot, &b.Ledger.Epoch} {
		*text = cut(*text)
	}
	b.Addresses = b.Addresses[:min(len(b.Addresses), maxAddresses)]
	for i := range b.Addresses {
		b.Addresses[i] = cut(b.Addresses[i])
	}
	b.Features = b.Features[:min(len(b.Features), maxFeatures)]
	for i := range b.Features {
		boundFeature(&b.Features[i])
	}
	b.Ledger.Dropped = boundReasons(b.Ledger.Dropped)
	maps.DeleteFunc(b.Bundles, func(name, digest string) bool { return len(name) > maxName || !wire.ValidDigest(digest) })
	maps.DeleteFunc(b.Bundles, func(string, string) bool { return len(b.Bundles) > maxBundles })
	return b, nil
}

func boundFeature(f *fleet.Feature) {
	for _, text := range []*string{&f.Name, &f.State, &f.Detail} {
		*text = cut(*text)
	}
	f.Warnings = f.Warnings[:min(len(f.Warnings), maxWarnings)]
	for i := range f.Warnings {
		f.Warnings[i] = fleet.Warning{Code: cut(f.Warnings[i].Code), Text: cut(f.Warnings[i].Text)}
	}
	f.Counters = f.Counters[:min(len(f.Counters), maxCounters)]
	for i := range f.Counters {
		f.Counters[i].Name = cut(f.Counters[i].Name)
	}
}

// boundReasons keeps at most so many reasons; what is over is summed up, since
// a ledger must not lose losses.
func boundReasons(dropped map[fleet.Reason]uint64) map[fleet.Reason]uint64 {
	const other fleet.Reason = "other"
	for reason, count := range dropped {
		if len(reason) > 64 || len(dropped) > maxReasons && reason != other {
			delete(dropped, reason)
			dropped[other] += count
		}
	}
	return dropped
}

// cut bounds a text, without half a character at its end and without what is
// no UTF-8.
func cut(text string) string {
	if len(text) > maxText {
		end := maxText
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
