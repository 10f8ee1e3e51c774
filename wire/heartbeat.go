package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/fleet"
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

// ParseHeartbeat decodes a heartbeat and cuts it to the bounds that
// [fleet.Heartbeat] states. Errors wrap [ErrMalformed] or [ErrOversized].
func ParseHeartbeat(data []byte) (fleet.Heartbeat, error) {
	var b fleet.Heartbeat
	if len(data) > MaxMessage {
		return b, fmt.Errorf("heartbeat of %d bytes: %w", len(data), ErrOversized)
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("heartbeat: %w: %w", ErrMalformed, err)
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
	maps.DeleteFunc(b.Bundles, func(name, digest string) bool { return len(name) > maxName || !ValidDigest(digest) })
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

// ParseResult decodes an answer to an order and cuts its texts to 1 KiB. Errors
// wrap [ErrMalformed].
func ParseResult(data []byte) (Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("result: %w: %w", ErrMalformed, err)
	}
	for _, text := range []*string{&r.Order, &r.State, &r.Detail, &r.Subject} {
		*text = cut(*text)
	}
	return r, nil
}
