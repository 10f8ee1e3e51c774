// Package setting holds the settings that administrators change while the
// server runs: how they are kept, changed and checked. They are one document
// in the store.
package setting

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

// Name is the name of the document in the store.
const Name = "settings"

// Default returns the settings in force until somebody changes them.
func Default() api.Settings {
	return api.Settings{Retention: api.Retention{Events: 30, Alerts: 365, Audit: 730}, SessionHours: 12}
}

// Read returns the settings in force with their version, zero before the first
// change. The secret of the OpenID provider is among them: people are given
// what [Shown] leaves.
func Read(ctx context.Context, st store.Settings) (api.Settings, int64, error) {
	settings := Default()
	text, version, err := st.Setting(ctx, Name)
	if errors.Is(err, store.ErrNotFound) {
		return settings, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &settings)
	}
	if err != nil {
		return settings, 0, fmt.Errorf("read settings: %w", err)
	}
	return settings, version, nil
}

// Change changes the settings and returns what is in force then, with its
// version. expected is the version that the change builds on, or
// [store.AnyVersion]; the error wraps [store.ErrConflict] when it is another,
// and [account.ErrInvalid] when the change makes no sense.
func Change(ctx context.Context, st store.Settings, expected int64, q api.SettingsUpdate) (api.Settings, int64, error) {
	settings, version, err := Read(ctx, st)
	if err != nil {
		return settings, 0, err
	}
	if expected != store.AnyVersion && expected != version {
		return settings, 0, fmt.Errorf("settings: %w", store.ErrConflict)
	}
	if err := apply(&settings, q); err != nil {
		return settings, 0, err
	}
	if err := checkProvider(settings.OIDC); err != nil {
		return settings, 0, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return settings, 0, fmt.Errorf("settings: %w", err)
	}
	if version, err = st.SaveSetting(ctx, Name, version, text); err != nil {
		return settings, 0, fmt.Errorf("settings: %w", err)
	}
	return settings, version, nil
}

// Shown returns settings as people may see them.
func Shown(settings api.Settings) api.Settings {
	settings.OIDC.SecretSet = settings.OIDC.ClientSecret != ""
	settings.OIDC.ClientSecret = ""
	return settings
}

// apply applies an update.
func apply(settings *api.Settings, q api.SettingsUpdate) error {
	if q.Retention != nil {
		settings.Retention = *q.Retention
	}
	if q.SessionHours != nil {
		settings.SessionHours = *q.SessionHours
	}
	if q.OIDC == nil {
		return nil
	}
	secret, err := keptSecret(settings.OIDC, *q.OIDC)
	if err != nil {
		return err
	}
	settings.OIDC = api.OIDC{
		Name: q.OIDC.Name, Issuer: q.OIDC.Issuer, ClientID: q.OIDC.ClientID, ClientSecret: secret,
		UserClaim: q.OIDC.UserClaim, RoleClaim: q.OIDC.RoleClaim, Roles: q.OIDC.Roles, Scopes: q.OIDC.Scopes,
	}
	return nil
}

// keptSecret returns the client secret that an update leaves. The present one
// is sent to no other issuer: who changes settings cannot see it, and must not
// learn it by naming a provider of their own.
func keptSecret(present api.OIDC, update api.OIDCUpdate) (string, error) {
	switch {
	case update.Issuer == "": // no provider any more
		return "", nil
	case update.ClientSecret != "":
		return update.ClientSecret, nil
	case present.ClientSecret != "" && update.Issuer != present.Issuer:
		return "", fmt.Errorf("%w: oidc.client_secret: the present one is for %s; give the new provider's, or remove the provider first",
			account.ErrInvalid, present.Issuer)
	}
	return present.ClientSecret, nil
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
