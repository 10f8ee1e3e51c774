// Package policy is what the server asks of an agent. A policy is data: it
// switches features and sets bounds, and can make an agent run nothing.
package policy

import (
	"errors"
	"fmt"
	"time"
)

// Policy is what the server asks of one agent. The zero value asks for the
// defaults.
type Policy struct {
	Version uint64 `json:"version,omitempty"` // ascending per host; an agent refuses an older one; absent where people write policies

	Only       []string `json:"only,omitempty"`        // features to run; none means those on by default
	Disable    []string `json:"disable,omitempty"`     // features not to run
	RawRecords bool     `json:"raw_records,omitempty"` // attach decoded audit records to events

	HeartbeatSeconds int   `json:"heartbeat_seconds,omitempty"` // 0 means 15; 5 to 3600
	SpoolBytes       int64 `json:"spool_bytes,omitempty"`       // 0 means 512 MiB; at least 16 MiB
}

// Heartbeat returns the time between heartbeats.
func (p Policy) Heartbeat() time.Duration {
	if p.HeartbeatSeconds == 0 {
		return 15 * time.Second
	}
	return time.Duration(p.HeartbeatSeconds) * time.Second
}

// Spool returns the bound of the spool in bytes.
func (p Policy) Spool() int64 {
	if p.SpoolBytes == 0 {
		return 512 << 20
	}
	return p.SpoolBytes
}

// Validate says what is wrong with the policy.
func (p Policy) Validate() error {
	switch {
	case p.HeartbeatSeconds != 0 && (p.HeartbeatSeconds < 5 || p.HeartbeatSeconds > 3600):
		return fmt.Errorf("heartbeat_seconds: %d is not between 5 and 3600", p.HeartbeatSeconds)
	case p.SpoolBytes != 0 && p.SpoolBytes < 16<<20:
		return fmt.Errorf("spool_bytes: %d is less than 16 MiB", p.SpoolBytes)
	case len(p.Only) > 64 || len(p.Disable) > 64:
		return errors.New("only, disable: more than 64 features")
	}
	return nil
}
