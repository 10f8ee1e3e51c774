package record

import "bytes"

// Fields walks over name=value pairs:
//
//	f := r.Fields()
//	for f.Next() {
//		use(f.Name, f.Value)
//	}
//
// (In the head of the loop f would be copied in every turn.)
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
	f := r.Fields()
	for f.Next() {
		if string(f.Name) == name {
			return f.Value, true
		}
	}
	return nil, false
}

// Next goes to the next pair and reports whether there is one.
func (f *Fields) Next() bool {
	text := f.rest
	for {
		for len(text) > 0 && beforeName[text[0]] {
			text = text[1:]
		}
		end := 0
		for end < len(text) && text[end] != '=' && text[end] != ' ' {
			end++
		}
		switch {
		case end == len(text):
			f.rest = nil
			return false
		case text[end] != '=' || end == 0:
			text = text[end+1:]
		case !f.inMsg && string(text[:end]) == "msg" && end+1 < len(text) && text[end+1] == '\'':
			f.inMsg = true
			text = text[end+2:]
		default:
			f.Name = text[:end]
			f.value(text[end+1:])
			return true
		}
	}
}

// value splits the value off the text behind the equals sign.
func (f *Fields) value(text []byte) {
	if len(text) > 0 && (text[0] == '"' || text[0] == '\'') {
		if end := bytes.IndexByte(text[1:], text[0]); end >= 0 {
			f.Value, f.rest = text[:end+2], text[end+2:]
			return
		}
	}
	end := wordEnd(text)
	f.Value, f.rest = text[:end], text[end:]
	if end > 0 && text[end-1] <= ',' { // the marks that trim knows are no later
		f.trim()
	}
}

// wordEnd returns where the first space is, or the end. Most words are too short
// for a search to pay.
func wordEnd(text []byte) int {
	const short = 12
	for i, c := range text[:min(len(text), short)] {
		if c == ' ' {
			return i
		}
	}
	if len(text) <= short {
		return len(text)
	}
	if end := bytes.IndexByte(text[short:], ' '); end >= 0 {
		return short + end
	}
	return len(text)
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

// beforeName are the bytes to pass over before a name begins.
var beforeName = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '(': true, '\'': true, ',': true}
