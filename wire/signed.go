package wire

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
)

// skewAllowed is how far the clocks of host and server may differ before a
// statement that expires is refused.
const skewAllowed = 5 * time.Minute

// signedContext stands before the message in what is signed, so that a
// signature made for anything else by the same key says nothing here.
const signedContext = "holdfast signed\x00"

// Signer signs with an Ed25519 key; the account's nkeys.KeyPair is one.
type Signer interface {
	Sign(input []byte) ([]byte, error)
}

// Sign encodes and signs a statement. An error wraps [ErrOversized] when the
// statement is larger than [MaxMessage], and [ErrMalformed] when its body is not
// JSON.
func Sign(key Signer, st Statement) (Signed, error) {
	if !json.Valid(st.Body) {
		return Signed{}, fmt.Errorf("sign a statement about %s: %w: its body is not JSON", st.Kind, ErrMalformed)
	}
	message, err := json.Marshal(st)
	if err != nil {
		return Signed{}, fmt.Errorf("encode a statement about %s: %w", st.Kind, err)
	}
	if len(message) > MaxMessage {
		return Signed{}, fmt.Errorf("%s of %d bytes: %w: at most %d", st.Kind, len(message), ErrOversized, MaxMessage)
	}
	signature, err := key.Sign(withContext(message))
	if err != nil {
		return Signed{}, fmt.Errorf("sign a statement about %s: %w", st.Kind, err)
	}
	return Signed{Message: message, Signature: signature}, nil
}

// Verify returns the statement when all of it may be believed: it is signed by
// publicKey (an nkey that begins with A), made for host, not expired at now
// with five minutes of grace, and newer than the last one of its kind, whose
// serial lastSerial returns. Body is still JSON to be checked.
//
// Errors wrap [ErrOversized], [ErrSignature], [ErrMalformed], [ErrAddressee],
// [ErrExpired] or [ErrReplayed]. Nothing of the message is looked at before
// its signature is found to be good.
func (s Signed) Verify(publicKey string, host event.HostID, now time.Time, lastSerial func(Kind) uint64) (Statement, error) {
	if err := s.checkSignature(publicKey); err != nil {
		return Statement{}, err
	}
	st, err := parseStatement(s.Message)
	switch {
	case err != nil:
		return Statement{}, err
	case st.Host != host:
		return Statement{}, fmt.Errorf("%s for host %.40q: %w", st.Kind, st.Host, ErrAddressee)
	case !st.Expires.IsZero() && now.After(st.Expires.Add(skewAllowed)):
		return Statement{}, fmt.Errorf("%s valid until %s: %w", st.Kind, st.Expires.Format(time.RFC3339), ErrExpired)
	}
	if last := lastSerial(st.Kind); st.Serial <= last {
		return Statement{}, fmt.Errorf("%s with serial %d: %w: %d was the last", st.Kind, st.Serial, ErrReplayed, last)
	}
	return st, nil
}

func (s Signed) checkSignature(publicKey string) error {
	if len(s.Message) > MaxMessage {
		return fmt.Errorf("signed message of %d bytes: %w: at most %d", len(s.Message), ErrOversized, MaxMessage)
	}
	if !nkeys.IsValidPublicAccountKey(publicKey) {
		return fmt.Errorf("signing key %.60q is no account's nkey: %w", publicKey, ErrSignature)
	}
	key, err := nkeys.FromPublicKey(publicKey)
	if err != nil {
		return fmt.Errorf("signing key: %w: %w", ErrSignature, err)
	}
	if err := key.Verify(withContext(s.Message), s.Signature); err != nil {
		return fmt.Errorf("signed message: %w", ErrSignature)
	}
	return nil
}

func withContext(message []byte) []byte {
	return append([]byte(signedContext), message...)
}

// parseStatement decodes a statement and checks what needs no knowledge of the
// receiver.
func parseStatement(message []byte) (Statement, error) {
	var st Statement
	if err := json.Unmarshal(message, &st); err != nil {
		return Statement{}, fmt.Errorf("signed message: %w: %w", ErrMalformed, err)
	}
	switch st.Kind {
	case KindPolicy, KindBundle, KindOrder:
	default:
		return Statement{}, fmt.Errorf("statement of unknown kind %.40q: %w", st.Kind, ErrMalformed)
	}
	if !json.Valid(st.Body) {
		return Statement{}, fmt.Errorf("%s: %w: its body is not JSON", st.Kind, ErrMalformed)
	}
	return st, nil
}
