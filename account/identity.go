package account

import (
	"errors"
	"time"
)

// Errors of those who decide who may come in. They tell a stranger nothing
// about which accounts there are.
var (
	ErrUnauthenticated = errors.New("not logged on, or the session or token has expired")
	ErrCredentials     = errors.New("name or password is wrong")
	ErrThrottled       = errors.New("too many attempts") // see ThrottledError for how long
	ErrCSRF            = errors.New("the request does not come from a page of this server")
	ErrForbidden       = errors.New("not allowed with this role")
	ErrLastAdmin       = errors.New("this is the last administrator who can log on")
	ErrProvider        = errors.New("the OpenID provider does not answer as it should")
	ErrInvalid         = errors.New("not valid") // wrapped with what is wrong
)

// ThrottledError says when to try again. It is an [ErrThrottled].
type ThrottledError struct{ After time.Duration }

// Error returns the sentence for people.
func (e *ThrottledError) Error() string {
	return "too many attempts: try again in " + max(e.After.Round(time.Second), time.Second).String()
}

// Is reports whether target is [ErrThrottled].
func (e *ThrottledError) Is(target error) bool { return target == ErrThrottled }

// Identity is who sends a request: a person in a session, or a program with a
// token.
type Identity struct {
	User    User      // the person, or who made the token
	Role    Role      // in force: that of the user, or the token's where that is lower
	Token   string    // uid of the token; "" for a session
	CSRF    string    // what the session's requests must carry; "" for a token
	Expires time.Time // when the session or token ends
}

// Actor returns how the audit log names the identity: the user's name, or
// "token:" and the token's uid.
func (i Identity) Actor() string {
	if i.Token != "" {
		return "token:" + i.Token
	}
	return i.User.Name
}

// Owner returns the name of the user whose token the identity is, "" for a
// person in a session.
func (i Identity) Owner() string {
	if i.Token == "" {
		return ""
	}
	return i.User.Name
}
