package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

func TestBundleContent(t *testing.T) {
	for name, files := range map[string]map[string][]byte{
		"empty": {},
		"one":   {"rules/a.yml": []byte("title: a\n")},
		"many":  {"b": {}, "a/b/c d.yml": {0, 1, 2}, "a/é.yml": []byte("é"), "...": []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := EncodeBundle(files)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeBundle(content)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(files, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := EncodeBundle(got)
			if err != nil || !bytes.Equal(content, again) {
				t.Errorf("the same files gave other bytes, %v", err)
			}
		})
	}
}

func TestUnsafePathsAreRefused(t *testing.T) {
	for _, path := range []string{
		"", ".", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a/", `a\b`, `C:\x`, "C:x", "a:stream", "a\x00b", "a\nb", "\x7f",
		"\xff", "a*", "a|b", strings.Repeat("x", 241), strings.Repeat("a/", 16) + "b",
	} {
		files := map[string][]byte{path: nil}
		if _, err := EncodeBundle(files); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is encoded: %v", path, err)
		}
		content, err := cbor.Marshal(files)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeBundle(content); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is decoded: %v", path, err)
		}
	}
}

func TestHostileBundleContent(t *testing.T) {
	many := make(map[string][]byte)
	for n := range MaxBundleFiles + 1 {
		many[fmt.Sprint(n)] = nil
	}
	encode := func(v any) []byte {
		data, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"nothing":            {nil, ErrMalformed},
		"text":               {[]byte("title: a"), ErrMalformed},
		"a list":             {encode([]string{"a"}), ErrMalformed},
		"numbers":            {encode(map[int][]byte{1: nil}), ErrMalformed},
		"something behind":   {append(encode(map[string][]byte{}), 0), ErrMalformed},
		"twice the same":     {[]byte("\xa2\x61a\x40\x61a\x40"), ErrMalformed},
		"case only":          {encode(map[string][]byte{"a": nil, "A": nil}), ErrMalformed},
		"a length that lies": {[]byte("\xa1\x61a\x5a\xff\xff\xff\xff"), ErrMalformed},
		"too many that lie":  {[]byte("\xba\xff\xff\xff\xff"), ErrOversized},
		"too many":           {encode(many), ErrOversized},
		"too large":          {make([]byte, MaxBundle+1), ErrOversized},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := DecodeBundle(c.content); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if _, err := EncodeBundle(many); !errors.Is(err, ErrOversized) {
		t.Errorf("too many files are encoded: %v", err)
	}
	if _, err := EncodeBundle(map[string][]byte{"a": make([]byte, MaxBundle)}); !errors.Is(err, ErrOversized) {
		t.Errorf("too much is encoded: %v", err)
	}
}

func TestBundleAnnouncements(t *testing.T) {
	good := Bundle{Name: BundleRules, Size: 1, Digest: Digest(nil)}
	for name, c := range map[string]struct {
		change func(*Bundle)
		want   error
	}{
		"good":        {func(*Bundle) {}, nil},
		"largest":     {func(b *Bundle) { b.Size = MaxBundle }, nil},
		"too large":   {func(b *Bundle) { b.Size++; b.Size += MaxBundle }, ErrOversized},
		"empty":       {func(b *Bundle) { b.Size = 0 }, ErrMalformed},
		"negative":    {func(b *Bundle) { b.Size = -1 }, ErrMalformed},
		"no name":     {func(b *Bundle) { b.Name = "" }, ErrMalformed},
		"a path":      {func(b *Bundle) { b.Name = "../rules" }, ErrMalformed},
		"long name":   {func(b *Bundle) { b.Name = strings.Repeat("a", 33) }, ErrMalformed},
		"no digest":   {func(b *Bundle) { b.Digest = "" }, ErrMalformed},
		"upper case":  {func(b *Bundle) { b.Digest = strings.ToUpper(b.Digest) }, ErrMalformed},
		"path digest": {func(b *Bundle) { b.Digest = "../" + b.Digest[3:] }, ErrMalformed},
	} {
		b := good
		c.change(&b)
		if err := b.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestParseFetch(t *testing.T) {
	digest := Digest(nil)
	for text, want := range map[string]FetchRequest{
		"":                                 {Kind: KindPolicy},
		`{"kind":"policy","name":"/"}`:     {Kind: KindPolicy},
		`{}`:                               {Kind: KindPolicy},
		`{"kind":"bundle","name":"rules"}`: {Kind: KindBundle, Name: "rules"},
		`{"kind":"bundle","name":"rules","digest":"` + digest + `","offset":7}`: {Kind: KindBundle, Name: "rules", Digest: digest, Offset: 7},
	} {
		if got, err := ParseFetch([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"x", "[]", `{"kind":"order"}`, `{"kind":"bundle"}`, `{"kind":"bundle","name":"../rules"}`, `{"kind":"bundle","name":"rules","digest":"x"}`,
		`{"kind":"bundle","name":"rules","offset":-1}`, `{"kind":"bundle","name":"rules","offset":8388608}`, `{"offset":1e99}`,
	} {
		if _, err := ParseFetch([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if _, err := ParseFetch(make([]byte, 2000)); !errors.Is(err, ErrOversized) {
		t.Errorf("a long request: got %v", err)
	}
}

func FuzzFetch(f *testing.F) {
	f.Add([]byte(`{"kind":"bundle","name":"rules","digest":"` + Digest(nil) + `","offset":262144}`))
	f.Add([]byte(`{"kind":"policy"}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseFetch(data)
		switch {
		case err != nil:
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOversized) {
				t.Errorf("an error of no kind: %v", err)
			}
		case r.Offset < 0 || r.Offset >= MaxBundle || r.Kind == KindBundle && !validBundleName(r.Name):
			t.Errorf("accepted: %+v", r)
		}
	})
}

func FuzzBundleContent(f *testing.F) {
	good, err := EncodeBundle(map[string][]byte{"rules/a.yml": []byte("title: a"), "b": nil})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("\xa2\x61a\x40\x61a\x40"))
	f.Add([]byte("\xba\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		files, err := DecodeBundle(content)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOversized) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if _, err := EncodeBundle(files); err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
	})
}
