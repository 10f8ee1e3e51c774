package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// tokenPrefix begins every enrolment token: what it is, and its version.
const tokenPrefix = "hfe1."

// Bounds of an enrolment token.
const (
	maxToken   = 4 << 10 // bytes of its text
	maxServers = 8
	maxSecret  = 256
	pinBytes   = 32 // SHA-256
)

// Token is an enrolment token as people are given it: where the server is, how
// to know that it is the right one, and the secret that lets a host in. It is
// a secret as a whole; never log it.
type Token struct {
	Servers []string // base URLs of the server's HTTPS side, at least one, tried in order: https://host:port
	Pin     string   // SHA-256 of the CA's SubjectPublicKeyInfo, lower-case hex
	Secret  string   // printable ASCII without spaces, at most 256 bytes
}

type tokenJSON struct {
	Servers []string `json:"u"`
	Pin     string   `json:"p"`
	Secret  string   `json:"s"`
}

// ParseToken reads what [Token.Format] writes. White space around the text is
// ignored, as it comes with copying. The error never repeats the token.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxToken {
		return Token{}, fmt.Errorf("the enrolment token is longer than %d bytes: %w", maxToken, ErrOversized)
	}
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return Token{}, fmt.Errorf("an enrolment token begins with %q; copy the whole token: %w", tokenPrefix, ErrMalformed)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return Token{}, fmt.Errorf("the enrolment token is damaged; copy it again: %w", ErrMalformed)
	}
	var j tokenJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return Token{}, fmt.Errorf("the enrolment token is damaged; copy it again: %w", ErrMalformed)
	}
	t := Token(j)
	return t, t.Validate()
}

// Format returns the token's text, which is safe in a shell without quotes. It
// fails where [Token.Validate] does.
func (t Token) Format() (string, error) {
	if err := t.Validate(); err != nil {
		return "", err
	}
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // keeps it short: what was parsed can be formatted
	if err := encoder.Encode(tokenJSON(t)); err != nil {
		return "", err
	}
	text := tokenPrefix + base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(data.Bytes()))
	if len(text) > maxToken {
		return "", fmt.Errorf("the enrolment token is longer than %d bytes: %w", maxToken, ErrOversized)
	}
	return text, nil
}

// Validate says what is wrong with the token.
func (t Token) Validate() error {
	if err := t.validate(); err != nil {
		return fmt.Errorf("enrolment token: %w: %w", err, ErrMalformed)
	}
	return nil
}

func (t Token) validate() error {
	if len(t.Servers) == 0 || len(t.Servers) > maxServers {
		return fmt.Errorf("it names %d servers, not 1 to %d", len(t.Servers), maxServers)
	}
	for _, server := range t.Servers {
		if err := ValidServer(server); err != nil {
			return err
		}
	}
	if pin, err := hex.DecodeString(t.Pin); err != nil || len(pin) != pinBytes || t.Pin != strings.ToLower(t.Pin) {
		return errors.New("the pin is not a SHA-256 in lower-case hex")
	}
	if t.Secret == "" || len(t.Secret) > maxSecret {
		return fmt.Errorf("the secret is not 1 to %d bytes long", maxSecret)
	}
	if strings.ContainsFunc(t.Secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the secret is not plain ASCII")
	}
	return nil
}

// ValidServer says what is wrong with the base URL of a server: it must be
// https://host or https://host:port, with nothing behind it.
func ValidServer(server string) error {
	u, err := url.Parse(server)
	switch {
	case err != nil, u.Hostname() == "", strings.ContainsFunc(server, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the server's address is not a URL such as https://holdfast.example:8443")
	case u.Scheme != "https":
		return errors.New("the server's address does not begin with https://")
	case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return errors.New("the server's address has more than a host and a port")
	}
	return nil
}
