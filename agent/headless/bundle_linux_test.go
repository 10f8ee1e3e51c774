package headless

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

// answerFetch answers questions for the bundle; there is no policy.
func (f *fakeServer) answerFetch(m *nats.Msg) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := wire.ParseFetch(m.Data)
	if err != nil || r.Kind == wire.KindPolicy || f.bundle == nil {
		return
	}
	if r.Digest == "" {
		_ = m.Respond(f.announcement())
		return
	}
	c := wire.Chunk{Digest: r.Digest, Offset: r.Offset, Gone: r.Digest != wire.Digest(f.bundle)}
	if !c.Gone {
		c.Data = f.bundle[r.Offset:min(int64(len(f.bundle)), r.Offset+wire.MaxChunk)]
	}
	data, _ := json.Marshal(c)
	_ = m.Respond(data)
}

// announcement needs mu.
func (f *fakeServer) announcement() []byte {
	return f.sign(wire.KindBundle, f.serial, wire.Bundle{Name: wire.BundleRules, Size: int64(len(f.bundle)), Digest: wire.Digest(f.bundle)})
}

// share makes files the bundle of rules, announces it and returns its digest.
func (f *fakeServer) share(files map[string][]byte) string {
	f.t.Helper()
	content, err := wire.EncodeBundle(files)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bundle = content
	f.serial++
	if err := f.conn.Publish(wire.Down(testHost), f.announcement()); err != nil {
		f.t.Fatal(err)
	}
	_ = f.conn.Flush()
	return wire.Digest(content)
}

// markRule is a rule that finds a command line with a mark in it.
func markRule(title, mark string) []byte {
	return fmt.Appendf(nil, `title: %s
logsource: {product: linux, category: process_creation}
detection:
  selection: {CommandLine|contains: %s}
  condition: selection
level: high
`, title, mark)
}

// mark starts a program that the rule finds, long enough for the sensor to see
// it.
func mark(t *testing.T, text string) {
	t.Helper()
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "sleep 1.1 # " + text}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestRulesOfTheServer detects with rules of the server on an enrolled host.
func TestRulesOfTheServer(t *testing.T) {
	t.Parallel()
	f, p := newFakeServer(t), newPlace(t)
	command(t, exitDone, "enroll", f.token, "--state-dir", p.state)
	output := filepath.Join(t.TempDir(), "alerts.json")
	withOutput := func(cfg *Config, _ *tempo) { cfg.Output = output }
	found := func(title string) bool {
		data, _ := os.ReadFile(output)
		return strings.Contains(string(data), title)
	}
	inForce := func() string { return f.heartbeat().Bundles[wire.BundleRules] }

	first := f.share(map[string][]byte{"rules/one.yml": markRule("First of the server", "hf-first-mark")})
	stop := p.start(t, withOutput)
	eventually(t, "the rules are in force", func() bool { return inForce() == first })
	eventually(t, "a rule of the server finds something", func() bool {
		mark(t, "hf-first-mark")
		return found("First of the server")
	})

	f.share(map[string][]byte{"rules/one.yml": markRule("Good", "x"), "rules/two.yml": []byte("title: Broken\n")})
	eventually(t, "broken rules are refused whole, in words", func() bool {
		last := transportOf(f.heartbeat())
		return len(last.Warnings) == 1 && last.Warnings[0].Code == "bundle-refused" && strings.Contains(last.Warnings[0].Text, "bundle:rules/two.yml")
	})
	if got := inForce(); got != first {
		t.Errorf("in force is %q", got)
	}
	second := f.share(map[string][]byte{"rules/one.yml": markRule("Second of the server", "hf-second-mark")})
	eventually(t, "new rules are in force", func() bool { return inForce() == second && len(transportOf(f.heartbeat()).Warnings) == 0 })
	if text := command(t, exitDone, "status", "--run-dir", p.run); !strings.Contains(text, "and the server's, "+second[:12]) {
		t.Errorf("status says:\n%s", text)
	}
	stop()

	f.mu.Lock()
	f.bundle = nil // the server has none to give
	f.mu.Unlock()
	stop = p.start(t, withOutput)
	eventually(t, "the rules are in force after a restart", func() bool { return p.rules(t) == second })
	eventually(t, "a kept rule finds something", func() bool {
		mark(t, "hf-second-mark")
		return found("Second of the server")
	})
	stop()
	command(t, exitDone, "unenroll", "--force", "--state-dir", p.state, "--run-dir", p.run)
	if _, err := os.Stat(filepath.Join(p.state, "bundles")); !os.IsNotExist(err) {
		t.Errorf("bundles are left: %v", err)
	}
}

// rules returns the digest of the server's rules that are in force.
func (p place) rules(t *testing.T) string {
	t.Helper()
	s := p.status(t).Server
	if s == nil || s.Rules == nil {
		return ""
	}
	return s.Rules.InForce
}

func transportOf(beat fleet.Heartbeat) fleet.Feature {
	if n := len(beat.Features); n > 0 {
		return beat.Features[n-1]
	}
	return fleet.Feature{}
}

// TestWithoutOutputNothingIsFetched announces rules to an agent that has no use
// for them.
func TestWithoutOutputNothingIsFetched(t *testing.T) {
	t.Parallel()
	f, p := newFakeServer(t), newPlace(t)
	command(t, exitDone, "enroll", f.token, "--state-dir", p.state)
	p.start(t)
	eventually(t, "a heartbeat comes", func() bool { return f.heartbeat().Kernel != "" })
	f.share(map[string][]byte{"rules/one.yml": markRule("One", "x")})
	eventually(t, "the announcement is counted", func() bool {
		for _, c := range transportOf(f.heartbeat()).Counters {
			if c.Name == "messages_unsupported" {
				return true
			}
		}
		return false
	})
	if b := f.heartbeat().Bundles; b != nil {
		t.Errorf("in force: %v", b)
	}
}

// TestRawRecordsForRulesOfTheServer starts the sensors anew for rules that look
// at raw records.
func TestRawRecordsForRulesOfTheServer(t *testing.T) {
	t.Parallel()
	f, p := newFakeServer(t), newPlace(t)
	command(t, exitDone, "enroll", f.token, "--state-dir", p.state)
	p.start(t, func(cfg *Config, _ *tempo) { cfg.Output = filepath.Join(t.TempDir(), "alerts.json") })
	eventually(t, "a heartbeat comes", func() bool { return f.heartbeat().Kernel != "" })
	var began time.Time
	eventually(t, "the sensor runs", func() bool {
		began = sensorOf(f.heartbeat()).Since
		return !began.IsZero()
	})
	digest := f.share(map[string][]byte{"rules/raw.yml": []byte(`title: Raw
logsource: {product: linux, service: auditd}
detection:
  selection: {type: SYSCALL, key: no-such-key}
  condition: selection
level: low
`)})
	eventually(t, "the rules are in force", func() bool { return f.heartbeat().Bundles[wire.BundleRules] == digest })
	eventually(t, "the sensors began anew", func() bool {
		return sensorOf(f.heartbeat()).Since.After(began)
	})
}

// sensorOf returns the health of the sensor that the tests run.
func sensorOf(beat fleet.Heartbeat) fleet.Feature {
	for _, f := range beat.Features {
		if f.Name == "procfs" {
			return f
		}
	}
	return fleet.Feature{}
}
