package api

import (
	"net/http"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Inputs and outputs that several operations share.
type (
	body[T any] struct{ Body T }

	versioned[T any] struct {
		ETag string `header:"ETag" doc:"The version, in quotes, for If-Match."`
		Body T
	}
)

func (s *Server) registerSession() {
	add(s, operation{
		id: "createSession", method: http.MethodPost, path: "/session", role: public, tag: tagSession, status: http.StatusCreated,
		summary: "Log on", text: "Sets the session cookie. Wrong names and wrong passwords are answered alike, and repeated ones ever more slowly.",
	}, s.createSession)
	add(s, operation{
		id: "getSession", method: http.MethodGet, path: "/session", role: account.Reader, tag: tagSession, person: true,
		summary: "Show the own session",
	}, s.getSession)
	add(s, operation{
		id: "deleteSession", method: http.MethodDelete, path: "/session", role: account.Reader, tag: tagSession, person: true,
		summary: "Log off",
	}, s.deleteSession)
	add(s, operation{
		id: "changePassword", method: http.MethodPost, path: "/session/password", role: account.Reader, tag: tagSession, person: true,
		summary: "Change the own password", text: "All other sessions of the user end.",
	}, s.changePassword)
	add(s, operation{
		id: "getLoginOptions", method: http.MethodGet, path: "/login-options", role: public, tag: tagSession,
		summary: "Show how to log on",
	}, s.getLoginOptions)
	add(s, operation{
		id: "startOIDC", method: http.MethodGet, path: "/oidc/start", role: public, tag: tagSession, status: http.StatusFound,
		summary: "Log on with the OpenID provider", text: "For browsers: redirects to the provider.",
	}, s.startOIDC)
	add(s, operation{
		id: "finishOIDC", method: http.MethodGet, path: "/oidc/callback", role: public, tag: tagSession, status: http.StatusFound, lenient: true,
		summary: "Come back from the OpenID provider", text: "For browsers: sets the session cookie and redirects to the console.",
	}, s.finishOIDC)
}

func (s *Server) registerAccounts() {
	add(s, operation{
		id: "listUsers", method: http.MethodGet, path: "/users", role: account.Admin, tag: tagAccounts,
		summary: "List users", text: "By name.",
	}, s.listUsers)
	add(s, operation{
		id: "createUser", method: http.MethodPost, path: "/users", role: account.Admin, tag: tagAccounts, status: http.StatusCreated,
		summary: "Create a local user",
	}, s.createUser)
	add(s, operation{
		id: "getUser", method: http.MethodGet, path: "/users/{name}", role: account.Admin, tag: tagAccounts,
		summary: "Show a user",
	}, s.getUser)
	add(s, operation{
		id: "updateUser", method: http.MethodPatch, path: "/users/{name}", role: account.Admin, tag: tagAccounts,
		summary: "Change a user", text: "The last administrator who can log on can be neither demoted nor disabled.",
	}, s.updateUser)
	add(s, operation{
		id: "deleteUser", method: http.MethodDelete, path: "/users/{name}", role: account.Admin, tag: tagAccounts,
		summary: "Delete a user", text: "Sessions end and the user's tokens are refused. The last administrator who can log on cannot be deleted.",
	}, s.deleteUser)
	add(s, operation{
		id: "setUserPassword", method: http.MethodPost, path: "/users/{name}/password", role: account.Admin, tag: tagAccounts,
		summary: "Give a user a new password", text: "All sessions of the user end.",
	}, s.setUserPassword)
	add(s, operation{
		id: "listTokens", method: http.MethodGet, path: "/tokens", role: account.Admin, tag: tagAccounts,
		summary: "List API tokens", text: "Newest first, without their secrets.",
	}, s.listTokens)
	add(s, operation{
		id: "createToken", method: http.MethodPost, path: "/tokens", role: account.Reader, tokens: account.Admin, tag: tagAccounts, status: http.StatusCreated,
		summary: "Create an API token", text: "The secret is shown once. A token is never worth more than its maker is at the time of use. " +
			"With a token in place of a session this needs the role admin.",
	}, s.createToken)
	add(s, operation{
		id: "deleteToken", method: http.MethodDelete, path: "/tokens/{uid}", role: account.Reader, tag: tagAccounts,
		summary: "Revoke an API token", text: "People revoke their own, a token itself; administrators any.",
	}, s.deleteToken)
}

func (s *Server) registerEnrolment() {
	add(s, operation{
		id: "listEnrollTokens", method: http.MethodGet, path: "/enroll-tokens", role: account.Approver, tag: tagEnrolment,
		summary: "List enrolment tokens", text: "Newest first, without their secrets.",
	}, s.listEnrollTokens)
	add(s, operation{
		id: "createEnrollToken", method: http.MethodPost, path: "/enroll-tokens", role: account.Approver, tag: tagEnrolment, status: http.StatusCreated,
		summary: "Create an enrolment token", text: "The secret is shown once, with the commands to be typed on a host.",
	}, s.createEnrollToken)
	add(s, operation{
		id: "deleteEnrollToken", method: http.MethodDelete, path: "/enroll-tokens/{uid}", role: account.Approver, tag: tagEnrolment,
		summary: "Revoke an enrolment token", text: "Hosts that used it stay.",
	}, s.deleteEnrollToken)
	add(s, operation{
		id: "enrollHost", method: http.MethodPost, path: "/enroll", role: public, tag: tagEnrolment,
		summary: "Enrol a host", text: "For agents: the enrolment token in the request is the permission.",
	}, s.enrollHost)
}

type (
	sessionBody  struct{ Body api.Session }
	redirectBody struct {
		Location string `header:"Location"`
	}
	oidcReply struct {
		Code  string `query:"code" maxLength:"4096"`
		State string `query:"state" maxLength:"512"`
		Error string `query:"error" maxLength:"512"`
	}
	userUpdate struct {
		input.ByName
		input.IfMatch
		Body api.UserChange
	}
	passwordUpdate struct {
		input.ByName
		Body api.NewPassword
	}
	pageOf[T any] = body[store.List[T]]
	userPage      = pageOf[account.User]
	tokenPage     = pageOf[account.Token]
	enrollPage    = pageOf[fleet.EnrolToken]
	enrollRequest = body[wire.EnrollRequest]
	enrollReply   = body[wire.EnrollReply]
)
