package server

import (
	"context"

	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/server/api"
)

// policies are the hosts' policies as the API sees them.
type policies struct{ *Server }

var _ api.Policies = policies{}

// Policies implements [api.Policies].
func (p policies) Policies(context.Context) (policy.Assignments, int64, error) {
	all, version := p.speaker.Policies()
	return all, version, nil
}

// SetPolicies implements [api.Policies]. Hosts are sent theirs in the
// background: ten thousand take longer than a request may.
func (p policies) SetPolicies(ctx context.Context, all policy.Assignments, expected int64) (int64, error) {
	version, err := p.speaker.SetPolicies(ctx, p.state, all, expected)
	if err == nil {
		p.spreadPolicies()
	}
	return version, err
}

// spreadPolicies lets every host have its policy soon.
func (s *Server) spreadPolicies() {
	select {
	case s.policiesChanged <- struct{}{}:
	default: // it is going to happen already, with what is in force then
	}
}

// sendPolicies sends hosts their policies, when those change, until ctx ends.
func (s *Server) sendPolicies(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.policiesChanged:
		}
		for _, h := range s.registry.All() {
			if ctx.Err() != nil {
				return
			}
			s.speaker.Refresh(ctx, h)
		}
	}
}
