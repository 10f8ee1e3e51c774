package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/account"
)

func TestHasher(t *testing.T) {
	ctx := context.Background()
	h := newHasher(parameters{memory: 64, time: 1, threads: 1})
	encoded, err := h.hash(ctx, password)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		encoded, password string
		want              bool
	}{
		"right":           {encoded, password, true},
		"wrong":           {encoded, password + "x", false},
		"nobody":          {"", password, false},
		"nobody, nothing": {"", "", false},
	} {
		got, err := h.verify(ctx, test.encoded, test.password)
		if err != nil || got != test.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if again, _ := h.hash(ctx, password); again == encoded {
		t.Error("two hashes share a salt")
	}
	if len(h.slots)+len(h.queue) != 0 {
		t.Error("a place is still taken")
	}
}

func TestHashesWaitInABoundedQueue(t *testing.T) {
	h := newHasher(parameters{memory: 64, time: 1, threads: 1})
	for range cap(h.queue) {
		h.queue <- struct{}{}
	}
	if _, err := h.hash(context.Background(), password); !errors.Is(err, account.ErrThrottled) {
		t.Errorf("with a full queue: %v", err)
	}
	for range cap(h.queue) {
		<-h.queue
	}
	for range maxHashes {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.hash(ctx, password); !errors.Is(err, context.Canceled) || len(h.queue) != 0 {
		t.Errorf("of a client that left: %v, %d wait", err, len(h.queue))
	}
}

func TestCheckPassword(t *testing.T) {
	for password, good := range map[string]bool{
		"":                       false,
		"elevenchars":            false,
		"twelve chars":           true,
		"zwölf Zeichen":          true,
		"\xff\xff\xff\xff234567": false,
		strings.Repeat("a", 256): true,
		strings.Repeat("a", 257): false,
		"a-user-named-so":        false,
		strings.Repeat("ä", 129): false,
	} {
		err := CheckPassword("a-user-named-so", password)
		if (err == nil) != good || (err != nil && !errors.Is(err, account.ErrInvalid)) {
			t.Errorf("%d bytes: %v", len(password), err)
		}
	}
}

// FuzzDecode reads hashes that nobody made: what is accepted is within bounds
// and written back the same.
func FuzzDecode(f *testing.F) {
	f.Add(encode(standard, make([]byte, saltSize), make([]byte, keySize)))
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=1,t=1,p=1$$")
	f.Add("$2y$10$abc")
	f.Fuzz(func(t *testing.T, encoded string) {
		p, salt, key, err := decode(encoded)
		if err != nil {
			return
		}
		if p.memory > maxMemory || p.time > maxTime || p.threads > maxThreads || len(salt) > maxField || len(key) > maxField || p.time == 0 || p.threads == 0 {
			t.Errorf("%q: %+v", encoded, p)
		}
		again := encode(p, salt, key)
		if q, s, k, err := decode(again); err != nil || q != p || string(s) != string(salt) || string(k) != string(key) {
			t.Errorf("%q is written as %q", encoded, again)
		}
	})
}
