package up

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/contexts"
	"github.com/holdfast-security/holdfast/cli/remote"
	"github.com/holdfast-security/holdfast/internal/atomicfile"
)

const (
	startPatience = 2 * time.Minute // for the server to be ready
	readyGap      = 100 * time.Millisecond
	logName       = "up.log"
	contextName   = "local"
)

// Options say where things lie and listen. Empty ones take the defaults of
// server and agent.
type Options struct {
	Server  string   // data directory of the server
	Agent   string   // state directory of the agent
	Run     string   // directory of the agent's control socket
	Listen  string   // address of console and API; "" means :8443
	Stream  string   // address that agents connect to; "" means :4222
	Names   []string // names and addresses of this machine for others; nil finds them
	Console bool     // the server alone, without an agent on this machine

	Out    io.Writer    // what a person is told
	Notice func(string) // trouble, a sentence each
}

// Run runs server and agent until ctx ends, and then stops both in order.
func Run(ctx context.Context, o Options) (err error) {
	if err := o.complete(); err != nil {
		return err
	}
	if err := o.alone(ctx); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(o.Server, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	stopping := context.WithoutCancel(ctx) // children end in order, not all at once
	server, err := o.startServer(stopping, log)
	if err != nil {
		return err
	}
	defer server.Stop()
	entry, password, err := o.awaitServer(ctx, server)
	if err != nil {
		return err
	}
	host := ""
	if !o.Console {
		agent, err := o.startAgent(ctx, entry, log)
		if err != nil {
			return err
		}
		defer agent.Stop()
		if id, err := identity.Load(o.Agent); err == nil {
			host = string(id.Host)
		}
	}
	_, _ = io.WriteString(o.Out, o.welcome(entry, password, host))
	<-ctx.Done()
	_, _ = io.WriteString(o.Out, "\nStopping.\n")
	return nil
}

func (o *Options) complete() error {
	for _, dir := range []*string{&o.Server, &o.Agent, &o.Run} {
		var err error
		if *dir, err = filepath.Abs(*dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.Server, 0o700); err != nil {
		return fmt.Errorf("make the server's data directory: %w", err)
	}
	if err := o.checkAddresses(); err != nil {
		return err
	}
	if o.Names == nil {
		o.Names = o.names()
	}
	return nil
}

// startServer writes the server's configuration and starts it.
func (o *Options) startServer(ctx context.Context, log io.Writer) (*Child, error) {
	program, err := Program("holdfast-server")
	if err != nil {
		return nil, err
	}
	config := map[string]any{"data_dir": o.Server, "names": o.Names}
	if o.Listen != "" {
		config["listen"] = o.Listen
	}
	if o.Stream != "" {
		config["stream_listen"] = o.Stream
	}
	path := filepath.Join(o.Server, "up.yaml")
	if err := writeYAML(path, config); err != nil {
		return nil, err
	}
	return Start(ctx, program, []string{"run", "--config", path}, log, o.Notice)
}

func writeYAML(path string, v any) error {
	data, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return atomicfile.Write(path, data)
}

// awaitServer waits until the server is ready and returns a way in, and the
// first password as long as it is the right one. A server that ends before
// that is an error with its own words.
func (o *Options) awaitServer(ctx context.Context, server *Child) (contexts.Context, string, error) {
	deadline := time.Now().Add(startPatience)
	for {
		entry, err := o.probe(ctx)
		if err == nil {
			return o.logIn(ctx, entry)
		}
		switch {
		case ctx.Err() != nil:
			return entry, "", ctx.Err()
		case server.Restarts() > 0:
			return entry, "", errors.New(server.Said())
		case time.Now().After(deadline):
			return entry, "", fmt.Errorf("the server is not ready after %s: %w; its log is %s", startPatience, err, filepath.Join(o.Server, logName))
		}
		select {
		case <-ctx.Done():
		case <-time.After(readyGap):
		}
	}
}

// probe asks the server whether it is ready, trusting its own authority only.
func (o *Options) probe(ctx context.Context) (contexts.Context, error) {
	entry := contexts.Context{Server: o.url()}
	var err error
	if entry.Pin, err = pin(filepath.Join(o.Server, "keys", "ca.pem")); err != nil {
		return entry, err
	}
	trust, err := client.Pinned(entry.Pin)
	if err != nil {
		return entry, err
	}
	transport := &http.Transport{TLSClientConfig: trust}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, entry.Server+"/readyz", nil)
	if err != nil {
		return entry, err
	}
	answer, err := (&http.Client{Transport: transport, Timeout: readyGap * 20}).Do(request)
	if err != nil {
		return entry, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, maxSaid))
		return entry, fmt.Errorf("it says %s", strings.TrimSpace(string(said)))
	}
	return entry, nil
}

