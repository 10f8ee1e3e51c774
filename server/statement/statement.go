// Package statement says signed things to hosts: which policy they have, which
// files, and what they are ordered to do. Policies are one document in the
// store, see [policy.Assignments]. Files come in bundles, of which only the
// digest is signed; the content is handed out in chunks.
package statement

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/policy"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

// Speaker says signed things to hosts. Make it with [New]; it is safe for
// concurrent use.
type Speaker struct {
	log    *slog.Logger
	key    wire.Signer
	orders store.Orders // for serial numbers
	send   func(ctx context.Context, host event.HostID, signed wire.Signed) error

	exchanging sync.Mutex // held while policies are exchanged, in the store and here
	making     sync.Mutex // held while a policy is signed: numbers ascend as policies change

	mu        sync.Mutex // guards what follows
	policies  policy.Assignments
	version   int64                         // of the policies
	signed    map[event.HostID]signedPolicy // handed out last
	bundles   map[string]bundle             // by name
	announced map[toHost]signedBundle       // last
}

// New returns a speaker that signs with the key, numbers statements by orders,
// and sends by send.
func New(log *slog.Logger, key wire.Signer, orders store.Orders, send func(context.Context, event.HostID, wire.Signed) error) *Speaker {
	return &Speaker{
		log: log, key: key, orders: orders, send: send, policies: none(), signed: make(map[event.HostID]signedPolicy),
		bundles: make(map[string]bundle), announced: make(map[toHost]signedBundle),
	}
}

// Order signs an order and sends it. The host obeys it for as long as valid
// says.
func (s *Speaker) Order(ctx context.Context, host event.HostID, o wire.Order, valid time.Duration) error {
	signed, err := s.sign(ctx, wire.KindOrder, host, valid, func(uint64) any { return o })
	if err != nil {
		return err
	}
	return s.send(ctx, host, signed)
}

// sign makes a statement with the next serial number of its kind. Zero valid
// means that it does not expire.
func (s *Speaker) sign(ctx context.Context, kind wire.Kind, host event.HostID, valid time.Duration, body func(serial uint64) any) (wire.Signed, error) {
	serial, err := s.orders.NextSerial(ctx, host, string(kind))
	if err != nil {
		return wire.Signed{}, fmt.Errorf("number a %s for host %s: %w", kind, host, err)
	}
	data, err := json.Marshal(body(serial))
	if err != nil {
		return wire.Signed{}, fmt.Errorf("encode a %s for host %s: %w", kind, host, err)
	}
	st := wire.Statement{Kind: kind, Host: host, Serial: serial, Issued: time.Now().UTC(), Body: data}
	if valid > 0 {
		st.Expires = st.Issued.Add(valid)
	}
	signed, err := wire.Sign(s.key, st)
	if err != nil {
		return wire.Signed{}, fmt.Errorf("sign a %s for host %s: %w", kind, host, err)
	}
	return signed, nil
}
