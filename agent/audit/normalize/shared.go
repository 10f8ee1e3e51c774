package normalize

import (
	"hash/maphash"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/event"
)

// Bounds of what is shared.
const (
	maxShared   = 96 // bytes of a text: longer ones are rarely seen twice
	sharedTexts = 512
	sharedFiles = 128
	sharedUsers = 16
)

// seed keeps hosts from choosing texts that share a place.
var seed = maphash.MakeSeed()

// shared hands out one copy of values that come again and again: names and
// directories of programs, their files, accounts. Each value has one place,
// where the latest stays, so that a host that names ever new ones takes no more
// memory. What it hands out must not be changed.
type shared struct {
	texts   [sharedTexts]string
	files   [sharedFiles]*event.File
	users   [sharedUsers]*event.User
	decoded []byte
}

// text is [decode.Text].
func (s *shared) text(value []byte) string {
	s.decoded = decode.AppendText(s.decoded[:0], value)
	return s.of(s.decoded)
}

// plain is [decode.Plain].
func (s *shared) plain(value []byte) string { return s.of(decode.Unquote(value)) }

// of returns the text as a string.
func (s *shared) of(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > maxShared {
		return string(text)
	}
	place := &s.texts[maphash.Bytes(seed, text)%sharedTexts]
	if *place != string(text) {
		*place = string(text)
	}
	return *place
}

// file returns a file equal to f.
func (s *shared) file(f event.File) *event.File {
	place := &s.files[(maphash.String(seed, f.Path)+f.Inode)%sharedFiles]
	if *place == nil || **place != f {
		*place = new(f)
	}
	return *place
}

// user returns an account equal to u.
func (s *shared) user(u event.User) *event.User {
	place := &s.users[u.UID%sharedUsers]
	if *place == nil || **place != u {
		*place = new(u)
	}
	return *place
}
