package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/wire"
)

// ErrNotRevocable says that the stream cannot be told of revocations: an
// outside cluster without a system credential. The gateway still refuses what
// a revoked host sends.
var ErrNotRevocable = errors.New("the outside stream was given no system credential and operator key, and keeps connections of revoked hosts")

// Credential issues the NATS user JWT of a host for the nkey that its agent
// made, which begins with U. It admits to the host's own subjects, does not
// expire, and ends with [Stream.Revoke].
func (s *Stream) Credential(host event.HostID, publicKey string) (string, error) {
	if !wire.ValidHostID(host) {
		return "", fmt.Errorf("credential: %.64q is no host id", host)
	}
	if !nkeys.IsValidPublicUserKey(publicKey) {
		return "", fmt.Errorf("credential for host %s: %.64q is no public nkey of a user", host, publicKey)
	}
	signer, account := s.backend.issuer()
	return encodeUser(agentClaims(host, publicKey, account), signer)
}

// agentClaims is what an agent may do.
func agentClaims(host event.HostID, publicKey, account string) *jwt.UserClaims {
	claims := jwt.NewUserClaims(publicKey)
	claims.Name = string(host)
	claims.IssuerAccount = account
	claims.Pub.Allow.Add(wire.Up(host, ">"))
	claims.Sub.Allow.Add(strings.TrimSuffix(wire.Down(host), "signed")+">", wire.Inbox(host)+".>")
	claims.Limits.Subs = agentSubs
	claims.Limits.Payload = maxAgentPayload
	claims.AllowedConnectionTypes.Add(jwt.ConnectionTypeStandard)
	return claims
}

// serverCredential admits this process to everything in the account.
func serverCredential(signer Signer, account, publicKey string) (string, error) {
	claims := jwt.NewUserClaims(publicKey)
	claims.Name = "server"
	claims.IssuerAccount = account
	claims.AllowedConnectionTypes.Add(jwt.ConnectionTypeInProcess)
	return encodeUser(claims, signer)
}

func encodeUser(claims *jwt.UserClaims, signer Signer) (string, error) {
	public, err := nkeys.FromPublicKey(signer.PublicKey())
	if err != nil {
		return "", fmt.Errorf("sign a credential: %w", err)
	}
	if claims.IssuerAccount == signer.PublicKey() {
		claims.IssuerAccount = "" // signed by the account itself
	}
	text, err := claims.EncodeWithSigner(public, signWith(signer))
	if err != nil {
		return "", fmt.Errorf("sign a credential: %w", err)
	}
	return text, nil
}

func encodeAccount(claims *jwt.AccountClaims, signer Signer) (string, error) {
	public, err := nkeys.FromPublicKey(signer.PublicKey())
	if err != nil {
		return "", fmt.Errorf("sign account %s: %w", claims.Name, err)
	}
	text, err := claims.EncodeWithSigner(public, signWith(signer))
	if err != nil {
		return "", fmt.Errorf("sign account %s: %w", claims.Name, err)
	}
	return text, nil
}

func signWith(signer Signer) jwt.SignFn {
	return func(_ string, data []byte) ([]byte, error) { return signer.Sign(data) }
}

// Revoke refuses the credentials that a key was given until now, and cuts its
// connection. Credentials issued in a later second are good again. The error
// wraps [ErrNotRevocable] where the stream cannot be told.
func (s *Stream) Revoke(ctx context.Context, host event.HostID, publicKey string) error {
	if !nkeys.IsValidPublicUserKey(publicKey) {
		return fmt.Errorf("revoke host %s: %.64q is no public nkey of a user", host, publicKey)
	}
	return s.changeRevoked(ctx, func(revoked map[string]time.Time) { revoked[publicKey] = time.Now() })
}

// Allow takes a revocation back: the credentials of the key are good again.
func (s *Stream) Allow(ctx context.Context, publicKey string) error {
	return s.changeRevoked(ctx, func(revoked map[string]time.Time) { delete(revoked, publicKey) })
}

// SetRevoked replaces the list of revoked keys, with the times up to which
// their credentials are refused. The stream does not keep the list: call it at
// start with what the store knows.
func (s *Stream) SetRevoked(ctx context.Context, revoked map[string]time.Time) error {
	return s.changeRevoked(ctx, func(old map[string]time.Time) {
		clear(old)
		maps.Copy(old, revoked)
	})
}

// changeRevoked applies change to a copy of the list, which is kept when it is
// in force or cannot be put in force at all.
func (s *Stream) changeRevoked(ctx context.Context, change func(map[string]time.Time)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	revoked := make(map[string]time.Time, len(s.revoked)+1)
	maps.Copy(revoked, s.revoked)
	change(revoked)
	var lifted []string
	for key := range s.revoked {
		if _, still := revoked[key]; !still {
			lifted = append(lifted, key)
		}
	}
	err := s.backend.revoke(ctx, revoked, lifted)
	if err == nil || errors.Is(err, ErrNotRevocable) {
		s.revoked = revoked
	}
	s.health.set("revocation_limited", len(revoked) > 0 && errors.Is(err, ErrNotRevocable), ErrNotRevocable.Error())
	return err
}
