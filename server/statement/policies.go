package statement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// PoliciesName is the name of the policies' document in the settings.
const PoliciesName = "policies"

// none returns no assignments, as JSON has them.
func none() policy.Assignments { return policy.Assignments{Assignments: []policy.Assignment{}} }

// parsePolicies reads a document of policies, whole or not at all. Features
// that this server does not know pass: another version of it may have written
// them.
func parsePolicies(data []byte) (policy.Assignments, error) {
	all := none()
	if err := json.Unmarshal(data, &all); err != nil {
		return all, fmt.Errorf("policies: %w", err)
	}
	for i, a := range all.Assignments {
		if err := a.Policy.Validate(); err != nil {
			return all, fmt.Errorf("policies: assignment %d: %w", i+1, err)
		}
	}
	return all, nil
}

// Load puts the stored policies in force. Those that were stay when the new
// ones are not valid.
func (s *Speaker) Load(ctx context.Context, settings store.Settings) error {
	s.exchanging.Lock()
	defer s.exchanging.Unlock()
	data, version, err := settings.Setting(ctx, PoliciesName)
	all := none()
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return fmt.Errorf("read the policies: %w", err)
	default:
		if all, err = parsePolicies(data); err != nil {
			return err
		}
	}
	s.enforce(all, version)
	return nil
}

// Policies returns the policies in force, which the caller does not change,
// with their version; zero as long as there were none.
func (s *Speaker) Policies() (policy.Assignments, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policies, s.version
}

// SetPolicies stores other policies, which are valid and which the caller does
// not change any more, puts them in force and returns their version. Hosts are
// told by [Speaker.Refresh]. The error wraps [store.ErrConflict] when the
// stored ones are not of the expected version.
func (s *Speaker) SetPolicies(ctx context.Context, settings store.Settings, all policy.Assignments, expected int64) (int64, error) {
	if all.Assignments == nil {
		all = none()
	}
	data, err := json.Marshal(all)
	if err != nil {
		return 0, fmt.Errorf("policies: %w", err)
	}
	s.exchanging.Lock()
	defer s.exchanging.Unlock()
	version, err := settings.SaveSetting(ctx, PoliciesName, expected, data)
	if err != nil {
		return 0, fmt.Errorf("policies: %w", err)
	}
	s.enforce(all, version)
	return version, nil
}

func (s *Speaker) enforce(all policy.Assignments, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policies, s.version = all, version
}

// signedPolicy is what a host was given, and what it was made of.
type signedPolicy struct {
	content string // JSON of the policy without its version
	signed  wire.Signed
}

// demand is what a host shall have, and what it has.
type demand struct {
	policy  policy.Policy // without its version
	content string        // JSON of it
	given   signedPolicy  // last; the zero value when nothing was
}

func (d *demand) met() bool { return d.given.content == d.content }

func (s *Speaker) demand(h fleet.Host) (demand, error) {
	s.mu.Lock()
	d := demand{policy: s.policies.Of(h.ID, h.Labels), given: s.signed[h.ID]}
	s.mu.Unlock()
	d.policy.Version = 0
	content, err := json.Marshal(d.policy)
	if err != nil {
		return d, fmt.Errorf("policy of host %s: %w", h.ID, err)
	}
	d.content = string(content)
	return d, nil
}

// Policy returns the signed policy of a host. It is signed anew only when it
// changed, so that ten thousand agents that reconnect cost no write each.
func (s *Speaker) Policy(ctx context.Context, h fleet.Host) (wire.Signed, error) {
	if d, err := s.demand(h); err != nil || d.met() {
		return d.given.signed, err
	}
	s.making.Lock()
	defer s.making.Unlock()
	d, err := s.demand(h) // again: somebody may have been faster
	if err != nil || d.met() {
		return d.given.signed, err
	}
	signed, err := s.sign(ctx, wire.KindPolicy, h.ID, 0, func(serial uint64) any {
		d.policy.Version = serial
		return d.policy
	})
	if err != nil {
		return wire.Signed{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed[h.ID] = signedPolicy{d.content, signed}
	return signed, nil
}

// Refresh sends a host its policy if that changed since it was last given. A
// host that was never given one fetches it when it connects.
func (s *Speaker) Refresh(ctx context.Context, h fleet.Host) {
	d, err := s.demand(h)
	if err == nil && (d.met() || d.given.content == "") {
		return
	}
	var signed wire.Signed
	if err == nil {
		signed, err = s.Policy(ctx, h)
	}
	if err == nil {
		err = s.send(ctx, h.ID, signed)
	}
	if err != nil {
		s.log.Error("a policy could not be sent; the host fetches it when it connects", "host", h.ID, "error", err)
	}
}
