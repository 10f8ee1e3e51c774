package process

import (
	"github.com/holdfast-security/holdfast/event"
)

// auditLaunch takes audit's report of an exec, which may come before or after
// that of perf.
func (t *Table) auditLaunch(n *node, ev *event.Event, at int64) bool {
	if q := n.awaiting(ev.Process.Name, at); q != nil {
		t.stats.Paired++
		t.complete(n, q, ev)
		return true
	}
	before := n.image
	ev.Process = t.resolve(t.exec(n, ev, at))
	if t.perf && len(n.early) < maxMarks {
		if n.byPerf == nil {
			n.byPerf = before
		}
		n.early = append(n.early, mark{at: at, name: ev.Process.Name, image: n.image})
	}
	return true
}

// awaiting takes the first exec that perf reported and that audit's report at
// the given time can be of.
func (n *node) awaiting(name string, at int64) *pending {
	for i, q := range n.pending {
		if q.at+tick < at || !sameName(q.event.Process.Name, name) {
			continue
		}
		q.done = true
		n.pending = n.pending[i+1:]
		return q
	}
	return nil
}

// sameName compares names of a task, of which one source may know none.
func sameName(a, b string) bool { return a == b || a == "" || b == "" }

// complete joins audit's report with the image made from perf's.
func (t *Table) complete(n *node, q *pending, ev *event.Event) {
	proc := *q.image.proc
	t.overlay(&proc, ev.Process, ev.Source)
	t.enrich(n, &proc, n.exit == 0)
	t.teach(q.image, &proc)
	n.byAudit = q.image
	n.settle()
	ev.Process = t.resolve(q.image)
}

// perfLaunch takes perf's report of an exec. While audit reports execs too,
// this one is kept until audit's arrives.
func (t *Table) perfLaunch(n *node, ev *event.Event, at int64) bool {
	if m := n.reported(ev.Process.Name, at); m != nil {
		t.stats.Paired++
		n.byPerf = m.image
		n.settle()
		return false
	}
	before := n.image
	img := t.exec(n, ev, at)
	n.byPerf = nil
	ev.Process = t.resolve(img)
	if !t.audit || len(t.pending) >= maxPending {
		return true
	}
	if n.byAudit == nil {
		n.byAudit = before
	}
	q := &pending{node: n, image: img, at: at, deadline: t.clock.boot + pairWait, event: *ev}
	n.pending = append(n.pending, q)
	t.pending = append(t.pending, q)
	return false
}

// reported takes the first exec that audit reported and that perf's report at
// the given time can be of. Audit's stamp is that of the system call's entry.
func (n *node) reported(name string, at int64) *mark {
	for i := range n.early {
		m := &n.early[i]
		if m.at > at+tick || at-m.at > pairWait || !sameName(m.name, name) {
			continue
		}
		n.early = n.early[i+1:]
		return m
	}
	return nil
}

// expirePending publishes execs that audit did not report.
func (t *Table) expirePending(now int64) {
	done := 0
	for ; done < len(t.pending) && (t.pending[done].done || t.pending[done].deadline <= now); done++ {
		q := t.pending[done]
		if q.done {
			continue
		}
		t.giveUp(q)
	}
	clear(t.pending[:done])
	if t.pending = t.pending[done:]; len(t.pending) == 0 {
		t.pending = nil
	}
}

func (t *Table) giveUp(q *pending) {
	t.stats.Unpaired++
	if t.silent++; t.silent >= silentExecs {
		t.audit = false
	}
	n := q.node
	for i := range n.pending {
		if n.pending[i] == q {
			n.pending = append(n.pending[:i:i], n.pending[i+1:]...)
			break
		}
	}
	n.settle()
	q.event.Process = t.resolve(q.image)
	t.ready = append(t.ready, q.event)
}

// unpaired returns how many execs of perf wait for audit's report.
func (t *Table) unpaired() int {
	n := 0
	for _, q := range t.pending {
		if !q.done {
			n++
		}
	}
	return n
}
