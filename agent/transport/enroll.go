package transport

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"time"

	"github.com/holdfast-security/holdfast/agent/identity"
	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/wire"
)

const (
	enrollPath     = "/api/v1/enroll"
	enrollPatience = 30 * time.Second // for one server
	maxReason      = 300              // columns shown of a server's reason
	skewWorth      = 5 * time.Minute  // difference of clocks worth a word
	proofContext   = "holdfast enroll\x00"
)

// ErrRefused says that the server was reached and does not want this host.
var ErrRefused = errors.New("the server refuses the enrolment")

// Enrollment is what a host says of itself when it enrols.
type Enrollment struct {
	Token     wire.Token
	Servers   []string // base URLs to use instead of the token's; nil for the token's
	Hostname  string
	MachineID string
	Agent     string       // version of the agent
	Log       *slog.Logger // nil discards
}

// Enroll makes a key, shows it to a server with the token's secret, and returns
// what makes this agent the host's; keeping it is the caller's. Servers are
// tried in order until one answers. An error is one sentence for people, wraps
// [ErrRefused] when a server said no, and never holds the secret.
func Enroll(ctx context.Context, e Enrollment) (identity.Identity, error) {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	seed, err := identity.NewSeed()
	if err != nil {
		return identity.Identity{}, err
	}
	body, err := e.request(seed)
	if err != nil {
		return identity.Identity{}, err
	}
	servers := e.Servers
	if len(servers) == 0 {
		servers = e.Token.Servers
	}
	var failures []error
	for _, server := range servers {
		reply, err := e.ask(ctx, server, body)
		if err == nil {
			return accept(reply, seed, server)
		}
		failures = append(failures, err)
		if errors.Is(err, ErrRefused) || ctx.Err() != nil {
			break
		}
	}
	return identity.Identity{}, errors.Join(failures...)
}

func (e Enrollment) request(seed string) ([]byte, error) {
	public, err := identity.PublicKey(seed)
	if err != nil {
		return nil, err
	}
	proof, err := identity.Sign(seed, []byte(proofContext+e.Token.Secret))
	if err != nil {
		return nil, err
	}
	return json.Marshal(wire.EnrollRequest{
		Version: wire.Version, Token: e.Token.Secret, PublicKey: public, Proof: proof, Hostname: e.Hostname,
		MachineID: e.MachineID, OS: runtime.GOOS, Arch: runtime.GOARCH, Agent: e.Agent,
	})
}

// ask sends the request to one server and returns its bounded answer.
func (e Enrollment) ask(ctx context.Context, server string, body []byte) (wire.EnrollReply, error) {
	var reply wire.EnrollReply
	u, err := url.Parse(server)
	if err != nil {
		return reply, fmt.Errorf("the server's address: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, enrollPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath(enrollPath).String(), bytes.NewReader(body))
	if err != nil {
		return reply, err
	}
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{
		TLSClientConfig: pinned(e.Token.Pin, u.Hostname()), DisableKeepAlives: true, MaxResponseHeaderBytes: wire.MaxMessage,
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return reply, explain(server, err)
	}
	defer response.Body.Close()
	e.checkClock(response)
	data, err := io.ReadAll(io.LimitReader(response.Body, wire.MaxMessage+1))
	switch {
	case err != nil:
		return reply, explain(server, err)
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		return reply, refusal(server, response.StatusCode, data)
	case len(data) > wire.MaxMessage:
		return reply, fmt.Errorf("%s answers with more than %d bytes, which no Holdfast server does: %w", server, wire.MaxMessage, wire.ErrOversized)
	}
	if err := json.Unmarshal(data, &reply); err != nil {
		return reply, fmt.Errorf("%s does not answer as a Holdfast server; check the address: %w", server, wire.ErrMalformed)
	}
	return reply, nil
}

// checkClock warns of clocks that differ: signed orders expire by this host's.
func (e Enrollment) checkClock(response *http.Response) {
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return
	}
	if skew := time.Until(theirs); skew.Abs() > skewWorth {
		e.Log.Warn("the clocks of this host and of the server differ; set them, or orders will be refused as expired",
			"server_ahead", skew.Round(time.Second))
	}
}

// refusal turns an HTTP answer that is no success into a sentence. What the
// server says is shown bounded and printable: it may not be a Holdfast server.
func refusal(server string, status int, body []byte) error {
	var problem struct {
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal(body, &problem) // without it the status has to do
	reason := termtext.Bound(problem.Detail, maxReason)
	if reason != "" {
		reason = ": " + reason
	}
	switch {
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%s has had too many attempts to enrol; wait a minute and try again%s", server, reason)
	case reason == "" && (status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusGone):
		return fmt.Errorf("%w: the token is wrong, has expired, was used up or was withdrawn; ask for a new one", ErrRefused)
	case status >= 300 && status < 400, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return fmt.Errorf("%s is no Holdfast server (status %d); check the address", server, status)
	case status >= 400 && status < 500:
		return fmt.Errorf("%w%s", ErrRefused, cmp.Or(reason, fmt.Sprintf(" (status %d)", status)))
	}
	return fmt.Errorf("%s cannot enrol hosts at the moment (status %d); look at its log%s", server, status, reason)
}

// accept turns the reply into an identity, and into an error where it is none.
func accept(reply wire.EnrollReply, seed, server string) (identity.Identity, error) {
	id := identity.Identity{
		Host: reply.Host, Seed: seed, Credential: reply.Credential, Server: server, Streams: reply.Streams,
		CA: reply.CA, SigningKey: reply.SigningKey, Enrolled: time.Now().UTC().Truncate(time.Second),
	}
	if err := id.Validate(); err != nil {
		return identity.Identity{}, fmt.Errorf("the answer of %s cannot be used: %w", server, err)
	}
	return id, nil
}
