// Package statement says signed things to hosts: which policy they have, which
// files, and what they are ordered to do. Policies are one document of
// assignments to hosts and labels; each host is given the last one that fits
// it. Files come in bundles, of which only the digest is signed; the content is
// handed out in chunks.
package statement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// PoliciesName is the name of the policies' document in the settings.
const PoliciesName = "policies"

// policies say which policy each host has: the last assignment that fits it.
type policies struct {
	Assignments []assignment `json:"assignments"`
}

// assignment gives a policy to hosts.
type assignment struct {
	Host   event.HostID      `json:"host,omitempty"`   // this one; "" for all
	Labels map[string]string `json:"labels,omitempty"` // that have all of these
	Policy policy.Policy     `json:"policy"`           // Version is ignored
}

func (a assignment) fits(h fleet.Host) bool {
	if a.Host != "" && a.Host != h.ID {
		return false
	}
	for key, value := range a.Labels {
		if h.Labels[key] != value {
			return false
		}
	}
	return true
}

// of returns the policy of a host, the built-in one where none fits.
func (p *policies) of(h fleet.Host) policy.Policy {
	var found policy.Policy
	for _, a := range p.Assignments {
		if a.fits(h) {
			found = a.Policy
		}
	}
	return found
}

// parsePolicies reads a document of policies, whole or not at all.
func parsePolicies(data []byte) (*policies, error) {
	var p policies
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	for i, a := range p.Assignments {
		if err := a.Policy.Validate(); err != nil {
			return nil, fmt.Errorf("policies: assignment %d: %w", i+1, err)
		}
	}
	return &p, nil
}

// Speaker says signed things to hosts. Make it with [New]; it is safe for
// concurrent use.
type Speaker struct {
	log    *slog.Logger
	key    wire.Signer
	orders store.Orders // for serial numbers
	send   func(ctx context.Context, host event.HostID, signed wire.Signed) error

	mu        sync.Mutex // guards what follows
	policies  *policies
	signed    map[event.HostID]signedPolicy // handed out last
	bundles   map[string]bundle             // by name
	announced map[toHost]signedBundle       // last
}

// signedPolicy is what a host was given, and what it was made of.
type signedPolicy struct {
	content string // JSON of the policy without its version
	signed  wire.Signed
}

// New returns a speaker that signs with the key, numbers statements by orders,
// and sends by send.
func New(log *slog.Logger, key wire.Signer, orders store.Orders, send func(context.Context, event.HostID, wire.Signed) error) *Speaker {
	return &Speaker{
		log: log, key: key, orders: orders, send: send, policies: &policies{}, signed: make(map[event.HostID]signedPolicy),
		bundles: make(map[string]bundle), announced: make(map[toHost]signedBundle),
	}
}

// Load puts the stored policies in force. Those that were stay when the new
// ones are not valid.
func (s *Speaker) Load(ctx context.Context, settings store.Settings) error {
	data, _, err := settings.Setting(ctx, PoliciesName)
	p := &policies{}
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return fmt.Errorf("read the policies: %w", err)
	default:
		if p, err = parsePolicies(data); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policies = p
	return nil
}

// Policy returns the signed policy of a host. It is signed anew only when it
// changed, so that ten thousand agents that reconnect cost no write each.
func (s *Speaker) Policy(ctx context.Context, h fleet.Host) (wire.Signed, error) {
	s.mu.Lock()
	want := s.policies.of(h)
	given := s.signed[h.ID]
	s.mu.Unlock()
	want.Version = 0
	content, err := json.Marshal(want)
	if err != nil {
		return wire.Signed{}, fmt.Errorf("policy of host %s: %w", h.ID, err)
	}
	if given.content == string(content) {
		return given.signed, nil
	}
	signed, err := s.sign(ctx, wire.KindPolicy, h.ID, 0, func(serial uint64) any {
		want.Version = serial
		return want
	})
	if err != nil {
		return wire.Signed{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed[h.ID] = signedPolicy{string(content), signed}
	return signed, nil
}

// Refresh sends a host its policy if that changed since it was last given.
func (s *Speaker) Refresh(ctx context.Context, h fleet.Host) {
	s.mu.Lock()
	before, known := s.signed[h.ID]
	s.mu.Unlock()
	signed, err := s.Policy(ctx, h)
	if err == nil && known && string(before.signed.Message) != string(signed.Message) {
		err = s.send(ctx, h.ID, signed)
	}
	if err != nil {
		s.log.Error("a policy could not be sent; the host fetches it when it connects", "host", h.ID, "error", err)
	}
}

// Order signs an order and sends it. The host obeys it for as long as valid
// says.
func (s *Speaker) Order(ctx context.Context, host event.HostID, o wire.Order, valid time.Duration) error {
	signed, err := s.sign(ctx, wire.KindOrder, host, valid, func(uint64) any { return o })
	if err != nil {
		return err
	}
	return s.send(ctx, host, signed)
}

// sign makes a statement with the next serial number of its kind. Zero valid
// means that it does not expire.
func (s *Speaker) sign(ctx context.Context, kind wire.Kind, host event.HostID, valid time.Duration, body func(serial uint64) any) (wire.Signed, error) {
	serial, err := s.orders.NextSerial(ctx, host, string(kind))
	if err != nil {
		return wire.Signed{}, fmt.Errorf("number a %s for host %s: %w", kind, host, err)
	}
	data, err := json.Marshal(body(serial))
	if err != nil {
		return wire.Signed{}, fmt.Errorf("encode a %s for host %s: %w", kind, host, err)
	}
	st := wire.Statement{Kind: kind, Host: host, Serial: serial, Issued: time.Now().UTC(), Body: data}
	if valid > 0 {
		st.Expires = st.Issued.Add(valid)
	}
	signed, err := wire.Sign(s.key, st)
	if err != nil {
		return wire.Signed{}, fmt.Errorf("sign a %s for host %s: %w", kind, host, err)
	}
	return signed, nil
}
