package changes

import (
	"net/http/httptest"
	"testing"
	"time"
)

// deadlines is an answer that remembers the latest deadline for writing.
type deadlines struct {
	*httptest.ResponseRecorder
	latest time.Time
	set    bool
}

// SetWriteDeadline is what an [http.ResponseController] looks for.
func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.latest, d.set = t, true
	return nil
}

func TestIdleStreamHasNoDeadline(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	out := NewWriter(nil, w)
	out.Comment("hello")
	if out.Err() != nil || w.Body.String() != ": hello\n\n" {
		t.Fatalf("wrote %q, error %v", w.Body.String(), out.Err())
	}
	if !w.set || !w.latest.IsZero() {
		t.Errorf("after a write the deadline is %v; the stream would break when that passes", w.latest)
	}
}
