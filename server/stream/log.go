package stream

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/wire"
)

// Names in the log: a JetStream stream for each partition, and in it a subject
// for each host, so that a host's last frame can be looked up.
const (
	logName       = "HOLDFAST_EVENTS_"
	logSubject    = "holdfast.v1.log."
	lastEvent     = "Holdfast-Last-Event" // header of a message: running number of the frame's last event
	dedupeWindow  = 2 * time.Minute       // longer than any publish is in doubt
	partitionsKey = "holdfast-partitions" // metadata of the stream
)

const (
	requestTimeout = 10 * time.Second
	readBatch      = 256
	readBytes      = 4 << 20
)

// Message is a frame in the log.
type Message struct {
	Sequence uint64       // in the partition's log, ascending, with gaps
	Host     event.HostID // whose credential sent it
	Time     time.Time    // when the log took it, by the server's clock
	Frame    []byte       // its header was checked, its payload was not
}

func logStream(partition int) string { return logName + strconv.Itoa(partition) }

func (s *Stream) logSubject(host event.HostID) string {
	return logSubject + strconv.Itoa(s.Partition(host)) + "." + string(host)
}

// openLogs makes the log of each partition or adapts it to the configuration.
func (s *Stream) openLogs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.checkPartitions(ctx); err != nil {
		return err
	}
	for p := range s.config.Partitions {
		name := logStream(p)
		log, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name:        name,
			Description: "Frames of events that were accepted and not yet stored",
			Subjects:    []string{logSubject + strconv.Itoa(p) + ".*"},
			Storage:     jetstream.FileStorage,
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardNew,
			MaxBytes:    s.config.MaxBytes / int64(s.config.Partitions),
			MaxMsgSize:  maxServerPayload,
			Replicas:    s.backend.replicas(),
			Duplicates:  dedupeWindow,
			AllowDirect: true,
			Metadata:    map[string]string{partitionsKey: strconv.Itoa(s.config.Partitions)},
		})
		if err != nil {
			return fmt.Errorf("open the stream's log %s: %w", name, err)
		}
		s.logs = append(s.logs, log)
		s.heads.raise(p, log.CachedInfo().State.LastSeq)
	}
	return nil
}

// checkPartitions refuses another number of partitions than the log has, while
// there are frames in it: a host's frames would be in two places.
func (s *Stream) checkPartitions(ctx context.Context) error {
	for info := range s.js.ListStreams(ctx, jetstream.WithStreamListSubject(logSubject+">")).Info() {
		had := info.Config.Metadata[partitionsKey]
		if info.State.Msgs > 0 && had != strconv.Itoa(s.config.Partitions) {
			return fmt.Errorf("the stream holds frames in %s partitions; start the server with that number, let it store them, then change to %d",
				had, s.config.Partitions)
		}
	}
	return nil
}

// First returns the sequence number of the oldest frame in a partition; it is
// one more than [Stream.Last] when there is none.
func (s *Stream) First(ctx context.Context, partition int) (uint64, error) {
	info, err := s.logs[partition].Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at the stream's log: %w", err)
	}
	return info.State.FirstSeq, nil
}

// Last returns the sequence number of the newest frame that was ever in a
// partition, zero when there was none.
func (s *Stream) Last(ctx context.Context, partition int) (uint64, error) {
	info, err := s.logs[partition].Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at the stream's log: %w", err)
	}
	s.heads.raise(partition, info.State.LastSeq)
	return info.State.LastSeq, nil
}

// Usage is how much the log holds, all partitions together.
type Usage struct {
	Messages uint64
	Bytes    uint64 // on disk, with what the stream adds to each frame
	Limit    uint64 // of Bytes: then agents are asked to wait
}

// Usage asks the stream how much it holds.
func (s *Stream) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	for _, log := range s.logs {
		info, err := log.Info(ctx)
		if err != nil {
			return u, fmt.Errorf("look at the stream's log: %w", err)
		}
		u.Messages += info.State.Msgs
		u.Bytes += info.State.Bytes
		u.Limit += uint64(max(0, info.Config.MaxBytes))
	}
	return u, nil
}

