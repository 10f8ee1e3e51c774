package replay

import (
	"encoding/json"
	"path"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/agent/authlog/syslogline"
)

// journalField is a value of a journal entry: text, or where that is not
// printable UTF-8 an array of byte values; a field given twice is an array of
// either.
type journalField []byte

// UnmarshalJSON takes the first value of a field.
func (f *journalField) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*f = journalField(text)
		return nil
	}
	var numbers []uint8Value
	if json.Unmarshal(data, &numbers) == nil {
		*f = make(journalField, len(numbers))
		for i, n := range numbers {
			(*f)[i] = byte(n)
		}
		return nil
	}
	var several []json.RawMessage
	if json.Unmarshal(data, &several) == nil && len(several) > 0 && several[0][0] == '"' {
		return f.UnmarshalJSON(several[0])
	}
	*f = nil // null stands for a field too large to show
	return nil
}

// uint8Value is a number that encoding/json does not take for base64 text when
// it stands in a slice.
type uint8Value uint16

// parseJournal returns a journal entry as a line of syslog. The program is
// what the journal itself saw (_COMM) for entries that name none.
func parseJournal(text []byte) (syslogline.Line, bool) {
	var e struct {
		Time       string       `json:"__REALTIME_TIMESTAMP"` // microseconds since 1970
		Message    journalField `json:"MESSAGE"`
		Identifier journalField `json:"SYSLOG_IDENTIFIER"`
		Comm       journalField `json:"_COMM"`
		Host       journalField `json:"_HOSTNAME"`
		SyslogPID  journalField `json:"SYSLOG_PID"`
		PID        journalField `json:"_PID"`
	}
	if json.Unmarshal(text, &e) != nil || len(e.Message) == 0 {
		return syslogline.Line{}, false
	}
	micros, err := strconv.ParseInt(e.Time, 10, 64)
	if err != nil {
		return syslogline.Line{}, false
	}
	l := syslogline.Line{Time: time.UnixMicro(micros).UTC(), Host: e.Host, Program: e.Identifier, Message: e.Message}
	if len(l.Program) == 0 {
		l.Program = e.Comm
	}
	l.Program = []byte(path.Base(string(l.Program)))
	if len(e.SyslogPID) == 0 {
		e.SyslogPID = e.PID
	}
	if pid, err := strconv.ParseUint(string(e.SyslogPID), 10, 32); err == nil {
		l.PID = uint32(pid)
	}
	return l, true
}
