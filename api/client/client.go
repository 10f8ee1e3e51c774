// Package client talks to a Holdfast server over its REST interface.
//
// operations.go holds a method for each operation, generated from the OpenAPI
// document; this file holds how a request is sent. A [Client] authenticates by
// an API token or by the session that CreateSession begins, trusts the roots
// or the one certificate authority that its options name, follows no redirect,
// and returns every refusal as an [*Error].
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/api"
)

// maxAnswer bounds the bytes of an answer that is read into memory.
const maxAnswer = 64 << 20

// Options say which server and as whom.
type Options struct {
	Server string // https://host:port, without a path
	Token  string // API token; "" for none, or for a session

	// TLS is how to trust the server; see [Pinned] for a certificate
	// authority known by its fingerprint. Nil means the system's roots.
	TLS *tls.Config
	// Timeout is for a request and its answer, but not for streams; zero
	// means 30 seconds.
	Timeout time.Duration
	// Agent names the program in the server's log; "" means "holdfast".
	Agent string
}

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	options Options
	http    *http.Client

	mu   sync.Mutex // guards csrf
	csrf string     // of the session
}

// New returns a client. It sends nothing.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.Server)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("server %q is not of the form https://host:port", o.Server)
	}
	base.Path = strings.TrimSuffix(base.Path, "/") + api.Prefix
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Agent == "" {
		o.Agent = "holdfast"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	return &Client{base: base, options: o, http: &http.Client{
		Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Session returns the secret of the session's cookie and its CSRF token, to
// be kept for [Client.Resume]; "" without a session. Both are secrets.
func (c *Client) Session() (cookie, csrf string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.http.Jar.Cookies(c.base) {
		if k.Name == api.SessionCookie {
			return k.Value, c.csrf
		}
	}
	return "", ""
}

// Resume continues a session that [Client.Session] returned.
func (c *Client) Resume(cookie, csrf string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.csrf = csrf
	c.http.Jar.SetCookies(c.base, []*http.Cookie{{
		Name: api.SessionCookie, Value: cookie, Path: "/", Secure: c.base.Scheme == "https", HttpOnly: true,
	}})
}

// Error is a refusal by the server.
type Error struct {
	api.Problem
	After time.Duration // when to try again; zero when the server does not say
}

// Error returns the server's sentence.
func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = strconv.Itoa(e.Status) + " " + e.Title
	}
	for _, f := range e.Errors {
		text += "; " + f.Location + ": " + f.Message
	}
	return text
}

// Status returns the HTTP status of an error of this package, or zero when
// err is none of the server's.
func Status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// call is a request in the making.
type call struct {
	method, path string
	query        url.Values
	body         any
	ifMatch      string
	lastID       string
}

// do sends a request, reads the answer into v unless that is nil, and returns
// the answer's ETag.
func (c *Client) do(ctx context.Context, q call, v any) (etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	answer, err := c.send(ctx, q)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if v == nil {
		_, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", c.base.Host, err)
	}
	if len(text) > maxAnswer {
		return "", fmt.Errorf("the answer of %s is longer than %d bytes", c.base.Host, maxAnswer)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", c.base.Host, err)
	}
	if session, ok := v.(*api.Session); ok {
		c.mu.Lock()
		c.csrf = session.CSRF
		c.mu.Unlock()
	}
	return answer.Header.Get("ETag"), nil
}

// stream sends a request and returns the body of the answer.
func (c *Client) stream(ctx context.Context, q call) (io.ReadCloser, error) {
	answer, err := c.send(ctx, q)
	if err != nil {
		return nil, err
	}
	return &streamed{answer.Body, answer}, nil
}

// IncompleteError is what reading a stream ends with where the server says
// that it does not hold all that was asked for. What was read is right.
type IncompleteError struct{ Reason string }

// Error returns the server's reason.
func (e *IncompleteError) Error() string { return e.Reason }

// streamed is the body of a stream, behind which the server may say that it is
// not complete.
type streamed struct {
	io.ReadCloser
	answer *http.Response
}

// Read reads a piece of the body.
func (s *streamed) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if reason := s.answer.Trailer.Get(api.StoppedTrailer); err == io.EOF && reason != "" {
		err = &IncompleteError{reason}
	}
	return n, err
}

// send sends a request and returns its answer, which is one of success.
func (c *Client) send(ctx context.Context, q call) (*http.Response, error) {
	request, err := c.request(ctx, q)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		var told *url.Error
		if errors.As(err, &told) {
			err = told.Err // without the URL, whose query may tell what is looked for
		}
		return nil, fmt.Errorf("%s %s: %w", q.method, c.base.Host, err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		defer answer.Body.Close()
		return nil, problem(answer)
	}
	return answer, nil
}

func (c *Client) request(ctx context.Context, q call) (*http.Request, error) {
	var body io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	target := c.base.String() + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, q.method, target, body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	csrf := c.csrf
	c.mu.Unlock()
	for name, value := range map[string]string{
		"User-Agent": c.options.Agent, "If-Match": q.ifMatch, "Last-Event-ID": q.lastID, api.CSRFHeader: csrf,
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	return request, nil
}

// problem returns the error that an answer of failure tells.
func problem(answer *http.Response) error {
	e := &Error{}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20)) // what is missing is seen below
	if json.Unmarshal(text, &e.Problem) != nil || e.Status == 0 {
		e.Problem = api.Problem{
			Status: answer.StatusCode, Title: http.StatusText(answer.StatusCode),
			Detail: answer.Status + " without an explanation: is this a Holdfast server?",
		}
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.After = time.Duration(seconds) * time.Second
	}
	return e
}
