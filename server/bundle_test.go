package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/wire"
)

// testRule is a rule with a title that matches nothing real.
func testRule(title string) []byte {
	return []byte("title: " + title + `
logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: /no-such-program}
  condition: selection
level: low
`)
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRulesReachHosts fetches the operator's rules as an agent does, and again
// when they changed.
func TestRulesReachHosts(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules")
	writeFile(t, filepath.Join(rules, "x.yml"), testRule("X"))
	s, _ := startWith(t, t.TempDir(), func(c *Config) { c.Rules = []string{rules} })
	b := newBrowser(t, s)
	b.logOn(FirstAdmin, s.FirstPassword())
	a := enrol(t, b)
	down, err := a.nc.SubscribeSync(wire.Down(a.host))
	if err != nil {
		t.Fatal(err)
	}
	answer := a.fetch(wire.FetchRequest{Kind: wire.KindBundle, Name: wire.BundleRules})
	last := verify(t, s, a, answer.Data, 0)
	old := announced(t, answer.Data)
	if files := a.content(old); len(files) != 1 || string(files["rules/x.yml"]) != string(testRule("X")) {
		t.Errorf("got %q", files)
	}

	writeFile(t, filepath.Join(rules, "x.yml"), []byte("title: Broken"))
	if _, err := s.rules.Reload(t.Context()); err == nil {
		t.Error("a broken rule is taken")
	}
	writeFile(t, filepath.Join(rules, "x.yml"), testRule("Y"))
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	pushed, err := down.NextMsg(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s, a, pushed.Data, last)
	if files := a.content(announced(t, pushed.Data)); string(files["rules/x.yml"]) != string(testRule("Y")) {
		t.Errorf("got %q", files)
	}
	var c wire.Chunk
	gone := a.fetch(wire.FetchRequest{Kind: wire.KindBundle, Name: wire.BundleRules, Digest: old.Digest})
	if err := json.Unmarshal(gone.Data, &c); err != nil || !c.Gone {
		t.Errorf("the old content: %+v, %v", c, err)
	}
}

func announced(t *testing.T, data []byte) (b wire.Bundle) {
	t.Helper()
	if err := json.Unmarshal(statementIn(t, data).Body, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func (a *agent) fetch(r wire.FetchRequest) *nats.Msg {
	a.t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		a.t.Fatal(err)
	}
	answer, err := a.nc.Request(wire.Up(a.host, wire.Fetch), data, time.Minute)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer
}

// content fetches what was announced.
func (a *agent) content(b wire.Bundle) map[string][]byte {
	a.t.Helper()
	var content []byte
	for int64(len(content)) < b.Size {
		var c wire.Chunk
		answer := a.fetch(wire.FetchRequest{Kind: wire.KindBundle, Name: b.Name, Digest: b.Digest, Offset: int64(len(content))})
		if err := json.Unmarshal(answer.Data, &c); err != nil || c.Gone || len(c.Data) == 0 {
			a.t.Fatalf("chunk at %d: %v, %v", len(content), c.Gone, err)
		}
		content = append(content, c.Data...)
	}
	files, err := wire.DecodeBundle(content)
	if err != nil || wire.Digest(content) != b.Digest {
		a.t.Fatalf("%v, digest %s", err, wire.Digest(content))
	}
	return files
}
