package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

// hostileText stores text that no database likes: NUL, bytes that are not
// UTF-8, quotes and placeholders. It must be stored, possibly with U+FFFD for
// what is not text, and hurt nobody.
func hostileText(t *testing.T, s store.State) {
	ctx := t.Context()
	for i, text := range []string{"a\x00b", "c\xffd", `'; DROP TABLE hosts; --`, "? ?0 $1 :x", `\'"`, "\u2028😀"} {
		id := fmt.Sprint("h", i)
		h := host(id, text)
		h.Labels = map[string]string{text: text}
		ok(t, s.AddHost(ctx, h))
		beat := fleet.Heartbeat{Hostname: text, Addresses: []string{text}}
		ok(t, s.SaveHeartbeats(ctx, start, map[event.HostID]fleet.Heartbeat{event.HostID(id): beat}))
		got, err := s.Host(ctx, event.HostID(id))
		ok(t, err)
		if len(got.Labels) != 1 || got.Heartbeat == nil || got.Name == "" {
			t.Errorf("%q came back as %+v", text, got)
		}
		a := alert(text)
		a.Host, a.Title, a.Story, a.Type, a.Rule.ID = event.HostID(id), text, text, finding.AlertType(text), text
		a.Tactics, a.Evidence[0].Message = []finding.Tactic{finding.Tactic(text)}, text
		a.LastTime = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
		same(t, len(save(t, s, start, a)), 1)
		f := store.AlertFilter{Text: text, Host: []event.HostID{event.HostID(id)}, Type: []finding.AlertType{a.Type}, Rule: []string{text}, Tactic: a.Tactics}
		if got := len(listed(t, s, f, "", 10)); got != 1 {
			t.Errorf("%q: %d alerts listed", text, got)
		}
		_, err = s.CountAlerts(ctx, f, time.Hour)
		ok(t, err)
		_, err = s.Alert(ctx, text)
		ok(t, err)
		_, err = s.ChangeAlert(ctx, text, 1, store.AlertChange{Assignee: &text, Comment: text, By: text, Time: start})
		ok(t, err)
		ok(t, s.Record(ctx, account.Entry{Time: start, Actor: text, Action: text, Object: text, Detail: text}))
		_, err = s.Entries(ctx, store.AuditFilter{Actor: text, Action: text + ".*"}, store.Page{})
		ok(t, err)
		_, err = s.Hosts(ctx, store.HostFilter{Text: text, State: fleet.HostState(text), Labels: h.Labels}, store.Page{})
		ok(t, err)
	}
}

// concurrency has many write and read at the same time. What must hold: no
// change is lost, and no reader sees half of one.
func concurrency(t *testing.T, s store.State) {
	const workers, rounds = 6, 15
	ctx := t.Context()
	ok(t, s.AddHost(ctx, host("h1", "web-1")))
	save(t, s, start, alert("shared"))
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for r := range rounds {
				if err := oneRound(t, s, w, r); err != nil {
					t.Errorf("worker %d, round %d: %v", w, r, err)
					return
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	same(t, len(listed(t, s, store.AlertFilter{}, "", 100)), workers*rounds+1)
	got := read(t, s, "shared")
	same(t, got.Version, int64(workers*rounds+1))
	same(t, got.Count, uint32(rounds))
	h, err := s.Host(ctx, "h1")
	ok(t, err)
	same(t, h.Version, int64(workers*rounds+1))
	serial, err := s.NextSerial(ctx, "h1", "order")
	ok(t, err)
	same(t, serial, uint64(workers*rounds+1))
	position, err := s.DetectionPosition(ctx, "0")
	ok(t, err)
	same(t, position, uint64(rounds*workers))
}

func oneRound(t *testing.T, s store.State, worker, round int) error {
	ctx := t.Context()
	mine, shared := alert(fmt.Sprintf("w%d-%d", worker, round)), alert("shared")
	shared.Count, shared.LastTime = uint32(round+1), start.Add(time.Duration(round)*time.Second)
	done := store.Position{Partition: "0", Sequence: uint64(round*6 + worker + 1)}
	added, err := s.SaveAlerts(ctx, []finding.Alert{mine, shared}, start, done)
	if err != nil || len(added) != 1 {
		return fmt.Errorf("added %q: %w", added, err)
	}
	// What was saved is seen at once by who saved it.
	l, err := s.Alerts(ctx, store.AlertFilter{}, store.NewestFirst, store.Page{Limit: 1000})
	if err != nil || len(l.Items) < round+2 {
		return fmt.Errorf("%d listed: %w", len(l.Items), err)
	}
	counts, err := s.CountAlerts(ctx, store.AlertFilter{}, time.Hour)
	if err != nil || counts.Total < int64(round+2) {
		return fmt.Errorf("%d counted: %w", counts.Total, err)
	}
	name := fmt.Sprintf("by %d in %d", worker, round)
	if _, err := s.ChangeAlert(ctx, "shared", store.AnyVersion, store.AlertChange{Assignee: &name, By: "x", Time: start}); err != nil {
		return err
	}
	if _, err := s.ChangeHost(ctx, "h1", store.AnyVersion, func(h *fleet.Host) error { h.Name = name; return nil }); err != nil {
		return err
	}
	if err := s.SaveHeartbeats(ctx, start, map[event.HostID]fleet.Heartbeat{"h1": {Hostname: name}}); err != nil {
		return err
	}
	_, err = s.NextSerial(ctx, "h1", "order")
	return err
}
