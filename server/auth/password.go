package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/holdfast-security/holdfast/account"
)

// Bounds of passwords.
const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes
)

// CheckPassword says what is wrong with a password that somebody chose for the
// user with the given name. The error wraps [account.ErrInvalid] and does not
// repeat the password.
func CheckPassword(name, password string) error {
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: the password is not text in UTF-8", account.ErrInvalid)
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Errorf("%w: the password is shorter than %d characters", account.ErrInvalid, minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("%w: the password is longer than %d bytes", account.ErrInvalid, maxPassword)
	case strings.EqualFold(password, name):
		return fmt.Errorf("%w: the password is the user's name", account.ErrInvalid)
	}
	return nil
}

// parameters are those of argon2id.
type parameters struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// standard are the parameters of new hashes: the first recommendation of
// OWASP's password storage cheat sheet with two passes.
var standard = parameters{memory: 19 << 10, time: 2, threads: 1}

// Sizes of new hashes, in bytes.
const (
	saltSize = 16
	keySize  = 32
)

// Bounds of hashes that are read from the store, so that a damaged one cannot
// take the server's memory or time.
const (
	maxMemory  = 256 << 10 // KiB
	maxTime    = 16
	maxThreads = 16
	maxField   = 128 // bytes of salt and of key
)

// hasher makes and checks password hashes, few at a time because each takes
// memory and a processor.
type hasher struct {
	parameters
	slots chan struct{} // one for each hash under way
	queue chan struct{} // one for each that is under way or waits
	decoy string        // hash of nobody's password
}

// maxHashes are under way at once, maxWaiting more may wait.
const (
	maxHashes  = 2
	maxWaiting = 64
)

var errBusy = errors.New("too many logons at the same time")

func newHasher(p parameters) *hasher {
	h := &hasher{parameters: p, slots: make(chan struct{}, maxHashes), queue: make(chan struct{}, maxHashes+maxWaiting)}
	h.decoy = encode(p, make([]byte, saltSize), make([]byte, keySize))
	return h
}

// hash returns the encoded hash of a password, in the PHC string format.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, h.time, h.memory, h.threads, keySize)
	return encode(h.parameters, salt, key), nil
}

// verify reports whether the password is the one of the encoded hash. With ""
// as the hash it takes the same time and reports false.
func (h *hasher) verify(ctx context.Context, encoded, password string) (bool, error) {
	known := encoded != ""
	if !known {
		encoded = h.decoy
	}
	p, salt, want, err := decode(encoded)
	if err != nil {
		return false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

// dated reports whether the encoded hash has other parameters than new ones.
func (h *hasher) dated(encoded string) bool {
	p, _, _, err := decode(encoded)
	return err == nil && p != h.parameters
}

func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.queue <- struct{}{}:
	default:
		return fmt.Errorf("%w: %w", account.ErrThrottled, errBusy)
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-h.queue
		return ctx.Err()
	}
}

func (h *hasher) leave() {
	<-h.slots
	<-h.queue
}

// encode returns a hash in the PHC string format:
// $argon2id$v=19$m=19456,t=2,p=1$salt$key, base64 without padding.
func encode(p parameters, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

var errHash = errors.New("password hash is not one of argon2id in the PHC format")

// decode reads what encode writes, within bounds.
func decode(encoded string) (p parameters, salt, key []byte, err error) {
	part := strings.Split(encoded, "$")
	if len(encoded) > 1024 || len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return p, nil, nil, errHash
	}
	values := strings.Split(part[3], ",")
	if len(values) != 3 {
		return p, nil, nil, errHash
	}
	var n [3]uint64
	for i, bound := range []struct {
		name string
		most uint64
	}{{"m=", maxMemory}, {"t=", maxTime}, {"p=", maxThreads}} {
		text, ok := strings.CutPrefix(values[i], bound.name)
		if n[i], err = strconv.ParseUint(text, 10, 32); !ok || err != nil || n[i] == 0 || n[i] > bound.most {
			return p, nil, nil, errHash
		}
	}
	p = parameters{memory: uint32(n[0]), time: uint32(n[1]), threads: uint8(n[2])}
	if salt, err = field(part[4]); err != nil {
		return p, nil, nil, err
	}
	if key, err = field(part[5]); err != nil {
		return p, nil, nil, err
	}
	return p, salt, key, nil
}

func field(text string) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 8 || len(b) > maxField {
		return nil, errHash
	}
	return b, nil
}
