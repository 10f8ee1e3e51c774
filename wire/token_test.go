package wire_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/wire"
)

func goodToken() wire.Token {
	return wire.Token{
		Servers: []string{"https://holdfast.example:8443", "https://[2001:db8::1]"},
		Pin:     strings.Repeat("0a", 32), Secret: "s3cret-_.~",
	}
}

func TestTokenSurvivesItsText(t *testing.T) {
	text, err := goodToken().Format()
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r)
	}) {
		t.Errorf("%q needs quotes in a shell", text)
	}
	got, err := wire.ParseToken(" " + text + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goodToken(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTokenRefuses(t *testing.T) {
	for name, change := range map[string]func(*wire.Token){
		"no server":        func(t *wire.Token) { t.Servers = nil },
		"too many servers": func(t *wire.Token) { t.Servers = make([]string, 9) },
		"plain HTTP":       func(t *wire.Token) { t.Servers[0] = "http://holdfast.example" },
		"no host":          func(t *wire.Token) { t.Servers[0] = "https://:8443" },
		"a user":           func(t *wire.Token) { t.Servers[0] = "https://root@holdfast.example" },
		"a path":           func(t *wire.Token) { t.Servers[0] = "https://holdfast.example/x" },
		"a query":          func(t *wire.Token) { t.Servers[0] = "https://holdfast.example?x" },
		"a line break":     func(t *wire.Token) { t.Servers[0] = "https://holdfast.example\n" },
		"a short pin":      func(t *wire.Token) { t.Pin = "0a" },
		"an upper-case pin": func(t *wire.Token) {
			t.Pin = strings.Repeat("0A", 32)
		},
		"no secret":           func(t *wire.Token) { t.Secret = "" },
		"a long secret":       func(t *wire.Token) { t.Secret = strings.Repeat("x", 257) },
		"a secret with space": func(t *wire.Token) { t.Secret = "a b" },
	} {
		t.Run(name, func(t *testing.T) {
			token := goodToken()
			change(&token)
			if _, err := token.Format(); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("formatted: %v", err)
			}
		})
	}
}

func TestParseTokenRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          "",
		"another prefix": "hfe2.e30",
		"half":           "hfe1.eyJ1Ijpb",
		"padding":        "hfe1.e30=",
		"no JSON":        "hfe1." + base64.RawURLEncoding.EncodeToString([]byte("secret")),
		"nothing in it":  "hfe1.e30",
		"huge":           "hfe1." + strings.Repeat("A", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.ParseToken(text)
			if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrOversized) {
				t.Fatalf("parsed: %v", err)
			}
			if body, _ := strings.CutPrefix(text, "hfe1."); len(body) > 8 && strings.Contains(err.Error(), body) {
				t.Error("the error repeats the token")
			}
		})
	}
}

func FuzzParseToken(f *testing.F) {
	text, err := goodToken().Format()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("hfe1.e30")
	f.Add("hfe1.")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := wire.ParseToken(text)
		if err != nil {
			return
		}
		again, err := token.Format()
		if err != nil {
			t.Fatalf("an accepted token has no text: %v", err)
		}
		if back, err := wire.ParseToken(again); err != nil || !cmp.Equal(token, back) {
			t.Errorf("%+v became %+v, %v", token, back, err)
		}
	})
}
