package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
)

func (s *Server) createSession(ctx context.Context, in *body[api.Credentials]) (*sessionBody, error) {
	q := front.Of(ctx)
	identity, err := s.People.Logon(q.W, q.R, in.Body.Name, in.Body.Password, q.From)
	if err != nil {
		return nil, s.failedLogon(ctx, in.Body.Name, err)
	}
	q.Identity, q.Known = identity, true
	if err := s.note(ctx, "session.create", identity.User.Name, nil); err != nil {
		return nil, err
	}
	return &sessionBody{session(identity)}, nil
}

// failedLogon notes a logon that was refused and returns its error. Those that
// the limits refused are not noted: strangers could fill the log with them.
func (s *Server) failedLogon(ctx context.Context, name string, cause error) error {
	if errors.Is(cause, account.ErrThrottled) {
		return cause
	}
	if err := s.record(ctx, "session.refused", name, map[string]string{"reason": cause.Error()}, forbidden); err != nil {
		return err
	}
	return cause
}

func session(i account.Identity) api.Session {
	return api.Session{User: i.User, CSRF: i.CSRF, Expires: i.Expires}
}

func (s *Server) getSession(ctx context.Context, _ *empty) (*sessionBody, error) {
	return &sessionBody{session(front.Of(ctx).Identity)}, nil
}

func (s *Server) deleteSession(ctx context.Context, _ *empty) (*empty, error) {
	q := front.Of(ctx)
	if err := s.People.Logoff(q.W, q.R); err != nil {
		return nil, err
	}
	return nil, s.note(ctx, "session.delete", q.Identity.User.Name, nil)
}

func (s *Server) changePassword(ctx context.Context, in *body[api.PasswordChange]) (*empty, error) {
	q := front.Of(ctx)
	if err := s.People.ChangePassword(q.R, in.Body.Old, in.Body.New, q.From); err != nil {
		return nil, err
	}
	return nil, s.note(ctx, "user.password", q.Identity.User.Name, nil)
}

func (s *Server) getLoginOptions(ctx context.Context, _ *empty) (*body[api.LoginOptions], error) {
	name, ok := s.People.ProviderName(ctx)
	return &body[api.LoginOptions]{Body: api.LoginOptions{Local: true, OIDC: ok, OIDCName: name, Version: s.Version}}, nil
}

func (s *Server) startOIDC(ctx context.Context, _ *empty) (*redirectBody, error) {
	q := front.Of(ctx)
	target, err := s.People.StartProvider(q.W, q.R)
	if err != nil {
		return &redirectBody{loginPage(err)}, nil
	}
	return &redirectBody{target}, nil
}

// loginPage returns where to send a browser that could not log on with the
// provider: people should not see a problem as JSON.
func loginPage(err error) string {
	reason := "provider"
	switch {
	case errors.Is(err, account.ErrForbidden):
		reason = "role"
	case errors.Is(err, account.ErrCredentials):
		reason = "refused"
	}
	return "/login?error=" + reason
}

func (s *Server) finishOIDC(ctx context.Context, in *oidcReply) (*redirectBody, error) {
	q := front.Of(ctx)
	if in.Error != "" {
		cause := fmt.Errorf("%w: the OpenID provider says %q", account.ErrCredentials, in.Error)
		return s.failedProvider(ctx, cause)
	}
	identity, err := s.People.FinishProvider(q.W, q.R, in.Code, in.State)
	if err != nil {
		return s.failedProvider(ctx, err)
	}
	q.Identity, q.Known = identity, true
	if err := s.note(ctx, "session.create", identity.User.Name, map[string]bool{"external": true}); err != nil {
		return nil, err
	}
	return &redirectBody{"/"}, nil
}

// failedProvider sends a browser back whose logon by way of the provider came to
// nothing. The audit log notes it when the provider vouched for somebody who may
// not come in; all else strangers can make happen without end.
func (s *Server) failedProvider(ctx context.Context, cause error) (*redirectBody, error) {
	if errors.Is(cause, account.ErrForbidden) {
		if err := s.failedLogon(ctx, "", cause); !errors.Is(err, cause) {
			return nil, err
		}
	}
	s.log.WarnContext(ctx, "logon with the OpenID provider refused", "reason", cause)
	return &redirectBody{loginPage(cause)}, nil
}

func (s *Server) listUsers(ctx context.Context, in *input.Page) (*userPage, error) {
	list, err := s.State.Users(ctx, in.Store())
	return &userPage{Body: list}, err
}

func (s *Server) createUser(ctx context.Context, in *body[api.NewUser]) (*versioned[account.User], error) {
	q := in.Body
	u, err := s.People.AddUser(ctx, account.User{Name: q.Name, FullName: q.FullName, Role: q.Role, Created: s.now()}, q.Password)
	if err != nil {
		return nil, front.About("user", q.Name, err)
	}
	if err := s.note(ctx, "user.create", u.Name, map[string]any{"role": u.Role}); err != nil {
		return nil, err
	}
	return route.Tagged(u, u.Version), nil
}

