package api

import (
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/fleet"
)

// Credentials ask for a session.
type Credentials struct {
	Name     string `json:"name" minLength:"1" maxLength:"64" example:"alice"`
	Password string `json:"password" minLength:"1" maxLength:"256" writeOnly:"true"`
}

// Session is a person's session, as the person sees it.
type Session struct {
	User    account.User `json:"user"`
	CSRF    string       `json:"csrf" doc:"To be sent as X-CSRF-Token with every request that changes something."`
	Expires time.Time    `json:"expires_time" doc:"When the session ends, if it is used until then."`
}

// PasswordChange is a person's new password.
type PasswordChange struct {
	Old string `json:"old" minLength:"1" maxLength:"256" writeOnly:"true" doc:"The present password."`
	New string `json:"new" minLength:"12" maxLength:"256" writeOnly:"true" doc:"At least 12 characters, at most 256 bytes."`
}

// LoginOptions says how one can log on. Anyone may read it.
type LoginOptions struct {
	Local    bool   `json:"local" doc:"Name and password of a local user."`
	OIDC     bool   `json:"oidc" doc:"An OpenID provider, by way of /api/v1/oidc/start."`
	OIDCName string `json:"oidc_name" example:"Keycloak" doc:"What the button should say; empty without a provider."`
	Version  string `json:"version" example:"v0.3.0" doc:"Version of the server."`
}

// NewUser is a user to be made.
type NewUser struct {
	Name     string       `json:"name" minLength:"1" maxLength:"64" pattern:"^[a-z0-9][a-z0-9._@-]*$" example:"alice" doc:"Lower-case letters, digits, and . _ - @; begins with a letter or digit."`
	FullName string       `json:"full_name,omitempty" maxLength:"128" example:"Alice Example"`
	Role     account.Role `json:"role"`
	Password string       `json:"password" minLength:"12" maxLength:"256" writeOnly:"true" doc:"At least 12 characters, at most 256 bytes."`
}

// UserChange changes a user; what is absent stays.
type UserChange struct {
	FullName *string       `json:"full_name,omitempty" maxLength:"128"`
	Role     *account.Role `json:"role,omitempty"`
	Disabled *bool         `json:"disabled,omitempty" doc:"A disabled user cannot log on; present sessions end and tokens are refused."`
}

// NewPassword is the password that an administrator gives a user.
type NewPassword struct {
	Password string `json:"password" minLength:"12" maxLength:"256" writeOnly:"true" doc:"At least 12 characters, at most 256 bytes."`
}

// NewToken is an API token to be made.
type NewToken struct {
	Note    string       `json:"note" minLength:"1" maxLength:"256" example:"SIEM import" doc:"What the token is for."`
	Role    account.Role `json:"role" doc:"Not above the maker's."`
	Expires time.Time    `json:"expires_time" doc:"At most 366 days ahead."`
}

// CreatedToken is a new API token with its secret, which is shown only now.
type CreatedToken struct {
	Token  account.Token `json:"token"`
	Secret string        `json:"secret" example:"hft_…" doc:"To be sent as Authorization: Bearer. It cannot be shown again."`
}

// NewEnrollToken is a token to be made with which hosts enrol.
type NewEnrollToken struct {
	Note    string            `json:"note,omitempty" maxLength:"256" example:"web servers"`
	Labels  map[string]string `json:"labels,omitempty" maxProperties:"32" doc:"Given to the hosts that use the token."`
	Expires int64             `json:"expires_in_seconds,omitempty" minimum:"60" maximum:"2592000" doc:"Zero or absent means an hour."`
	MaxUses int               `json:"max_uses,omitempty" minimum:"0" maximum:"100000" doc:"Zero for no limit."`
}

// CreatedEnrollToken is a new enrolment token with its secret, which is shown
// only now.
type CreatedEnrollToken struct {
	Token    fleet.EnrolToken `json:"token"`
	Secret   string           `json:"secret" example:"hfe1.…" doc:"Names the server, pins its certificate authority and holds the secret."`
	Commands EnrollCommands   `json:"commands"`
}

// EnrollCommands are what to type on a host that is to be protected.
type EnrollCommands struct {
	Install string `json:"install" doc:"Installs the agent from this server, enrols and starts it."`
	Enroll  string `json:"enroll" doc:"Enrols where the agent is installed already."`
}
