package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/store"
)

// settingsName is the name of the settings' document in the store.
const settingsName = "settings"

// DefaultSettings are in force until somebody changes them.
func DefaultSettings() api.Settings {
	return api.Settings{Retention: api.Retention{Events: 30, Alerts: 365, Audit: 730}, SessionHours: 12}
}

// ReadSettings returns the settings in force with their version. The secret of
// the OpenID provider is among them: what is shown to people leaves it out.
func ReadSettings(ctx context.Context, st store.Settings) (api.Settings, int64, error) {
	settings := DefaultSettings()
	text, version, err := st.Setting(ctx, settingsName)
	if errors.Is(err, store.ErrNotFound) {
		return settings, 0, nil
	}
	if err != nil {
		return settings, 0, fmt.Errorf("read settings: %w", err)
	}
	if err := json.Unmarshal(text, &settings); err != nil {
		return settings, 0, fmt.Errorf("read settings: %w", err)
	}
	return settings, version, nil
}

// shown returns settings as people may see them.
func shown(settings api.Settings) api.Settings {
	settings.OIDC.SecretSet = settings.OIDC.ClientSecret != ""
	settings.OIDC.ClientSecret = ""
	return settings
}

func (s *Server) getSettings(ctx context.Context, _ *empty) (*versioned[api.Settings], error) {
	settings, version, err := ReadSettings(ctx, s.State)
	return tagged(shown(settings), version), err
}

func (s *Server) updateSettings(ctx context.Context, in *settingsUpdate) (*versioned[api.Settings], error) {
	expected, err := in.Expected()
	if err != nil {
		return nil, err
	}
	settings, version, err := ReadSettings(ctx, s.State)
	if err != nil {
		return nil, err
	}
	if expected != store.AnyVersion && expected != version {
		return nil, fmt.Errorf("settings: %w", store.ErrConflict)
	}
	change(&settings, in.Body)
	if err := checkProvider(settings.OIDC); err != nil {
		return nil, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	if version, err = s.State.SaveSetting(ctx, settingsName, version, text); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if err := s.note(ctx, "settings.update", "", shown(settings)); err != nil {
		return nil, err
	}
	if s.SettingsChanged != nil {
		s.SettingsChanged(settings)
	}
	return tagged(shown(settings), version), nil
}

// change applies an update.
func change(settings *api.Settings, q api.SettingsUpdate) {
	set(&settings.Retention, q.Retention)
	set(&settings.SessionHours, q.SessionHours)
	if q.OIDC == nil {
		return
	}
	secret := settings.OIDC.ClientSecret
	if q.OIDC.ClientSecret != "" {
		secret = q.OIDC.ClientSecret
	}
	settings.OIDC = api.OIDC{
		Name: q.OIDC.Name, Issuer: q.OIDC.Issuer, ClientID: q.OIDC.ClientID, ClientSecret: secret,
		UserClaim: q.OIDC.UserClaim, RoleClaim: q.OIDC.RoleClaim, Roles: q.OIDC.Roles, Scopes: q.OIDC.Scopes,
	}
}

// checkProvider says what is wrong with an OpenID provider.
func checkProvider(p api.OIDC) error {
	if p.Issuer == "" {
		return nil
	}
	u, err := url.Parse(p.Issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("%w: oidc.issuer: %q is no URL of a provider", account.ErrInvalid, p.Issuer)
	case u.Scheme != "https" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1":
		return fmt.Errorf("%w: oidc.issuer: %q is not https", account.ErrInvalid, p.Issuer)
	case p.ClientID == "":
		return fmt.Errorf("%w: oidc.client_id: a provider needs one", account.ErrInvalid)
	}
	return nil
}
