package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/internal/netlink"
)

// Requests, linux/audit.h.
const (
	msgGet       = 1000 // AUDIT_GET
	msgSet       = 1001 // AUDIT_SET
	msgAddRule   = 1011 // AUDIT_ADD_RULE
	msgDelRule   = 1012 // AUDIT_DEL_RULE
	msgListRules = 1013 // AUDIT_LIST_RULES

	firstRecord = 1100 // AUDIT_FIRST_USER_MSG; numbers below are commands
	msgReplace  = 1329 // AUDIT_REPLACE: the kernel asks whether the owner lives
)

// Client asks and commands the audit system. It is safe for concurrent use.
type Client struct {
	conn *netlink.Conn
}

// Open connects to the audit system.
func Open() (*Client, error) {
	conn, err := netlink.Open(unix.NETLINK_AUDIT)
	if err != nil {
		return nil, explain(err)
	}
	return &Client{conn}, nil
}

// Close ends the connection. What was set stays set.
func (c *Client) Close() error { return c.conn.Close() }

// Status returns the status of the audit system.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	err := c.conn.Exchange(ctx, netlink.Message{Type: msgGet, Flags: netlink.FlagRequest},
		func(m netlink.Message) (bool, error) {
			switch m.Type {
			case netlink.TypeError:
				return true, m.Err()
			case msgGet:
				status = readStatus(m.Data)
				return true, nil
			}
			return false, nil
		})
	if err != nil {
		return Status{}, fmt.Errorf("read audit status: %w", explain(err))
	}
	return status, nil
}

// Offsets in struct audit_status. Old kernels know only a shorter one and
// accept and send that much.
const (
	offMask        = 0
	offEnabled     = 4
	offFailure     = 8
	offPID         = 12
	offRateLimit   = 16
	offBackLimit   = 20
	offLost        = 24
	offBacklog     = 28
	offFeatures    = 32
	offWaitTime    = 36
	offWaitActual  = 40
	statusLen      = 44
	statusLenOwner = 40 // without backlog_wait_time_actual, which cannot be set here
)

func readStatus(data []byte) Status {
	var whole [statusLen]byte
	copy(whole[:], data)
	at := func(off int) uint32 { return binary.NativeEndian.Uint32(whole[off:]) }
	return Status{
		Enabled: at(offEnabled), Failure: at(offFailure), PID: at(offPID), RateLimit: at(offRateLimit),
		BacklogLimit: at(offBackLimit), Lost: at(offLost), Backlog: at(offBacklog), Features: at(offFeatures),
		BacklogWaitTime: at(offWaitTime), BacklogWaitTimeActual: at(offWaitActual),
	}
}

func appendStatus(set Set, s Status) []byte {
	b := make([]byte, statusLenOwner)
	put := func(off int, v uint32) { binary.NativeEndian.PutUint32(b[off:], v) }
	put(offMask, uint32(set))
	put(offEnabled, s.Enabled)
	put(offFailure, s.Failure)
	put(offPID, s.PID)
	put(offRateLimit, s.RateLimit)
	put(offBackLimit, s.BacklogLimit)
	put(offWaitTime, s.BacklogWaitTime)
	return b
}

// SetStatus changes the members of the status that set names.
func (c *Client) SetStatus(ctx context.Context, set Set, s Status) error {
	if err := c.execute(ctx, msgSet, appendStatus(set&^setPID, s)); err != nil {
		return fmt.Errorf("set audit status: %w", err)
	}
	return nil
}

// Release gives up the ownership of the records. It fails when another
// process owns them.
func (c *Client) Release(ctx context.Context) error {
	if err := c.execute(ctx, msgSet, appendStatus(setPID, Status{})); err != nil {
		return fmt.Errorf("give up the audit records: %w", err)
	}
	return nil
}

