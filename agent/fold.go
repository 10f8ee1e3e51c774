package agent

import (
	"net/netip"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

const (
	// foldWindow is within what time two sensors report one logon.
	foldWindow = 5 * time.Second
	// maxFoldKeys bounds the memory of the folder; the table is emptied when
	// it is full, which at worst lets a duplicate through.
	maxFoldKeys = 4096
)

// folder drops logon and account events that another sensor has reported too:
// sshd writes to the audit system and to the log for the same attempt. Of the
// sensors that report a kind of event, each may report it n times within the
// window; the highest n passes, whichever sensor is first.
type folder struct {
	seen map[foldKey]*foldCount
}

type foldKey struct {
	class    event.Class
	activity event.Activity
	status   event.Status
	service  string
	user     string
	group    string
	address  netip.Addr
}

type foldCount struct {
	start    time.Time
	passed   uint32
	bySource map[event.Source]uint32
}

// duplicate reports whether e repeats what another sensor has reported.
func (f *folder) duplicate(e *event.Event) bool {
	key, ok := foldKeyOf(e)
	if !ok {
		return false
	}
	if f.seen == nil || len(f.seen) >= maxFoldKeys {
		f.seen = make(map[foldKey]*foldCount)
	}
	c := f.seen[key]
	if c == nil || e.Time.Sub(c.start).Abs() > foldWindow {
		c = &foldCount{start: e.Time, bySource: make(map[event.Source]uint32, 2)}
		f.seen[key] = c
	}
	c.bySource[e.Source] += e.Repeats()
	if c.bySource[e.Source] <= c.passed {
		return true
	}
	c.passed = c.bySource[e.Source]
	return false
}

func foldKeyOf(e *event.Event) (foldKey, bool) {
	key := foldKey{class: e.Class, activity: e.Activity, status: e.Status}
	if e.User != nil {
		key.user = e.User.Name
	}
	switch e.Class {
	case event.ClassAuthentication:
		if l := e.Logon; l != nil {
			key.service, key.address = l.Service, l.Address
			if l.Invalid || l.Service == "sudo" && e.Status == event.StatusSuccess {
				// Audit knows no name of an account that does not exist, and
				// not as whom sudo runs a command; the log does.
				key.user = ""
			}
		}
	case event.ClassAccountChange, event.ClassGroupManagement:
		if e.Group != nil {
			key.group = e.Group.Name
		}
	default:
		return foldKey{}, false
	}
	return key, true
}
