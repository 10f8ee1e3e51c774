package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
)

// controlName is the socket in the data directory through which commands on the
// same machine reach a running server. Who can open it owns the directory.
const controlName = "control.sock"

const controlTimeout = 10 * time.Second // for requests that are not a backup

// control answers the commands.
type control struct {
	backup func(ctx context.Context, w io.Writer) error
	reset  func(ctx context.Context, name string) (password string, err error)
}

// ServeHTTP implements [http.Handler].
func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /backup":
		// An error in the middle shows as an archive without a manifest.
		if err := c.backup(r.Context(), w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			panic(http.ErrAbortHandler)
		}
	case "POST /reset-password":
		password, err := c.reset(r.Context(), r.FormValue("name"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(password)
	default:
		http.NotFound(w, r)
	}
}

// listenControl opens the socket. A server holds the directory's lock, so that
// a socket that is there is left from one that died.
func listenControl(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	return listener, nil
}

// ask sends a request to the server that listens on the socket, and copies the
// answer to w.
func ask(ctx context.Context, socket, path string, form url.Values, w io.Writer) error {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the running server: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
		return errors.New(string(bytes.TrimSpace(text)))
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("ask the running server: %w", err)
	}
	return nil
}

// passwords sets passwords.
type passwords interface {
	SetPassword(ctx context.Context, name, password string) error
	ChangeUser(ctx context.Context, name string, version int64, change func(*account.User) error) (account.User, error)
}

// resetPassword gives an account a new random password, and lets it in again
// where it was disabled.
func resetPassword(ctx context.Context, p passwords, name string) (string, error) {
	password := rand.Text()
	if err := p.SetPassword(ctx, name, password); err != nil {
		return "", fmt.Errorf("set the password of %q: %w", name, err)
	}
	_, err := p.ChangeUser(ctx, name, store.AnyVersion, func(u *account.User) error {
		u.Disabled = false
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("enable %q: %w", name, err)
	}
	return password, nil
}