// Rules returns all rules as struct audit_rule_data, in the kernel's order.
func (c *Client) Rules(ctx context.Context) ([][]byte, error) {
	var rules [][]byte
	err := c.conn.Exchange(ctx, netlink.Message{Type: msgListRules, Flags: netlink.FlagRequest},
		func(m netlink.Message) (bool, error) {
			switch m.Type {
			case netlink.TypeError, netlink.TypeDone:
				return true, m.Err()
			case msgListRules:
				rules = append(rules, append([]byte(nil), m.Data...))
			}
			return false, nil
		})
	if err != nil {
		return nil, fmt.Errorf("list audit rules: %w", explain(err))
	}
	return rules, nil
}

// AddRule adds a rule given as struct audit_rule_data.
func (c *Client) AddRule(ctx context.Context, rule []byte) error {
	err := c.execute(ctx, msgAddRule, rule)
	switch {
	case errors.Is(err, unix.EEXIST):
		return ErrExists
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%w: %w", ErrNoPath, err)
	case err != nil:
		return c.immutable(ctx, fmt.Errorf("add audit rule: %w", err))
	}
	return nil
}

// DeleteRule deletes the rule that equals the given struct audit_rule_data.
func (c *Client) DeleteRule(ctx context.Context, rule []byte) error {
	err := c.execute(ctx, msgDelRule, rule)
	switch {
	case errors.Is(err, unix.ENOENT):
		return ErrNoRule
	case err != nil:
		return c.immutable(ctx, fmt.Errorf("delete audit rule: %w", err))
	}
	return nil
}

// immutable tells a locked configuration from missing privilege: the kernel
// answers EPERM to both.
func (c *Client) immutable(ctx context.Context, err error) error {
	if !errors.Is(err, ErrNotPermitted) {
		return err
	}
	if status, statusErr := c.Status(ctx); statusErr == nil && status.Enabled == Immutable {
		return ErrImmutable
	}
	return err
}

func (c *Client) execute(ctx context.Context, typ uint16, data []byte) error {
	return explain(c.conn.Execute(ctx, typ, 0, data, nil))
}

// explain adds our own meaning to what the kernel answers.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP),
		errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: %w", ErrNoAudit, err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	}
	return err
}

// Own makes this process the owner of the records and returns their stream.
// Where a living process is the owner already it returns [ErrOwned] and leaves
// that alone. It does not need to be asked of a dead one: the kernel notices.
func (c *Client) Own(ctx context.Context) (*Stream, error) {
	conn, err := netlink.Open(unix.NETLINK_AUDIT)
	if err != nil {
		return nil, explain(err)
	}
	s := newStream(conn)
	if err := s.own(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("become owner of the audit records: %w", err)
	}
	return s, nil
}

// Listen joins the multicast group of the records, which leaves their owner
// alone.
func Listen() (*Stream, error) {
	const readLog = 1 // AUDIT_NLGRP_READLOG
	conn, err := netlink.Open(unix.NETLINK_AUDIT, readLog)
	if err != nil {
		return nil, fmt.Errorf("listen to audit records: %w", explain(err))
	}
	return newStream(conn), nil
}

// own sends the request on the stream's own socket, since that is where the
// kernel will send the records. Records may come before the answer.
func (s *Stream) own(ctx context.Context) error {
	data := appendStatus(setPID, Status{PID: uint32(os.Getpid())})
	seq, err := s.conn.Send(netlink.Message{Type: msgSet, Flags: netlink.FlagRequest | netlink.FlagAck, Data: data})
	if err != nil {
		return explain(err)
	}
	answered := false
	for !answered {
		n, err := s.batch.Wait(ctx, 0)
		if errors.Is(err, unix.ENOBUFS) { // what a dead owner left comes at once
			s.counts.Overflows++
			continue
		}
		if err != nil {
			return explain(err)
		}
		for i := range n {
			m, ok := s.message(i)
			if ok && m.Type == netlink.TypeError && m.Seq == seq {
				answered, err = true, m.Err()
			} else if ok && isRecord(m.Type) {
				s.early = append(s.early, Record{m.Type, append([]byte(nil), m.Data...)})
			}
		}
		if errors.Is(err, unix.EEXIST) {
			return ErrOwned
		}
		if err != nil {
			return explain(err)
		}
	}
	return nil
}
