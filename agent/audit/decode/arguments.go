package decode

import (
	"bytes"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// Shares of event.MaxArguments that are kept of a long argument vector.
const (
	keepHead = event.MaxArguments / 4 * 3
	keepTail = event.MaxArguments - keepHead
)

// ArgumentReader reads argument vectors, in memory that it uses again. The zero
// value is ready to use. It is for one goroutine.
type ArgumentReader struct{ buffer []byte }

// maxBuffer bounds the memory that an ArgumentReader keeps, in bytes.
const maxBuffer = 4 << 10

// Read returns the argument vector in the EXECVE records among records, and
// the same as one line with a space between arguments:
// fields a0, a1 …, long ones in pieces a1[0], a1[1] … (audit_log_execve_info
// in kernel/auditsc.c). All strings together are bounded to
// [event.MaxArguments] bytes, of which the first three quarters and the last
// quarter are kept; an argument that was cut in the middle stays one.
// truncated says that something is missing, also because a record was lost.
func (r *ArgumentReader) Read(records []record.Record) (args []string, line string, truncated bool) {
	b := argumentBuffer{head: r.buffer[:0]}
	next, want := 0, -1
	for i := range records {
		if records[i].Type != record.Execve {
			continue
		}
		f := records[i].Fields()
		for f.Next() {
			if string(f.Name) == "argc" {
				if n, ok := Uint(f.Value); ok && n < 1<<31 {
					want = int(n)
				}
				continue
			}
			index, first, ok := argumentName(f.Name)
			if !ok {
				continue
			}
			if first {
				truncated = truncated || index != next
				next = index + 1
				b.begin()
			}
			b.value(f.Value)
		}
	}
	args, line, cut := b.split()
	if cap(b.head) <= maxBuffer {
		r.buffer = b.head
	}
	return args, line, truncated || cut || want > next
}

// Proctitle returns the argument vector of a PROCTITLE value: arguments with
// zero bytes between, cut by the kernel at 128 bytes (MAX_PROCTITLE_AUDIT_LEN
// in kernel/audit.h), so that truncated is a guess from the length.
func Proctitle(value []byte) (args []string, truncated bool) {
	const limit = 128
	text := Text(value)
	truncated = len(text) >= limit-1
	text = strings.TrimRight(text, "\x00")
	if text == "" {
		return nil, truncated
	}
	return strings.Split(text, "\x00"), truncated
}

// argumentName reads a field name of EXECVE. first says that it begins an
// argument. The names a1_len, which only announce pieces, are not accepted.
func argumentName(name []byte) (index int, first, ok bool) {
	if len(name) < 2 || name[0] != 'a' {
		return 0, false, false
	}
	i := 1
	for ; i < len(name) && name[i]-'0' <= 9 && i < 9; i++ {
		index = index*10 + int(name[i]-'0')
	}
	rest := name[i:]
	switch {
	case i == 1:
		return 0, false, false
	case len(rest) == 0 || string(rest) == "[0]":
		return index, true, true
	case rest[0] == '[' && rest[len(rest)-1] == ']':
		return index, false, true
	}
	return 0, false, false
}

// argumentBuffer collects arguments, a zero byte after each but the last, in
// bounded memory.
type argumentBuffer struct {
	head    []byte
	tail    []byte // the latest bytes after head, at least keepTail of them when more came
	some    bool   // an argument was begun
	dropped bool   // bytes between head and tail were dropped
	between bool   // among them the end of an argument
}

func (b *argumentBuffer) begin() {
	if b.some {
		b.write([]byte{0})
	}
	b.some = true
}

func (b *argumentBuffer) value(value []byte) {
	if inner, ok := quoted(value); ok {
		b.write(inner)
		return
	}
	if string(value) == "(null)" || !IsHex(value) {
		b.write(value)
		return
	}
	var piece [1024]byte
	for len(value) > 0 {
		n := min(len(value)/2, len(piece))
		for i := range n {
			if piece[i] = unhex(value[2*i])<<4 | unhex(value[2*i+1]); piece[i] == 0 {
				piece[i] = ' ' // no argument holds a zero byte; a forged record may
			}
		}
		b.write(piece[:n])
		value = value[2*n:]
	}
}

func (b *argumentBuffer) write(p []byte) {
	if room := keepHead - len(b.head); room > 0 {
		n := min(room, len(p))
		b.head = append(b.head, p[:n]...)
		p = p[n:]
	}
	b.tail = append(b.tail, p...)
	if len(b.tail) > 4*keepTail {
		b.cutTail()
	}
}

func (b *argumentBuffer) cutTail() {
	if n := len(b.tail) - keepTail; n > 0 {
		b.dropped = true
		b.between = b.between || bytes.IndexByte(b.tail[:n], 0) >= 0
		b.tail = append(b.tail[:0], b.tail[n:]...)
	}
}

// split returns the arguments as parts of the line.
func (b *argumentBuffer) split() (args []string, line string, truncated bool) {
	if !b.some {
		return nil, "", false
	}
	b.cutTail()
	if b.between {
		b.head = append(b.head, 0)
	}
	text := append(b.head, b.tail...)
	var few [32]int
	ends := few[:0]
	for i, c := range text {
		if c == 0 {
			ends, text[i] = append(ends, i), ' '
		}
	}
	line = string(text)
	args = make([]string, 0, len(ends)+1)
	start := 0
	for _, end := range ends {
		args, start = append(args, line[start:end]), end+1
	}
	return append(args, line[start:]), line, b.dropped
}
