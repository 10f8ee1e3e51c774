package fields

import (
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/respell"
)

// commandLines gives a command line as it is, and in one spelling where that
// is another.
func commandLines(m *Mapper, d *detect.Document, id detect.FieldID) {
	p := actor(m)
	if p == nil {
		return
	}
	line := commandLine(p)
	if line == "" {
		return
	}
	if straight, other := respell.Line(p.Arguments, p.Path(), line); other {
		d.Append(id, line)
		d.Append(id, straight)
		return
	}
	d.SetString(id, line)
}

// processNames gives the names that the actor goes by.
func processNames(m *Mapper, d *detect.Document, id detect.FieldID) {
	p := actor(m)
	if p == nil {
		return
	}
	m.names = respell.Names(m.names[:0], p.Name, p.Path(), p.Script, p.Arguments)
	if len(m.names) == 1 {
		d.SetString(id, m.names[0])
		return
	}
	d.SetStrings(id, m.names)
}
