package process

import "time"

// clock relates the host's clock, which may be set at any time, to table time,
// which never steps: the boot clock, or in recorded mode the record's own.
type clock struct {
	boot   int64
	offset int64 // host's clock minus boot clock
	// before is the offset until the host's clock was last set, at stepped.
	before  int64
	stepped int64
	seen    int64 // latest host's clock
}

// stepSize is a change of the offset that is a step and not slewing.
const stepSize = int64(50 * time.Millisecond)

// stepMemory is how long events stamped before a step may still arrive.
const stepMemory = int64(10 * time.Second)

func (c *clock) update(boot, wall int64) {
	offset := wall - boot
	if c.boot != 0 && (offset-c.offset > stepSize || c.offset-offset > stepSize) {
		c.before, c.stepped = c.offset, boot
	}
	c.boot, c.offset, c.seen = boot, offset, wall
}

// since returns the table time of a stamp of the host's clock. A stamp that
// lies ahead is a sign that the clock was set: h is then asked anew, and a
// stamp from before the step is read by the old clock.
func (c *clock) since(wall time.Time, h host) int64 {
	if h == nil {
		return wall.UnixNano()
	}
	ns := wall.UnixNano()
	at := ns - c.offset
	if at > c.boot || c.boot-at > int64(time.Hour) {
		c.update(h.now())
		at = ns - c.offset
	}
	if c.stepped != 0 && c.boot-c.stepped < stepMemory {
		if old := ns - c.before; plausible(old, c.boot) && !plausible(at, c.boot) {
			return old
		}
	}
	return at
}

// plausible reports whether an event at a table time can arrive now.
func plausible(at, now int64) bool { return at <= now+stepSize && now-at < stepMemory }

// wall returns the host's clock for a table time.
func (c *clock) wall(at int64) time.Time { return time.Unix(0, at+c.offset).UTC() }