func (s *Server) getUser(ctx context.Context, in *input.ByName) (*versioned[account.User], error) {
	u, err := s.State.User(ctx, in.Name)
	if err != nil {
		return nil, front.About("user", in.Name, err)
	}
	return route.Tagged(u, u.Version), nil
}

func (s *Server) updateUser(ctx context.Context, in *userUpdate) (*versioned[account.User], error) {
	version, err := in.Expected()
	if err != nil {
		return nil, err
	}
	u, err := s.People.ChangeUser(ctx, in.Name, version, func(u *account.User) error {
		set(&u.FullName, in.Body.FullName)
		set(&u.Role, in.Body.Role)
		set(&u.Disabled, in.Body.Disabled)
		return nil
	})
	if err != nil {
		return nil, front.About("user", in.Name, err)
	}
	if err := s.note(ctx, "user.update", u.Name, in.Body); err != nil {
		return nil, err
	}
	return route.Tagged(u, u.Version), nil
}

// set changes field to value, if there is one.
func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func (s *Server) deleteUser(ctx context.Context, in *input.ByName) (*empty, error) {
	if err := s.People.DropUser(ctx, in.Name); err != nil {
		return nil, front.About("user", in.Name, err)
	}
	return nil, s.note(ctx, "user.delete", in.Name, nil)
}

func (s *Server) setUserPassword(ctx context.Context, in *passwordUpdate) (*empty, error) {
	if err := s.People.SetPassword(ctx, in.Name, in.Body.Password); err != nil {
		return nil, front.About("user", in.Name, err)
	}
	return nil, s.note(ctx, "user.password", in.Name, nil)
}

func (s *Server) listTokens(ctx context.Context, in *input.Page) (*tokenPage, error) {
	list, err := s.State.Tokens(ctx, in.Store())
	return &tokenPage{Body: list}, err
}

func (s *Server) createToken(ctx context.Context, in *body[api.NewToken]) (*body[api.CreatedToken], error) {
	t, secret, err := s.People.AddToken(ctx, front.Of(ctx).Identity, account.Token{Note: in.Body.Note, Role: in.Body.Role, Expires: in.Body.Expires})
	if err != nil {
		return nil, err
	}
	if err := s.note(ctx, "token.create", t.ID, map[string]any{"note": t.Note, "role": t.Role, "expires": t.Expires}); err != nil {
		return nil, err
	}
	return &body[api.CreatedToken]{Body: api.CreatedToken{Token: t, Secret: secret}}, nil
}

func (s *Server) deleteToken(ctx context.Context, in *input.ByID) (*empty, error) {
	if err := s.People.DropToken(ctx, front.Of(ctx).Identity, in.ID); err != nil {
		return nil, front.About("token", in.ID, err)
	}
	return nil, s.note(ctx, "token.delete", in.ID, nil)
}

func (s *Server) listEnrollTokens(ctx context.Context, in *input.Page) (*enrollPage, error) {
	list, err := s.State.EnrolTokens(ctx, in.Store())
	return &enrollPage{Body: list}, err
}

func (s *Server) createEnrollToken(ctx context.Context, in *body[api.NewEnrollToken]) (*body[api.CreatedEnrollToken], error) {
	q := in.Body
	if err := checkLabels(q.Labels); err != nil {
		return nil, err
	}
	life := time.Duration(q.Expires) * time.Second
	if life == 0 {
		life = time.Hour
	}
	t, secret, err := s.Enroller.NewToken(ctx, fleet.EnrolToken{
		Note: q.Note, Labels: q.Labels, By: front.Of(ctx).Identity.Actor(),
		Created: s.now(), Expires: s.now().Add(life), MaxUses: q.MaxUses,
	})
	if err != nil {
		return nil, err
	}
	if err := s.note(ctx, "enroll_token.create", t.ID, map[string]any{"note": t.Note, "labels": t.Labels, "expires": t.Expires, "max_uses": t.MaxUses}); err != nil {
		return nil, err
	}
	return &body[api.CreatedEnrollToken]{Body: api.CreatedEnrollToken{Token: t, Secret: secret, Commands: s.front.EnrollCommands(secret)}}, nil
}

// checkLabels says what is wrong with labels that people set.
func checkLabels(labels map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if key == "" || len(key) > 63 || len(labels[key]) > 255 {
			return fmt.Errorf("%w: label %q: keys have 1 to 63 bytes, values at most 255", account.ErrInvalid, key)
		}
	}
	return nil
}

func (s *Server) deleteEnrollToken(ctx context.Context, in *input.ByID) (*empty, error) {
	if err := s.State.RevokeEnrolToken(ctx, in.ID); err != nil {
		return nil, front.About("enrolment token", in.ID, err)
	}
	return nil, s.note(ctx, "enroll_token.delete", in.ID, nil)
}

// enrollHost lets the enroller note in the audit log what came of it: that
// knows the token.
func (s *Server) enrollHost(ctx context.Context, in *enrollRequest) (*enrollReply, error) {
	reply, err := s.Enroller.Enroll(ctx, front.Of(ctx).From, in.Body)
	return &enrollReply{Body: reply}, err
}
