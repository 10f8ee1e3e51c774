// Package account holds who may use the server and what they did: users,
// roles, API tokens and the entries of the audit log. Secrets never appear in
// these types; the store keeps their hashes apart.
package account

import (
	"fmt"
	"slices"
	"time"
)

// Role is what a person or token may do. Each role may do what the ones before
// it may.
type Role string

// Roles in ascending order.
const (
	Reader    Role = "reader"    // look at everything but secrets and settings of accounts
	Responder Role = "responder" // work on alerts, run simulations
	Approver  Role = "approver"  // approve what others ask for, enrol hosts
	Admin     Role = "admin"     // accounts, tokens, settings, hosts, backup
)

// Roles returns all roles in ascending order.
func Roles() []Role { return []Role{Reader, Responder, Approver, Admin} }

// Includes reports whether r may do what other may. An unknown role includes
// nothing and is included by nothing.
func (r Role) Includes(other Role) bool {
	all := Roles()
	mine, theirs := slices.Index(all, r), slices.Index(all, other)
	return mine >= 0 && theirs >= 0 && mine >= theirs
}

// UnmarshalText accepts the names of the roles.
func (r *Role) UnmarshalText(text []byte) error {
	role := Role(text)
	if !slices.Contains(Roles(), role) {
		return fmt.Errorf("role %q is not one of reader, responder, approver, admin", text)
	}
	*r = role
	return nil
}

// User is a person's account.
type User struct {
	Name     string    `json:"name"` // unique; lower-case letters, digits, and . _ - @
	FullName string    `json:"full_name"`
	Role     Role      `json:"role"`
	Disabled bool      `json:"disabled"`
	External bool      `json:"external"` // comes from the OpenID provider and has no password here
	Created  time.Time `json:"created_time"`
	LastSeen time.Time `json:"last_logon_time"` // zero before the first logon
	Version  int64     `json:"version"`         // for ETags
}

// Token is a credential for programs. The secret is shown once.
type Token struct {
	ID       string    `json:"uid"`
	Note     string    `json:"note"`
	Role     Role      `json:"role"`
	By       string    `json:"created_by"`
	Created  time.Time `json:"created_time"`
	Expires  time.Time `json:"expires_time"`
	LastUsed time.Time `json:"last_used_time"` // to the minute; zero when never
}

// Entry is one line of the audit log: who did what to what. Entries are never
// changed and only retention removes them.
type Entry struct {
	ID      int64     `json:"uid"` // ascending
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor"`  // user name, "token:<uid>", "host:<uid>" or "server"
	Owner   string    `json:"owner"`  // user whose token the actor is; "" for every other actor
	Action  string    `json:"action"` // "alert.update", "evidence.read", "session.refused" …
	Object  string    `json:"object"` // uid of what it was done to
	Address string    `json:"address"`
	Detail  string    `json:"detail"`  // JSON of the change, secrets left out
	Outcome string    `json:"outcome"` // "done", "refused" or "failed"
}
