package kernel

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/internal/netlink"
)

// Sizes of the receiving side.
const (
	// receiveBuffer holds about a second of 10,000 records per second: the
	// kernel accounts about 2 KiB for each, most of it empty.
	receiveBuffer = 16 << 20
	// batchRecords is how many records one system call takes.
	batchRecords = 128
	// recordSize is more than the longest record,
	// MAX_AUDIT_MESSAGE_LENGTH (8970) and a header.
	recordSize = 9 << 10
)

// Record is one record as the kernel sends it.
type Record struct {
	Type    uint16 // AUDIT_SYSCALL and others, linux/audit.h
	Payload []byte // "audit(1700000000.123:45): …", without a zero byte at the end
}

// Stream is a stream of records. It belongs to one goroutine, except Close.
type Stream struct {
	conn   *netlink.Conn
	batch  *netlink.Batch
	early  []Record // came before the stream was ours; handed out first
	counts StreamCounts
}

// StreamCounts is what a stream has seen. All numbers only grow.
type StreamCounts struct {
	Records   uint64 // handed out
	Bytes     uint64 // of their payloads
	Wakes     uint64 // returns from a wait for records
	Overflows uint64 // times that the socket's buffer overflowed; how many records went each time is not known
	Cut       uint64 // records that were longer than any record should be, handed out cut
	Probes    uint64 // times that the kernel asked whether we live: somebody else wants to own the records
}

func newStream(conn *netlink.Conn) *Stream {
	// A smaller buffer loses records earlier, but works.
	_, _ = conn.SetReceiveBuffer(receiveBuffer)
	return &Stream{conn: conn, batch: conn.NewBatch(batchRecords, recordSize)}
}

// Close ends the stream and a Receive that waits. The kernel notices that the
// owner is gone.
func (s *Stream) Close() error { return s.conn.Close() }

// Counts returns what the stream has seen so far.
func (s *Stream) Counts() StreamCounts { return s.counts }

// Receive waits for records, until limit has passed (zero: for ever) or ctx
// ends, and calls each for everything that is there, at most [MaxReceive]
// records. The payload is valid until each returns. It returns how many
// records there were: zero after limit. After an overflow of the socket's
// buffer it counts and goes on.
func (s *Stream) Receive(ctx context.Context, limit time.Duration, each func(Record)) (n int, err error) {
	for _, r := range s.early {
		s.hand(r, each)
		n++
	}
	s.early = nil
	for n == 0 {
		got, err := s.batch.Wait(ctx, limit)
		s.counts.Wakes++
		switch {
		case errors.Is(err, unix.ENOBUFS):
			s.counts.Overflows++
		case err != nil:
			return n, err
		case got == 0:
			return 0, nil
		default:
			n += s.handBatch(got, each)
		}
	}
	if n >= MaxReceive || !s.batch.Full() {
		return n, nil
	}
	more, err := s.Poll(each)
	return n + more, err
}

// Poll is [Stream.Receive] without waiting: it returns zero when nothing is
// there.
func (s *Stream) Poll(each func(Record)) (n int, err error) {
	for _, r := range s.early {
		s.hand(r, each)
		n++
	}
	s.early = nil
	for n < MaxReceive {
		got, err := s.batch.Poll()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			s.counts.Overflows++
		case err != nil:
			return n, err
		case got == 0:
			return n, nil
		default:
			n += s.handBatch(got, each)
		}
	}
	return n, nil
}

// MaxReceive is about how many records one [Stream.Receive] hands out, so that
// its caller gets to do other things under load.
const MaxReceive = 16 * batchRecords

func (s *Stream) handBatch(got int, each func(Record)) (n int) {
	for i := range got {
		m, ok := s.message(i)
		switch {
		case !ok:
		case m.Type == msgReplace:
			s.counts.Probes++
		case isRecord(m.Type):
			s.hand(Record{m.Type, m.Data}, each)
			n++
		}
	}
	return n
}

func (s *Stream) hand(r Record, each func(Record)) {
	for len(r.Payload) > 0 && r.Payload[len(r.Payload)-1] == 0 {
		r.Payload = r.Payload[:len(r.Payload)-1]
	}
	s.counts.Records++
	s.counts.Bytes += uint64(len(r.Payload))
	each(r)
}

// message returns the i-th message of the batch.
func (s *Stream) message(i int) (netlink.Message, bool) {
	data, cut := s.batch.Datagram(i)
	if cut {
		s.counts.Cut++
	}
	m, err := netlink.Whole(data)
	return m, err == nil
}

func isRecord(typ uint16) bool { return typ >= firstRecord && typ != msgReplace }
