package notify

// Bounds on what is handed over at once.
const maxChanges = 4096

// output gathers changes for the handler.
type output struct {
	opts    *Options
	stats   Stats
	changes []Change
	// latest is the last change of a path by a process in changes.
	latest map[target]int
	// resync asks for another look at what there is to watch.
	resync bool
}

// target is a path that a process changes.
type target struct {
	pid  int32
	path string
}

func newOutput(opts *Options) *output {
	return &output{opts: opts, latest: make(map[target]int)}
}

func (o *output) wants(path string) bool { return o.opts.Wanted == nil || o.opts.Wanted(path) }

// wanted is wants, counted.
func (o *output) wanted(path string) bool {
	if o.wants(path) {
		return true
	}
	o.stats.Unwanted++
	return false
}

// add takes a change. What only touches the content or the attributes joins
// the last change of the same path by the same process.
func (o *output) add(c Change) {
	key := target{c.Who.PID, c.Path}
	if i, ok := o.latest[key]; ok && c.Op&^(Modified|Closed|Attributes) == 0 {
		o.changes[i].Op |= c.Op
		o.stats.Coalesced++
		return
	}
	o.latest[key] = len(o.changes)
	o.changes = append(o.changes, c)
	if len(o.changes) >= maxChanges {
		o.flush()
	}
}

// moved forgets which changes may be joined: a directory got another name, and
// paths mean something else from now on.
func (o *output) moved() { clear(o.latest) }

// dirty hands on that something may have been missed, after what came before.
func (o *output) dirty(d Dirty) {
	o.flush()
	o.opts.Handler.Dirty(d)
}

// flush hands over what was gathered.
func (o *output) flush() {
	if len(o.changes) == 0 {
		return
	}
	o.stats.Changes += uint64(len(o.changes))
	clear(o.latest)
	o.opts.Handler.Changes(o.changes)
	clear(o.changes)
	o.changes = o.changes[:0]
}
