package correlation

import "time"

// stepTolerance is how much earlier than the latest a document may be before
// the host's clock is taken to have been set back.
const stepTolerance = time.Minute

// clock turns times of documents into a time that hardly goes back: when the
// host's clock is set back, it goes on from where it was, and when the clock is
// set right again it does not jump.
type clock struct {
	last   time.Time
	offset time.Duration
	steps  uint64
	late   uint64
}

// read returns the time to use for a document of time t.
func (c *clock) read(t time.Time) time.Time {
	if c.last.IsZero() {
		c.last = t
		return t
	}
	t = t.Add(c.offset)
	switch ahead := t.Sub(c.last); {
	case ahead < -stepTolerance:
		c.offset -= ahead
		c.steps++
		return c.last
	case ahead < 0:
		c.late++
		return t
	case ahead > stepTolerance && c.offset > 0:
		back := min(c.offset, ahead)
		c.offset -= back
		t = t.Add(-back)
	}
	c.last = t
	return t
}
