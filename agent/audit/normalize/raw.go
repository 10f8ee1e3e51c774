package normalize

import (
	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
	"github.com/holdfast-security/holdfast/event"
)

// Bounds of the raw records that one event carries.
const (
	maxRawRecords = 128
	maxRawBytes   = 2 * event.MaxArguments
)

// rawRecords decodes records as rules on auditd's own log expect them: text
// out of hex, arch and syscall by name, and the names that auditd resolved
// under their capital names.
func rawRecords(records []record.Record) []event.Record {
	out := make([]event.Record, 0, min(len(records), maxRawRecords))
	room := maxRawBytes
	for i := range records {
		if len(out) == maxRawRecords {
			break
		}
		r := &records[i]
		raw := event.Record{Type: r.Type.String()}
		arch, _ := decode.Hex(field(r, "arch"))
		f := r.Fields()
		for f.Next() && room > 0 {
			value := rawValue(r, &f, syscalls.Arch(arch))
			room -= len(f.Name) + len(value)
			raw.Fields = append(raw.Fields, event.Pair{Name: string(f.Name), Value: value})
		}
		f = r.EnrichedFields()
		for f.Next() && room > 0 {
			value := decode.Text(f.Value)
			room -= len(f.Name) + len(value)
			raw.Fields = append(raw.Fields, event.Pair{Name: string(f.Name), Value: value})
		}
		out = append(out, raw)
	}
	return out
}

func rawValue(r *record.Record, f *record.Fields, arch syscalls.Arch) string {
	name := string(f.Name)
	switch {
	case decode.Encoded(r.Type, name):
		return decode.Text(f.Value)
	case name == "arch":
		if _, ok := syscalls.Name(arch, 0); ok {
			return arch.String()
		}
	case name == "syscall":
		if number, ok := decode.Uint(f.Value); ok && number < 1<<16 {
			if text, ok := syscalls.Name(arch, int(number)); ok {
				return text
			}
		}
	case name == "saddr":
		if s, err := decode.ParseSockaddr(f.Value); err == nil {
			return s.String()
		}
	}
	return decode.Plain(f.Value)
}
