package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/event"
)

// Collected is what a file with a few events holds.
type Collected struct {
	Events  []*event.Event // with the audit records behind them
	Objects [][]byte       // JSON objects of other products
}

// maxText bounds what is read of a file of JSON objects that take several lines
// each.
const maxText = 16 << 20

// Collect reads the events of a log of at most a few lines, or of a file of JSON
// objects. Interrupted is asked after each line and ends the reading with its
// error. A file without events is an error.
func Collect(file *input.File, interrupted func() error) (Collected, error) {
	var found Collected
	reader := NewReader(Options{
		RawRecords: true,
		Events:     func(list []*event.Event) { found.Events = append(found.Events, list...) },
		Foreign: func(line []byte) error {
			found.Objects = append(found.Objects, slices.Clone(line))
			return nil
		},
	})
	reader.Open(file.Name, file.Modified)
	var text []byte
	err := file.Lines(func(l input.Line) error {
		reader.Line(l)
		if len(text) < maxText {
			text = append(append(text, l.Text...), '\n')
		}
		return interrupted()
	})
	if err != nil {
		return found, err
	}
	reader.Flush()
	if len(found.Events)+len(found.Objects) == 0 {
		found.Objects = objectsIn(text)
	}
	if len(found.Events)+len(found.Objects) == 0 {
		return found, fmt.Errorf("no line of %s tells of an event", file.Name)
	}
	return found, nil
}

// objectsIn returns the JSON objects that a text begins with.
func objectsIn(text []byte) [][]byte {
	var objects [][]byte
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var object json.RawMessage
		if decoder.Decode(&object) != nil || len(object) == 0 || object[0] != '{' {
			return objects
		}
		objects = append(objects, object)
	}
}
