package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-security/holdfast/api"
)

// maxChange bounds the bytes of one line of the stream of changes.
const maxChange = 64 << 10

var errTooLong = fmt.Errorf("read changes: a change is longer than %d bytes", maxChange)

// Change is one thing that changed.
type Change struct {
	ID   string // to continue after it; "" for some
	Name string // api.AlertChanged and its like; new ones may come
	Data []byte // JSON, of the type that goes with the name
}

// Alert returns the detail of an api.AlertChanged.
func (c Change) Alert() (api.AlertChange, error) {
	var a api.AlertChange
	if c.Name != api.AlertChanged {
		return a, fmt.Errorf("change %q is not about an alert", c.Name)
	}
	err := json.Unmarshal(c.Data, &a)
	return a, err
}

// Changes is the stream of changes. It is for one goroutine.
type Changes struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

func (c *Client) follow(ctx context.Context, q call) (*Changes, error) {
	body, err := c.stream(ctx, q)
	if err != nil {
		return nil, err
	}
	return newChanges(body), nil
}

func newChanges(body io.ReadCloser) *Changes {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxChange)
	return &Changes{body: body, lines: lines}
}

// Next waits for the next change. It returns io.EOF when the server ends the
// stream; the caller then opens another, after the ID of the last change.
func (c *Changes) Next() (Change, error) {
	var next Change
	for c.lines.Scan() {
		line := c.lines.Text()
		if line == "" {
			if next.Name != "" {
				return next, nil
			}
			next = Change{}
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			next.ID = value
		case "event":
			next.Name = value
		case "data":
			next.Data = append(next.Data, value...)
		}
		if len(next.Data) > maxChange {
			return Change{}, errTooLong
		}
	}
	if err := c.lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return Change{}, errTooLong
		}
		return Change{}, fmt.Errorf("read changes: %w", err)
	}
	return Change{}, io.EOF
}

// Close ends the stream.
func (c *Changes) Close() error { return c.body.Close() }
