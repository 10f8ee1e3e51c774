package api

import "github.com/holdfast-security/holdfast/account"

// Settings are what an administrator can change while the server runs.
type Settings struct {
	Retention    Retention `json:"retention_days"`
	SessionHours int       `json:"session_hours" minimum:"1" maximum:"720" example:"12" doc:"How long a session lasts at most; unused, it ends after an eighth of that, at least half an hour."`
	OIDC         OIDC      `json:"oidc"`
}

// Retention says for how many days things are kept.
type Retention struct {
	Events int `json:"events" minimum:"1" maximum:"3650" example:"30"`
	Alerts int `json:"alerts" minimum:"1" maximum:"3650" example:"365"`
	Audit  int `json:"audit" minimum:"30" maximum:"3650" example:"730"`
}

// OIDC is the OpenID provider that people may log on with. Without an issuer
// there is none.
type OIDC struct {
	Name         string                  `json:"name" maxLength:"64" example:"Keycloak" doc:"What the button for it says."`
	Issuer       string                  `json:"issuer" maxLength:"512" example:"https://id.example.org/realms/main" doc:"URL of the provider, https; empty for none."`
	ClientID     string                  `json:"client_id" maxLength:"256"`
	ClientSecret string                  `json:"client_secret,omitempty" maxLength:"1024" writeOnly:"true" doc:"Never shown. Absent or empty keeps the present one."`
	SecretSet    bool                    `json:"client_secret_set" readOnly:"true" doc:"Whether there is a secret."`
	UserClaim    string                  `json:"user_claim" maxLength:"64" example:"preferred_username" doc:"Claim with the user's name; empty means preferred_username."`
	RoleClaim    string                  `json:"role_claim" maxLength:"64" example:"groups" doc:"Claim with the user's groups or roles: a text or a list; empty means groups."`
	Roles        map[string]account.Role `json:"roles" maxProperties:"64" doc:"Values of the claim and the role they give; the highest counts. Who has none may not log on."`
	Scopes       []string                `json:"scopes" maxItems:"16" doc:"Asked for besides openid, profile and email."`
}

// SettingsUpdate changes settings; what is absent stays.
type SettingsUpdate struct {
	Retention    *Retention  `json:"retention_days,omitempty"`
	SessionHours *int        `json:"session_hours,omitempty" minimum:"1" maximum:"720"`
	OIDC         *OIDCUpdate `json:"oidc,omitempty" doc:"The whole provider, in place of the present one, but for its secret."`
}

// OIDCUpdate is a provider to be set.
type OIDCUpdate struct {
	Name         string                  `json:"name,omitempty" maxLength:"64"`
	Issuer       string                  `json:"issuer" maxLength:"512"`
	ClientID     string                  `json:"client_id,omitempty" maxLength:"256"`
	ClientSecret string                  `json:"client_secret,omitempty" maxLength:"1024" writeOnly:"true" doc:"Absent or empty keeps the present one."`
	UserClaim    string                  `json:"user_claim,omitempty" maxLength:"64"`
	RoleClaim    string                  `json:"role_claim,omitempty" maxLength:"64"`
	Roles        map[string]account.Role `json:"roles,omitempty" maxProperties:"64"`
	Scopes       []string                `json:"scopes,omitempty" maxItems:"16"`
}