// Purge removes the frames of a partition up to and including upTo.
func (s *Stream) Purge(ctx context.Context, partition int, upTo uint64) error {
	if upTo == 0 {
		return nil // JetStream takes a purge up to zero for one of everything
	}
	if err := s.logs[partition].Purge(ctx, jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return fmt.Errorf("purge the stream's log up to %d: %w", upTo, err)
	}
	return nil
}

// Wait blocks until a partition has a frame after the given sequence number,
// or until ctx ends and then returns its error.
func (s *Stream) Wait(ctx context.Context, partition int, after uint64) error {
	// Another server of the same cluster may write as well, hence the look.
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		last, changed := s.heads.get(partition)
		if last > after {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-look.C:
			if _, err := s.Last(ctx, partition); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

// Read calls fn for the frames of a partition with sequence numbers from the
// given one, in order, until it has called it for all that are there. The frame
// is fn's to keep. An error of fn ends it and is returned as it is.
func (s *Stream) Read(ctx context.Context, partition int, from uint64, fn func(Message) error) error {
	next := max(from, 1)
	for {
		last, more, err := s.readSome(ctx, partition, next, fn)
		if err != nil || !more {
			return err
		}
		next = last + 1
	}
}

// readSome reads one batch; it returns the last sequence number in it and
// whether there is more behind. It uses direct gets, which leave no consumer
// behind when a reader dies.
func (s *Stream) readSome(ctx context.Context, partition int, from uint64, fn func(Message) error) (last uint64, more bool, err error) {
	inbox := s.nc.NewInbox()
	sub, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, false, fmt.Errorf("read the stream's log: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is gone
	request := fmt.Sprintf(`{"seq":%d,"batch":%d,"max_bytes":%d}`, from, readBatch, readBytes)
	if err := s.nc.PublishRequest("$JS.API.DIRECT.GET."+logStream(partition), inbox, []byte(request)); err != nil {
		return 0, false, fmt.Errorf("read the stream's log: %w", err)
	}
	for {
		msg, err := nextMessage(ctx, sub)
		if err != nil {
			return 0, false, err
		}
		if status := msg.Header.Get("Status"); status != "" {
			return endOfBatch(last, status, msg.Header)
		}
		m, err := parseMessage(msg)
		if err != nil {
			return 0, false, err
		}
		if err := fn(m); err != nil {
			return 0, false, err
		}
		last = m.Sequence
	}
}

func nextMessage(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	waiting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := sub.NextMsgWithContext(waiting)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("read the stream's log: %w", err)
	}
	return msg, nil
}

// endOfBatch understands the message without a frame that ends each batch.
func endOfBatch(last uint64, status string, header nats.Header) (uint64, bool, error) {
	switch status {
	case "204":
		return last, last > 0 && header.Get("Nats-Num-Pending") != "0", nil
	case "404":
		return last, false, nil
	}
	return 0, false, fmt.Errorf("read the stream's log: status %s: %.200q", status, header.Get("Description"))
}

// parseMessage understands the answer to a direct get, see ADR-31 of NATS.
func parseMessage(msg *nats.Msg) (Message, error) {
	m := Message{Frame: msg.Data}
	var err error
	if m.Sequence, err = strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64); err != nil {
		return m, fmt.Errorf("read the stream's log: a message without its number: %w", err)
	}
	if m.Time, err = time.Parse(time.RFC3339Nano, msg.Header.Get("Nats-Time-Stamp")); err != nil {
		return m, fmt.Errorf("read the stream's log: message %d without its time: %w", m.Sequence, err)
	}
	m.Host = hostOf(msg.Header.Get("Nats-Subject"))
	return m, nil
}

// publish writes a frame into the log and returns when the log has it.
// repeated says that it had it before.
func (s *Stream) publish(ctx context.Context, host event.HostID, h wire.Header, frame []byte) (repeated bool, err error) {
	msg := &nats.Msg{Subject: s.logSubject(host), Data: frame, Header: nats.Header{
		nats.MsgIdHdr: []string{messageID(host, h)},
		lastEvent:     []string{strconv.FormatUint(lastOf(h), 10)},
	}}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err != nil {
		return false, err
	}
	s.heads.raise(s.Partition(host), ack.Sequence)
	return ack.Duplicate, nil
}

// lastOf returns the running number of a frame's last event.
func lastOf(h wire.Header) uint64 { return h.First + uint64(h.Count) - 1 }

// messageID names a frame once and for all: host:epoch:sequence.
func messageID(host event.HostID, h wire.Header) string {
	return string(host) + ":" + hex.EncodeToString(h.Epoch[:]) + ":" + strconv.FormatUint(h.Sequence, 10)
}

// progressOf reads from the headers of a message how far its host had come.
func progressOf(header nats.Header) (progress, bool) {
	parts := strings.Split(header.Get(nats.MsgIdHdr), ":")
	if len(parts) != 3 {
		return progress{}, false
	}
	epoch, err := parseEpoch(parts[1])
	sequence, err2 := strconv.ParseUint(parts[2], 10, 64)
	last, err3 := strconv.ParseUint(header.Get(lastEvent), 10, 64)
	return progress{epoch: epoch, sequence: sequence, event: last}, errors.Join(err, err2, err3) == nil
}

func parseEpoch(text string) (wire.Epoch, error) {
	var epoch wire.Epoch
	if len(text) != hex.EncodedLen(len(epoch)) {
		return epoch, fmt.Errorf("epoch %.40q: %w", text, wire.ErrMalformed)
	}
	_, err := hex.Decode(epoch[:], []byte(text))
	return epoch, err
}

// lastProgress looks up how far a host had come in the log; ok is false when
// the log holds nothing of it.
func (s *Stream) lastProgress(ctx context.Context, host event.HostID) (p progress, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := s.logs[s.Partition(host)].GetLastMsgForSubject(ctx, s.logSubject(host))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return progress{}, false, nil
	}
	if err != nil {
		return progress{}, false, fmt.Errorf("look up the last frame of host %s: %w", host, err)
	}
	p, ok = progressOf(msg.Header)
	return p, ok, nil
}

