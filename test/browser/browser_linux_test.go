// Package browser_test walks through the console in Chromium, against a real
// server with a real agent. The walk itself is web/e2e/tour.mjs.
package browser_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

const (
	// patience is how long a program may take to be up, on the slowest machine.
	patience = time.Minute
	// walk is how long the walk may take there.
	walk = 15 * time.Minute

	root = "../.."
)

func TestTour(t *testing.T) {
	hosttest.Root(t)
	node, chromium := hosttest.Program(t, "node"), hosttest.Program(t, "chromium")
	bin := build(t)
	hosttest.LockAudit(t)

	url, password := serve(t, bin)
	protect(t, bin, url, password)

	ctx, cancel := context.WithTimeout(t.Context(), walk)
	defer cancel()
	failure := filepath.Join(t.TempDir(), "failure.png")
	cmd := exec.CommandContext(ctx, node, "e2e/tour.mjs")
	cmd.Dir = filepath.Join(root, "web")
	cmd.Env = append(os.Environ(), "HOLDFAST_URL="+url, "HOLDFAST_USER=admin", "HOLDFAST_PASSWORD="+password, "CHROMIUM="+chromium, "HOLDFAST_FAILURE="+failure)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the walk through the console: %v", err)
	}
}

// serve starts a server on free ports and returns its address and the first
// administrator's password.
func serve(t *testing.T, bin string) (url, password string) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "server")
	config := filepath.Join(t.TempDir(), "server.yaml")
	text := fmt.Sprintf("data_dir: %s\nlisten: 127.0.0.1:0\nstream_listen: 127.0.0.1:0\nnames: [127.0.0.1]\n", data)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, exec.Command(filepath.Join(bin, "holdfast-server"), "run", "--config", config))
	url = p.await(t, regexp.MustCompile(`msg="the server is up" console=(\S+)`))
	secret, err := os.ReadFile(filepath.Join(data, "first-password"))
	if err != nil {
		t.Fatal(err)
	}
	return url, strings.TrimSpace(string(secret))
}

// protect enrols this machine, starts its agent, and waits until the server has
// heard of it and stored its events. How well the host is depends on the machine.
func protect(t *testing.T, bin, url, password string) {
	t.Helper()
	// Nobody but this test's server listens there.
	c, err := client.New(client.Options{Server: url, TLS: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSession(t.Context(), api.Credentials{Name: "admin", Password: password}); err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateEnrollToken(t.Context(), api.NewEnrollToken{Note: "this machine", MaxUses: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	state, run := filepath.Join(dir, "state"), filepath.Join(dir, "run")
	enrol := exec.Command(filepath.Join(bin, "holdfast-agent"), "enroll", "-", "--state-dir", state)
	enrol.Stdin = strings.NewReader(made.Secret + "\n")
	if out, err := enrol.CombinedOutput(); err != nil {
		t.Fatalf("enroll: %v\n%s", err, out)
	}
	config := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "state_dir: %s\nrun_dir: %s\n", state, run), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, exec.Command(filepath.Join(bin, "holdfast-agent"), "run", "--config", config))
	eventually(t, "the server has stored events of the host", func() bool {
		o, err := c.GetOverview(t.Context())
		return err == nil && o.Hosts.Healthy+o.Hosts.Degraded == 1 && o.Ledger.Stored > 0
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be: %s", what)
		}
	}
}
