package normalize

import (
	"hash/maphash"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/event"
)

// Bounds of what is shared.
const (
	maxShared   = 96  // bytes of a text: longer ones are rarely seen twice
	sharedTexts = 128 // places
	sharedFiles = 32  // places
	sharedUsers = 16  // places, of one each
	perPlace    = 4
)

// seed keeps hosts from choosing texts that share a place.
var seed = maphash.MakeSeed()

// shared hands out one copy of values that come again and again: names and
// directories of programs, their files, accounts. Each value has one place, which
// holds the latest few, so that a host that names ever new ones takes no
// more memory. What it hands out must not be changed.
type shared struct {
	texts   [sharedTexts][perPlace]string
	files   [sharedFiles][perPlace]*event.File
	users   [sharedUsers]*event.User
	decoded []byte
}

// text is [decode.Text].
func (s *shared) text(value []byte) string {
	if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
		return s.of(value[1 : n-1])
	}
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
	for i := range place {
		if place[i] == string(text) {
			return place[i]
		}
	}
	copy(place[1:], place[:])
	place[0] = string(text)
	return place[0]
}

// file returns a file equal to f.
func (s *shared) file(f event.File) *event.File {
	place := &s.files[maphash.String(seed, f.Path)%sharedFiles]
	for _, known := range place {
		if known != nil && *known == f {
			return known
		}
	}
	copy(place[1:], place[:])
	place[0] = new(f)
	return place[0]
}

// user returns an account equal to u.
func (s *shared) user(u event.User) *event.User {
	place := &s.users[u.UID%sharedUsers]
	if *place == nil || **place != u {
		*place = new(u)
	}
	return *place
}