// eachLast calls fn with how far each host in a partition had come.
func (s *Stream) eachLast(ctx context.Context, partition int, fn func(event.HostID, progress)) error {
	// An ordered consumer would begin anew, at another place, with each fetch.
	consumer, err := s.logs[partition].CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubject: logSubject + ">", HeadersOnly: true,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("learn the hosts' last frames: %w", err)
	}
	for left := int(consumer.CachedInfo().NumPending); left > 0; {
		batch, err := consumer.Fetch(min(left, readBatch), jetstream.FetchMaxWait(requestTimeout))
		if err != nil {
			return fmt.Errorf("learn the hosts' last frames: %w", err)
		}
		before := left
		for msg := range batch.Messages() {
			left--
			if p, ok := progressOf(msg.Headers()); ok {
				fn(hostOf(msg.Subject()), p)
			}
		}
		if err := batch.Error(); err != nil || left == before {
			return fmt.Errorf("learn the hosts' last frames: %d are missing: %w", left, errors.Join(err, ctx.Err()))
		}
	}
	return nil
}

// hostOf returns the host of a subject of the log.
func hostOf(subject string) event.HostID {
	return event.HostID(subject[strings.LastIndexByte(subject, '.')+1:])
}

// heads are the last sequence numbers of the partitions, as far as they are
// known, and wake who waits for more.
type heads struct {
	mu      sync.Mutex // guards what follows
	last    []uint64
	changed []chan struct{} // closed and replaced when last grows
}

func (h *heads) init(partitions int) {
	h.last = make([]uint64, partitions)
	for range partitions {
		h.changed = append(h.changed, make(chan struct{}))
	}
}

func (h *heads) raise(partition int, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last > h.last[partition] {
		h.last[partition] = last
		close(h.changed[partition])
		h.changed[partition] = make(chan struct{})
	}
}

func (h *heads) get(partition int) (last uint64, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last[partition], h.changed[partition]
}

// encode returns a message for an agent as JSON, within the bound of a NATS
// message.
func encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if len(data) > maxServerPayload {
		return nil, fmt.Errorf("message of %d bytes: %w: at most %d", len(data), wire.ErrOversized, maxServerPayload)
	}
	return data, nil
}
