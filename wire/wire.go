// Package wire is what agent and server say to each other: subjects, the frame
// that carries events, acknowledgements, enrolment, and what the server signs.
//
// Events travel in frames. A frame is one record of the agent's spool, one
// message of the stream and one unit of storing: a fixed header with the
// host's epoch and sequence number, and a compressed batch of events in which
// every process image and every repeated text stands once. Frames of one epoch
// are numbered without gaps from 1, and so are the events in them, so that the
// server can prove that nothing is missing.
//
// Whatever comes off the wire is hostile: sizes are bounded before anything is
// allocated, and the decoders are fuzzed.
package wire

import (
	"errors"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Version is the protocol's version. Agents and servers that differ in it do
// not talk; within one version only optional parts are added.
//
//	1  the first
const Version = 1

// Bounds of what is on the wire.
const (
	MaxFrame   = 512 << 10 // bytes of a frame, header included
	MaxContent = 8 << 20   // bytes of a frame's content before compression
	MaxEvents  = 4096      // events in a frame
	MaxMessage = 64 << 10  // bytes of any other message
)

// Errors of decoding, for counters: what is wrong with a message.
var (
	ErrMalformed = errors.New("malformed message")
	ErrOversized = errors.New("message too large")
	ErrVersion   = errors.New("protocol version not supported")
	ErrSignature = errors.New("signature does not match")
	ErrExpired   = errors.New("message expired")
	ErrAddressee = errors.New("message for another host")
	ErrReplayed  = errors.New("message older than one already taken")
)

// Subjects. The token after "host" is the host's id, and an agent's credential
// lets it publish and subscribe below its own id only.
//
//	holdfast.v1.up.<host>.events     frames; the reply is an [Ack]
//	holdfast.v1.up.<host>.heartbeat  fleet.Heartbeat as JSON
//	holdfast.v1.up.<host>.fetch      [FetchRequest]; the reply is a [Signed] or a [Chunk]
//	holdfast.v1.up.<host>.result     [Result] of an order; the reply is an [Ack] without a sequence number
//	holdfast.v1.down.<host>.signed   [Signed] policies, bundles and orders
//	_INBOX.<host>.>                  replies
const (
	prefixUp   = "holdfast.v1.up."
	prefixDown = "holdfast.v1.down."
)

// Last tokens of the subjects.
const (
	Events    = "events"
	Heartbeat = "heartbeat"
	Fetch     = "fetch"
	Results   = "result"
)

// PreviousHeader names the header of a frame's message that holds, in decimal,
// the sequence number of the frame before it among those the agent still has;
// "0" when it has none before it. Whoever has taken the frames up to there
// misses nothing that could still come: what lies between is lost, and is to be
// counted as a sequence gap instead of being asked for again.
const PreviousHeader = "Holdfast-Previous"

// Up returns the subject on which a host sends messages of a kind; "*" and ">"
// make patterns.
func Up(host event.HostID, kind string) string { return prefixUp + string(host) + "." + kind }

// Down returns the subject on which a host receives what the server signed.
func Down(host event.HostID) string { return prefixDown + string(host) + ".signed" }

// Inbox returns the prefix of a host's replies.
func Inbox(host event.HostID) string { return "_INBOX." + string(host) }

// Sender returns the host that a subject made by [Up] belongs to, and the kind.
func Sender(subject string) (host event.HostID, kind string, ok bool) {
	rest, ok := strings.CutPrefix(subject, prefixUp)
	if !ok {
		return "", "", false
	}
	id, kind, ok := strings.Cut(rest, ".")
	return event.HostID(id), kind, ok && ValidHostID(event.HostID(id)) && kind != ""
}

// ValidHostID reports whether id is one that enrolment gives out: "h" and 16
// to 32 lower-case letters or digits. Such an id is one token of a subject and
// safe as a file name.
func ValidHostID(id event.HostID) bool {
	if len(id) < 17 || len(id) > 33 || id[0] != 'h' {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Epoch names one run of sequence numbers: random, made with the spool.
type Epoch [8]byte

// Header is what a frame says of itself, readable without unpacking it.
type Header struct {
	Epoch    Epoch
	Sequence uint64    // of the frame, from 1
	First    uint64    // running number of the frame's first event, from 1
	Count    uint32    // events in the frame, at least 1
	Made     time.Time // by the host's clock, to the millisecond
}

// AckCode is the server's answer to a frame.
type AckCode string

// Answers to a frame.
const (
	Accepted  AckCode = "accepted"  // durable in the stream, or was so before: the agent may forget it
	Busy      AckCode = "busy"      // the host's queue is full or the disk is; send again after Retry
	Refused   AckCode = "refused"   // will never be accepted; Reason says why; the agent forgets it and counts it
	Unordered AckCode = "unordered" // an earlier frame is missing; send from Next again
)

// Ack answers a frame. It is JSON.
type Ack struct {
	Sequence uint64  `json:"sequence"`
	Code     AckCode `json:"code"`
	Reason   string  `json:"reason,omitempty"`
	RetryMS  int     `json:"retry_ms,omitempty"`
	Next     uint64  `json:"next,omitempty"`
}

// EnrolProtocol is the ALPN protocol (RFC 7301) that an agent offers, together
// with "http/1.1", when it enrols. The server never chooses it: it is the sign
// to show the certificate of its own CA, which the token pins, also where
// people gave it another one for browsers.
const EnrolProtocol = "holdfast-enrol"

// Enrolment, over HTTPS: POST /api/v1/enroll.
type (
	// EnrollRequest asks to become a host. The agent has made its key and
	// checked the server's CA against the token's pin.
	EnrollRequest struct {
		Version   int    `json:"version"`
		Token     string `json:"token"`      // the secret part
		PublicKey string `json:"public_key"` // nkey, begins with U
		Proof     []byte `json:"proof"`      // signature of "holdfast enroll\x00" + Token by the key: whoever asks holds it
		Hostname  string `json:"hostname"`
		MachineID string `json:"machine_id"`
		OS        string `json:"os"`
		Arch      string `json:"arch"`
		Agent     string `json:"agent"`
	}
	// EnrollReply makes the agent the host's.
	EnrollReply struct {
		Host       event.HostID `json:"host"`
		Credential string       `json:"credential"`  // NATS user JWT, scoped to the host's subjects
		Streams    []string     `json:"streams"`     // URLs, tls://host:port
		CA         string       `json:"ca"`          // PEM, the only roots that the agent trusts from now on
		SigningKey string       `json:"signing_key"` // nkey (begins with A) whose signatures the agent obeys
	}
)

// Kind is what a signed message is about.
type Kind string

// Kinds of signed messages.
const (
	KindPolicy Kind = "policy" // Body is a policy.Policy
	KindBundle Kind = "bundle" // Body is a Bundle: which files a feature is to have, such as rules
	KindOrder  Kind = "order"  // Body is an Order
)

// Signed is a message of the server that an agent obeys after checking it: by
// the key it was enrolled with, for its own id, within its time, newer than the
// last of its kind. The signature covers "holdfast signed\x00" and Message.
type Signed struct {
	Message   []byte `json:"message"` // JSON of Statement
	Signature []byte `json:"signature"`
}

// Statement is what a [Signed] says.
type Statement struct {
	Kind    Kind         `json:"kind"`
	Host    event.HostID `json:"host"`
	Serial  uint64       `json:"serial"` // ascending per host and kind, and for bundles per name
	Issued  time.Time    `json:"issued"`
	Expires time.Time    `json:"expires"` // zero for never: policies and bundles
	Body    []byte       `json:"body"`    // JSON
}

// FetchRequest asks for something of the server, by the host that sends it. An
// empty message asks for the policy, and so does one of KindPolicy.
//
// Of a bundle it asks for the announcement, or, with a digest, for the content
// from an offset on. An agent asks for one chunk after the other and keeps what
// it has: an interrupted transfer goes on where it ended.
type FetchRequest struct {
	Kind   Kind   `json:"kind"`
	Name   string `json:"name,omitempty"`   // of the bundle
	Digest string `json:"digest,omitempty"` // "" asks for the announcement, a [Signed]
	Offset int64  `json:"offset,omitempty"` // of the chunk wanted
}

// Chunk is a part of a bundle's content, at most [MaxChunk] long; shorter parts
// only end the content. It is not signed: the digest of the whole is.
type Chunk struct {
	Digest string `json:"digest"`
	Offset int64  `json:"offset"`
	Data   []byte `json:"data,omitempty"`
	Gone   bool   `json:"gone,omitempty"` // the server has another content by now: ask for its announcement
}

// Order asks an agent to do one thing once. Orders that an agent does not know
// are answered as unsupported.
type Order struct {
	ID       string   `json:"uid"`      // unique; a second delivery does nothing and repeats the answer
	Action   string   `json:"action"`   // "simulate"
	Argument []string `json:"argument"` // for simulate: names of scenarios
}

// Result answers an order, possibly in parts. The agent sends each part again
// until it is acknowledged: Accepted says that the server has it on disk, Busy
// that it is to come again, Refused that it never will be taken. A part that
// comes again, or after a later one of its subject, changes nothing.
type Result struct {
	Order   string    `json:"order"`
	Time    time.Time `json:"time"`
	State   string    `json:"state"`             // "accepted", "running", "done", "failed", "refused", "unsupported"
	Detail  string    `json:"detail"`            // in words
	Subject string    `json:"subject,omitempty"` // what this part is about: the scenario
}
