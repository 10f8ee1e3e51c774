package contexts_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/cli/contexts"
)

func TestSavedContextsComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "contexts.yaml")
	f, err := contexts.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Get(""); !errors.Is(err, contexts.ErrNone) {
		t.Errorf("an empty file has a current context: %v", err)
	}
	local := contexts.Context{Server: "https://localhost:8443", User: "admin", Token: "hft_secret", TokenID: "t1"}
	for _, name := range []string{"local", "other"} {
		if err := f.Set(name, local); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Use("local"), f.Save()); err != nil {
		t.Fatal(err)
	}
	back, err := contexts.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	name, got, err := back.Get("")
	if err != nil || name != "local" || cmp.Diff(local, got) != "" {
		t.Errorf("got %q, %+v, %v", name, got, err)
	}
	if _, _, err := back.Get("third"); !errors.Is(err, contexts.ErrUnknown) || !strings.Contains(err.Error(), "local, other") {
		t.Errorf("an unknown context: %v", err)
	}
	back.Drop("local")
	if _, _, err := back.Get(""); !errors.Is(err, contexts.ErrUnchosen) || !strings.Contains(err.Error(), "other") {
		t.Errorf("a dropped context is still current: %v", err)
	}
	back.Drop("other")
	if _, _, err := back.Get(""); !errors.Is(err, contexts.ErrNone) {
		t.Errorf("without a context: %v", err)
	}
}

func TestOthersMustNotReadIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file modes say nothing on Windows")
	}
	path := filepath.Join(t.TempDir(), "contexts.yaml")
	f, err := contexts.Load(path)
	if err == nil {
		err = f.Save()
	}
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := contexts.Load(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others may read: %v", err)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key": "currant: x\n",
		"not https":   "contexts: {a: {server: 'http://h:1', user: u, token: t}}\n",
		"bad name":    "contexts: {'a/b': {server: 'https://h:1', user: u, token: t}}\n",
		"bad pin":     "contexts: {a: {server: 'https://h:1', user: u, token: t, pin: abcd}}\n",
		"no yaml":     "{",
	} {
		path := filepath.Join(t.TempDir(), "contexts.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := contexts.Load(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckServer(t *testing.T) {
	for given, want := range map[string]string{
		"web-1":                   "https://web-1:8443",
		"https://web-1":           "https://web-1:8443",
		"https://web-1:443/":      "https://web-1:443",
		"[::1]:9000":              "https://[::1]:9000",
		"http://web-1":            "",
		"https://u:p@web-1":       "",
		"https://web-1/somewhere": "",
		"https://":                "",
	} {
		got, err := contexts.CheckServer(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", given, got, err, want)
		}
	}
}
