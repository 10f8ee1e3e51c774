package server

import (
	"context"
	"sync/atomic"
	"time"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/setting"
	"github.com/holdfast-security/holdfast/server/auth"
	"github.com/holdfast-security/holdfast/store"
)

// settings are those in force, from memory. They are safe for concurrent use
// once loaded.
type settings struct {
	current atomic.Pointer[apitypes.Settings]
}

func (s *settings) load(ctx context.Context, st store.Settings) error {
	now, _, err := setting.Read(ctx, st)
	if err != nil {
		return err
	}
	s.set(now)
	return nil
}

func (s *settings) set(now apitypes.Settings) { s.current.Store(&now) }

func (s *settings) retention() apitypes.Retention { return s.current.Load().Retention }

func (s *settings) sessionLifetime() time.Duration {
	return time.Duration(s.current.Load().SessionHours) * time.Hour
}

// provider returns the OpenID provider, false where there is none.
func (s *settings) provider() (auth.Provider, bool) {
	p := s.current.Load().OIDC
	return auth.Provider{
		Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret, Scopes: p.Scopes,
		UserClaim: p.UserClaim, RoleClaim: p.RoleClaim, Roles: p.Roles,
	}, p.Issuer != ""
}
