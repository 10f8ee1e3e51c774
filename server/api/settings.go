package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/server/api/setting"
	"github.com/holdfast-security/holdfast/store"

	"github.com/holdfast-security/holdfast/server/api/route"
)

func (s *Server) getSettings(ctx context.Context, _ *empty) (*versioned[api.Settings], error) {
	settings, version, err := setting.Read(ctx, s.State)
	return route.Tagged(setting.Shown(settings), version), err
}

func (s *Server) updateSettings(ctx context.Context, in *settingsUpdate) (*versioned[api.Settings], error) {
	expected, err := in.Expected()
	if err != nil {
		return nil, err
	}
	settings, version, err := setting.Change(ctx, s.State, expected, in.Body)
	if err != nil {
		return nil, err
	}
	if err := s.note(ctx, "settings.update", "", setting.Shown(settings)); err != nil {
		return nil, err
	}
	if s.SettingsChanged != nil {
		s.SettingsChanged(settings)
	}
	return route.Tagged(setting.Shown(settings), version), nil
}

func (s *Server) getPolicies(ctx context.Context, _ *empty) (*versioned[policy.Assignments], error) {
	all, version, err := s.Policies.Policies(ctx)
	return route.Tagged(all, version), err
}

func (s *Server) setPolicies(ctx context.Context, in *policiesUpdate) (*versioned[policy.Assignments], error) {
	expected, err := in.Expected()
	if err != nil {
		return nil, err
	}
	if err := s.checkPolicies(ctx, in.Body); err != nil {
		return nil, err
	}
	version, err := s.Policies.SetPolicies(ctx, in.Body, expected)
	if err != nil {
		return nil, err
	}
	return route.Tagged(in.Body, version), s.note(ctx, "policies.update", "", noted(in.Body, version))
}

// maxNoted bounds the policies that an entry of the audit log repeats.
const maxNoted = 64 << 10

// noted returns policies for the audit log: all of them, or how many they are
// where that would be too long.
func noted(all policy.Assignments, version int64) any {
	if text, err := json.Marshal(all); err == nil && len(text) <= maxNoted {
		return map[string]any{"version": version, "assignments": all.Assignments}
	}
	return map[string]any{"version": version, "count": len(all.Assignments)}
}

// checkPolicies says what is wrong with policies.
func (s *Server) checkPolicies(ctx context.Context, all policy.Assignments) error {
	if err := all.Validate(); err != nil {
		return fmt.Errorf("%w: %w", account.ErrInvalid, err)
	}
	known := make(map[event.HostID]bool)
	for i, a := range all.Assignments {
		if a.Host == "" || known[a.Host] {
			continue
		}
		_, err := s.State.Host(ctx, a.Host)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("%w: assignment %d: there is no host %q", account.ErrInvalid, i+1, a.Host)
		case err != nil:
			return err
		}
		known[a.Host] = true
	}
	return nil
}