// pin returns the SHA-256 of the public key of the first certificate in a PEM
// file.
func pin(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
		return hex.EncodeToString(sum[:]), nil
	}
	return "", fmt.Errorf("%s holds no certificate", path)
}

// logIn returns the context with an API token: the one kept from the last
// time, or a new one made with the first password, which is kept.
func (o *Options) logIn(ctx context.Context, entry contexts.Context) (contexts.Context, string, error) {
	password, err := o.firstPassword()
	if err != nil {
		return entry, "", err
	}
	path, err := contexts.DefaultPath()
	if err != nil {
		return entry, password, err
	}
	file, err := contexts.Load(path)
	if err != nil {
		return entry, password, err
	}
	if kept := file.Contexts[contextName]; kept.Server == entry.Server && kept.Pin == entry.Pin && usable(ctx, kept) {
		return kept, password, nil
	}
	if password == "" {
		return entry, "", nil // a person has to log in
	}
	if entry, err = remote.Token(ctx, entry, "admin", password); err != nil {
		return entry, password, err
	}
	return entry, password, errors.Join(file.Set(contextName, entry), file.Save())
}

// usable reports whether the server takes the context's token.
func usable(ctx context.Context, entry contexts.Context) bool {
	c, err := remote.Dial(entry)
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.GetOverview(ctx)
	return err == nil
}

// firstPassword returns the password that the server made for its first
// administrator, "" once it was changed.
func (o *Options) firstPassword() (string, error) {
	data, err := os.ReadFile(filepath.Join(o.Server, "first-password"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the first password: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// startAgent enrols this machine where it is not, and starts its agent.
func (o *Options) startAgent(ctx context.Context, entry contexts.Context, log io.Writer) (*Child, error) {
	program, err := Program("holdfast-agent")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Agent, 0o700); err != nil {
		return nil, fmt.Errorf("make the agent's state directory: %w", err)
	}
	if _, err := identity.Load(o.Agent); errors.Is(err, identity.ErrNotEnrolled) {
		if err := o.enroll(ctx, program, entry); err != nil {
			return nil, fmt.Errorf("enrol this machine: %w", err)
		}
	} else if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Server, "up-agent.yaml")
	if err := writeYAML(path, map[string]any{"state_dir": o.Agent, "run_dir": o.Run}); err != nil {
		return nil, err
	}
	return Start(context.WithoutCancel(ctx), program, []string{"run", "--config", path}, log, o.Notice)
}

func (o *Options) enroll(ctx context.Context, program string, entry contexts.Context) error {
	if entry.Token == "" {
		return errors.New("the first password was changed; run holdfast login with your own, then holdfast enroll-token")
	}
	c, err := remote.Dial(entry)
	if err != nil {
		return err
	}
	defer c.Close()
	made, err := c.CreateEnrollToken(ctx, api.NewEnrollToken{Note: "holdfast up", MaxUses: 1})
	if err != nil {
		return err
	}
	return Once(ctx, strings.NewReader(made.Secret), program, "enroll", "-", "--state-dir", o.Agent)
}

// welcome is what a person needs to go on.
func (o *Options) welcome(entry contexts.Context, password, host string) string {
	var b strings.Builder
	b.WriteString("\nHoldfast is up. Ctrl-C ends it.\n\n")
	row := func(name, text string) { fmt.Fprintf(&b, "  %-10s %s\n", name, text) }
	row("console", entry.Server)
	if password != "" {
		row("user", "admin")
		row("password", password)
		row("", "change it when you have logged on; until then it stands in "+filepath.Join(o.Server, "first-password"))
	} else {
		row("user", "as before; holdfast-server admin reset-password sets a lost password anew")
	}
	row("", "the browser warns of the certificate until it has imported "+filepath.Join(o.Server, "ca.crt"))
	row("pin", entry.Pin+" (SHA-256 of the authority's key in it, for holdfast login --pin)")
	if host != "" {
		row("this host", host)
	}
	row("join", "holdfast enroll-token prints the line with which another machine joins")
	row("terminal", "holdfast alerts watch shows alerts here")
	row("log", filepath.Join(o.Server, logName))
	return b.String()
}
