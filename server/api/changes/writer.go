package changes

import (
	"fmt"
	"net/http"
	"time"

	"github.com/holdfast-security/holdfast/api"
)

// writeTimeout is how long a client may take for what is sent.
const writeTimeout = 10 * time.Second

// Writer writes changes to a client as server-sent events. After the first
// error it does nothing more. It is for one goroutine.
type Writer struct {
	hub     *Hub
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

// NewWriter begins a stream of the hub's changes on w.
func NewWriter(h *Hub, w http.ResponseWriter) *Writer {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	return &Writer{hub: h, w: w, control: http.NewResponseController(w)}
}

// Err returns the first error of writing, or nil.
func (e *Writer) Err() error { return e.err }

// Lost tells the client that changes were left out.
func (e *Writer) Lost() { e.Send(Change{name: api.ChangesLost, data: []byte("{}")}) }

// Send sends a change.
func (e *Writer) Send(c Change) {
	if c.number > 0 {
		e.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", e.hub.id(c), c.name, c.data))
		return
	}
	e.write(fmt.Sprintf("event: %s\ndata: %s\n\n", c.name, c.data))
}

// Comment sends a comment, which keeps the connection open.
func (e *Writer) Comment(text string) { e.write(": " + text + "\n\n") }

func (e *Writer) write(text string) {
	if e.err != nil {
		return
	}
	// Servers without deadlines are those of tests; the write then has none.
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, e.err = e.w.Write([]byte(text)); e.err == nil {
		e.err = e.control.Flush()
	}
	// With HTTP/2 a deadline that passes breaks the stream off even though
	// nothing waits to be written.
	_ = e.control.SetWriteDeadline(time.Time{})
}
