package record

import "bytes"

// Fields walks over name=value pairs:
//
//	for f := r.Fields(); f.Next(); {
//		use(f.Name, f.Value)
//	}
//
// Values are as written: double quotes around a string are kept, because a
// quoted value is text and one without quotes may be hex (see package decode).
// The pairs inside msg='…' of user-space records are walked over as if they
// stood outside; other text without "=" is passed over.
type Fields struct {
	Name, Value []byte

	rest  []byte
	inMsg bool
}

// Fields returns a walk over the record's own pairs.
func (r *Record) Fields() Fields { return Fields{rest: r.Body} }

// EnrichedFields returns a walk over the pairs that auditd added. Their names
// are those of the interpreted fields in capitals: UID, SYSCALL, SADDR.
func (r *Record) EnrichedFields() Fields { return Fields{rest: r.Enriched} }

// Get returns the value of the first field with the given name, as written.
func (r *Record) Get(name string) (value []byte, ok bool) {
	for f := r.Fields(); f.Next(); {
		if string(f.Name) == name {
			return f.Value, true
		}
	}
	return nil, false
}

// Next goes to the next pair and reports whether there is one.
func (f *Fields) Next() bool {
	for len(f.rest) > 0 {
		start := skip(f.rest)
		f.rest = f.rest[start:]
		end := 0
		for end < len(f.rest) && f.rest[end] != '=' && !isSpace(f.rest[end]) {
			end++
		}
		if end == len(f.rest) {
			f.rest = nil
			return false
		}
		if f.rest[end] != '=' || end == 0 {
			f.rest = f.rest[end+1:]
			continue
		}
		f.Name, f.rest = f.rest[:end], f.rest[end+1:]
		if !f.inMsg && string(f.Name) == "msg" && len(f.rest) > 0 && f.rest[0] == '\'' {
			f.inMsg, f.rest = true, f.rest[1:]
			continue
		}
		f.value()
		return true
	}
	return false
}

// value splits the value off the rest.
func (f *Fields) value() {
	if len(f.rest) > 0 && f.rest[0] == '"' {
		if end := bytes.IndexByte(f.rest[1:], '"'); end >= 0 {
			f.Value, f.rest = f.rest[:end+2], f.rest[end+2:]
			return
		}
	}
	if len(f.rest) > 0 && f.rest[0] == '\'' {
		if end := bytes.IndexByte(f.rest[1:], '\''); end >= 0 {
			f.Value, f.rest = f.rest[:end+2], f.rest[end+2:]
			return
		}
	}
	end := 0
	for end < len(f.rest) && !isSpace(f.rest[end]) {
		end++
	}
	f.Value, f.rest = f.rest[:end], f.rest[end:]
	f.trim()
}

// trim takes off what belongs to the text around the value: the quote that
// closes msg='…', and the punctuation of old releases ("(hostname=?, addr=?)").
func (f *Fields) trim() {
	if n := len(f.Value); f.inMsg && n > 0 && f.Value[n-1] == '\'' {
		f.Value = f.Value[:n-1]
	}
	n := len(f.Value)
	if n > 1 && (f.Value[n-1] == ',' || f.Value[n-1] == ')' && bytes.IndexByte(f.Value, '(') < 0) {
		f.Value = f.Value[:n-1]
	}
}

// skip returns how many bytes to pass over before a name begins.
func skip(text []byte) int {
	i := 0
	for i < len(text) && (isSpace(text[i]) || text[i] == '(' || text[i] == '\'' || text[i] == ',') {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
