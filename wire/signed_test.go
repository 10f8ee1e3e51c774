package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
)

const testHost event.HostID = "h0123456789abcdef"

func newAccount(t testing.TB) (nkeys.KeyPair, string) {
	t.Helper()
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

func TestSignedStatements(t *testing.T) {
	key, public := newAccount(t)
	_, other := newAccount(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	good := Statement{Kind: KindOrder, Host: testHost, Serial: 5, Issued: now, Expires: now.Add(time.Minute), Body: []byte(`{"uid":"o1"}`)}
	with := func(change func(*Statement)) Statement { st := good; change(&st); return st }
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	userPublic, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		st     Statement
		public string
		tamper func(*Signed)
		want   error
	}{
		{name: "good", st: good},
		{name: "never expires", st: with(func(s *Statement) { s.Kind, s.Expires = KindPolicy, time.Time{} })},
		{name: "expired within grace", st: with(func(s *Statement) { s.Expires = now.Add(-4 * time.Minute) })},
		{name: "expired", st: with(func(s *Statement) { s.Expires = now.Add(-6 * time.Minute) }), want: ErrExpired},
		{name: "another host", st: with(func(s *Statement) { s.Host = "hfedcba9876543210" }), want: ErrAddressee},
		{name: "no host", st: with(func(s *Statement) { s.Host = "" }), want: ErrAddressee},
		{name: "the same again", st: with(func(s *Statement) { s.Serial = 4 }), want: ErrReplayed},
		{name: "unknown kind", st: with(func(s *Statement) { s.Kind = "wish" }), want: ErrMalformed},
		{name: "another key", st: good, public: other, want: ErrSignature},
		{name: "a user's key", st: good, public: userPublic, want: ErrSignature},
		{name: "no key", st: good, public: "none", want: ErrSignature},
		{name: "other message", st: good, tamper: func(s *Signed) {
			s.Message = bytes.Replace(s.Message, []byte("o1"), []byte("o2"), 1)
			s.Message[0] = '{'
			s.Message = append(s.Message, ' ')
		}, want: ErrSignature},
		{name: "no signature", st: good, tamper: func(s *Signed) { s.Signature = nil }, want: ErrSignature},
		{name: "no context", st: good, tamper: func(s *Signed) { s.Signature, _ = key.Sign(s.Message) }, want: ErrSignature},
		{name: "oversized", st: good, tamper: func(s *Signed) { s.Message = make([]byte, MaxMessage+1) }, want: ErrOversized},
		{name: "oversized in good order", st: good, tamper: func(s *Signed) {
			s.Message = append(s.Message, bytes.Repeat([]byte{' '}, MaxMessage)...)
			s.Signature, _ = key.Sign(withContext(s.Message))
		}, want: ErrOversized},
		{name: "not JSON", st: good, tamper: func(s *Signed) {
			s.Message = []byte("{")
			s.Signature, _ = key.Sign(withContext(s.Message))
		}, want: ErrMalformed},
		{name: "no body", st: good, tamper: func(s *Signed) {
			s.Message = []byte(`{"kind":"order"}`)
			s.Signature, _ = key.Sign(withContext(s.Message))
		}, want: ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			signed, err := Sign(key, c.st)
			if err != nil {
				t.Fatal(err)
			}
			if c.tamper != nil {
				c.tamper(&signed)
			}
			if c.public == "" {
				c.public = public
			}
			got, err := signed.Verify(c.public, testHost, now, func(Kind) uint64 { return 4 })
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v; want %v", err, c.want)
			}
			if c.want == nil && (got.Serial != c.st.Serial || !bytes.Equal(got.Body, c.st.Body) || !got.Expires.Equal(c.st.Expires)) {
				t.Errorf("got %+v; want %+v", got, c.st)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	key, _ := newAccount(t)
	large := []byte(`"` + strings.Repeat("a", MaxMessage) + `"`)
	for name, c := range map[string]struct {
		st   Statement
		want error
	}{
		"large order":  {Statement{Kind: KindOrder, Body: large}, ErrOversized},
		"large bundle": {Statement{Kind: KindBundle, Body: large}, ErrOversized},
		"no JSON":      {Statement{Kind: KindPolicy}, ErrMalformed},
	} {
		if _, err := Sign(key, c.st); !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", name, err, c.want)
		}
	}
}

func FuzzStatement(f *testing.F) {
	f.Add([]byte(`{"kind":"order","host":"h0","serial":1,"expires":"2026-11-23T12:00:00Z","body":"e30="}`))
	f.Add([]byte(`{"kind":"bundle","body":"bnVsbA=="}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		st, err := parseStatement(message)
		if err != nil {
			return
		}
		if _, err := Sign(fakeSigner{}, st); err != nil && !errors.Is(err, ErrOversized) {
			t.Errorf("a statement that was read cannot be signed: %v", err)
		}
	})
}

type fakeSigner struct{}

func (fakeSigner) Sign([]byte) ([]byte, error) { return []byte("signature"), nil }
