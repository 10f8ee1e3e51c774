package api

import (
	"net/http"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Inputs and outputs that several operations share.
type (
	empty            = route.Empty
	body[T any]      = route.Body[T]
	versioned[T any] = route.Versioned[T]
)

func (s *Server) registerSession() {
	route.Add(s.router, route.Operation{
		ID: "createSession", Method: http.MethodPost, Path: "/session", Role: route.Public, Tag: route.TagSession, Status: http.StatusCreated,
		Summary: "Log on", Text: "Sets the session cookie. Wrong names and wrong passwords are answered alike, and repeated ones ever more slowly.",
	}, s.createSession)
	route.Add(s.router, route.Operation{
		ID: "getSession", Method: http.MethodGet, Path: "/session", Role: account.Reader, Tag: route.TagSession, Person: true,
		Summary: "Show the own session",
	}, s.getSession)
	route.Add(s.router, route.Operation{
		ID: "deleteSession", Method: http.MethodDelete, Path: "/session", Role: account.Reader, Tag: route.TagSession, Person: true,
		Summary: "Log off",
	}, s.deleteSession)
	route.Add(s.router, route.Operation{
		ID: "changePassword", Method: http.MethodPost, Path: "/session/password", Role: account.Reader, Tag: route.TagSession, Person: true,
		Summary: "Change the own password", Text: "All other sessions of the user end.",
	}, s.changePassword)
	route.Add(s.router, route.Operation{
		ID: "getLoginOptions", Method: http.MethodGet, Path: "/login-options", Role: route.Public, Tag: route.TagSession,
		Summary: "Show how to log on",
	}, s.getLoginOptions)
	route.Add(s.router, route.Operation{
		ID: "startOIDC", Method: http.MethodGet, Path: "/oidc/start", Role: route.Public, Tag: route.TagSession, Status: http.StatusFound,
		Summary: "Log on with the OpenID provider", Text: "For browsers: redirects to the provider.",
	}, s.startOIDC)
	route.Add(s.router, route.Operation{
		ID: "finishOIDC", Method: http.MethodGet, Path: "/oidc/callback", Role: route.Public, Tag: route.TagSession, Status: http.StatusFound, Lenient: true,
		Summary: "Come back from the OpenID provider", Text: "For browsers: sets the session cookie and redirects to the console.",
	}, s.finishOIDC)
}

func (s *Server) registerAccounts() {
	route.Add(s.router, route.Operation{
		ID: "listUsers", Method: http.MethodGet, Path: "/users", Role: account.Admin, Tag: route.TagAccounts,
		Summary: "List users", Text: "By name.",
	}, s.listUsers)
	route.Add(s.router, route.Operation{
		ID: "createUser", Method: http.MethodPost, Path: "/users", Role: account.Admin, Tag: route.TagAccounts, Status: http.StatusCreated,
		Summary: "Create a local user",
	}, s.createUser)
	route.Add(s.router, route.Operation{
		ID: "getUser", Method: http.MethodGet, Path: "/users/{name}", Role: account.Admin, Tag: route.TagAccounts,
		Summary: "Show a user",
	}, s.getUser)
	route.Add(s.router, route.Operation{
		ID: "updateUser", Method: http.MethodPatch, Path: "/users/{name}", Role: account.Admin, Tag: route.TagAccounts,
		Summary: "Change a user", Text: "The last administrator who can log on can be neither demoted nor disabled.",
	}, s.updateUser)
	route.Add(s.router, route.Operation{
		ID: "deleteUser", Method: http.MethodDelete, Path: "/users/{name}", Role: account.Admin, Tag: route.TagAccounts,
		Summary: "Delete a user", Text: "Sessions end and the user's tokens are refused. The last administrator who can log on cannot be deleted.",
	}, s.deleteUser)
	route.Add(s.router, route.Operation{
		ID: "setUserPassword", Method: http.MethodPost, Path: "/users/{name}/password", Role: account.Admin, Tag: route.TagAccounts,
		Summary: "Give a user a new password", Text: "All sessions of the user end.",
	}, s.setUserPassword)
	route.Add(s.router, route.Operation{
		ID: "listTokens", Method: http.MethodGet, Path: "/tokens", Role: account.Admin, Tag: route.TagAccounts,
		Summary: "List API tokens", Text: "Newest first, without their secrets.",
	}, s.listTokens)
	route.Add(s.router, route.Operation{
		ID: "createToken", Method: http.MethodPost, Path: "/tokens", Role: account.Reader, Tokens: account.Admin, Tag: route.TagAccounts, Status: http.StatusCreated,
		Summary: "Create an API token", Text: "The secret is shown once. A token is never worth more than its maker is at the time of use. " +
			"With a token in place of a session this needs the role admin.",
	}, s.createToken)
	route.Add(s.router, route.Operation{
		ID: "deleteToken", Method: http.MethodDelete, Path: "/tokens/{uid}", Role: account.Reader, Tag: route.TagAccounts,
		Summary: "Revoke an API token", Text: "People revoke their own, a token itself; administrators any.",
	}, s.deleteToken)
}

func (s *Server) registerEnrolment() {
	route.Add(s.router, route.Operation{
		ID: "listEnrollTokens", Method: http.MethodGet, Path: "/enroll-tokens", Role: account.Approver, Tag: route.TagEnrolment,
		Summary: "List enrolment tokens", Text: "Newest first, without their secrets.",
	}, s.listEnrollTokens)
	route.Add(s.router, route.Operation{
		ID: "createEnrollToken", Method: http.MethodPost, Path: "/enroll-tokens", Role: account.Approver, Tag: route.TagEnrolment, Status: http.StatusCreated,
		Summary: "Create an enrolment token", Text: "The secret is shown once, with the commands to be typed on a host.",
	}, s.createEnrollToken)
	route.Add(s.router, route.Operation{
		ID: "deleteEnrollToken", Method: http.MethodDelete, Path: "/enroll-tokens/{uid}", Role: account.Approver, Tag: route.TagEnrolment,
		Summary: "Revoke an enrolment token", Text: "Hosts that used it stay.",
	}, s.deleteEnrollToken)
	route.Add(s.router, route.Operation{
		ID: "enrollHost", Method: http.MethodPost, Path: "/enroll", Role: route.Public, Tag: route.TagEnrolment,
		Summary: "Enrol a host", Text: "For agents: the enrolment token in the request is the permission.",
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
