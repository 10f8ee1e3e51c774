package chaos_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	fleettest "github.com/holdfast-security/holdfast/test/fleet"
)

// check accounts for every event.
func (w *world) check() {
	w.t.Helper()
	lives, err := readJournal(w.plan.journal())
	if err != nil {
		w.t.Fatal(err)
	}
	last := lives[len(lives)-1]
	if last.drained == nil || len(last.batches) > 0 {
		w.t.Fatal("the last life did not drain the spool")
	}
	w.checkBalance(*last.drained)
	events, err := w.server.Events(w.t.Context(), client.ListEventsQuery{Host: string(w.host), Order: "time"})
	if err != nil {
		w.t.Fatal(err)
	}
	stored := make(map[uint64]int, len(events))
	for i := range events {
		stored[events[i].Serial]++
	}
	for i, now := range lives[:len(lives)-1] {
		account{w.t, i + 1, now, lives[i+1].ledger, stored}.check()
	}
	for n, times := range stored {
		w.t.Errorf("event %d is stored %d times and was never made", n, times)
	}
	if uint64(len(events)) != last.drained.Sequenced {
		w.t.Errorf("%d events are stored, and %d got numbers", len(events), last.drained.Sequenced)
	}
	w.checkAlerts(events)
	w.t.Logf("%d events stored, ledger %+v", len(events), *last.drained)
}

// account is one life, from the ledger with which it began to that of the next,
// and what is stored. It takes what it knows of out of stored.
type account struct {
	t      *testing.T
	number int
	life   *life
	next   fleet.Ledger
	stored map[uint64]int
}

// sums are what a life did, but for its last batch where that was under way.
type sums struct {
	produced, combined, refused, spooled, full int
	open                                       *record // the batch under way
	openStored                                 int
}

func (a account) check() {
	a.t.Helper()
	s := a.sum()
	before := a.life.ledger
	if before.Epoch != a.next.Epoch {
		a.t.Errorf("life %d: the epoch changed", a.number)
		return
	}
	grown := func(why fleet.Reason) int { return int(a.next.Dropped[why] - before.Dropped[why]) }
	made, combined := int(a.next.Produced-before.Produced), int(a.next.Combined-before.Combined)
	sequenced, crashed := int(a.next.Sequenced-before.Sequenced), grown(fleet.Crashed)
	refused, full := grown(fleet.QueueFull), grown(fleet.SpoolFull)
	if made != combined+sequenced+crashed+refused+full {
		a.t.Errorf("life %d: %d produced, and %d combined, %d numbered, %d crashed, %d refused, %d without room",
			a.number, made, combined, sequenced, crashed, refused, full)
	}
	if want := s.spooled + s.openStored; sequenced != want {
		a.t.Errorf("life %d: %d events got numbers, and %d are stored", a.number, sequenced, want)
	}
	// Of the batch under way each step was taken whole or not at all.
	a.step("produced", made-s.produced, s.open, func(b *record) int { return b.Count + b.Combined })
	a.step("combined", combined-s.combined, s.open, func(b *record) int { return b.Combined })
	a.step("dropped", refused+full-s.refused-s.full, s.open, func(b *record) int { return b.Count })
	if s.open == nil && crashed != 0 {
		a.t.Errorf("life %d: %d events crashed, and none was under way", a.number, crashed)
	}
	if s.open != nil && s.open.step == produced && made == s.produced {
		a.t.Errorf("life %d: the ledger forgot that a batch was produced", a.number)
	}
}

// step checks that a sum went beyond what was finished by all of the batch under
// way, or by nothing.
func (a account) step(what string, beyond int, open *record, all func(*record) int) {
	a.t.Helper()
	if beyond == 0 || open != nil && beyond == all(open) {
		return
	}
	a.t.Errorf("life %d: %d events %s beyond what was finished; under way was %+v", a.number, beyond, what, open)
}

// sum adds up the batches and checks each against what is stored of it.
func (a account) sum() (s sums) {
	a.t.Helper()
	for i := range a.life.batches {
		b := &a.life.batches[i]
		stored := a.take(b)
		if b.step != done {
			if i < len(a.life.batches)-1 {
				a.t.Fatalf("life %d: a batch in the middle is not done", a.number)
			}
			s.open, s.openStored = b, stored
			continue
		}
		s.produced += b.Count + b.Combined
		s.combined += b.Combined
		switch {
		case b.Refused:
			s.refused += b.Count
		default:
			s.full += b.drops
		}
		s.spooled += b.Count - b.drops
		if stored != b.Count-b.drops {
			a.t.Errorf("life %d: of the events from %d on, %d of %d went to the spool, and %d are stored",
				a.number, b.First, b.Count-b.drops, b.Count, stored)
		}
	}
	return s
}

// take returns how many events of a batch are stored, and removes them.
func (a account) take(b *record) (found int) {
	a.t.Helper()
	for n := b.First; n < b.First+uint64(b.Count); n++ {
		switch times := a.stored[n]; times {
		case 0:
		case 1:
			found++
		default:
			a.t.Errorf("event %d is stored %d times", n, times)
			found++
		}
		delete(a.stored, n)
	}
	return found
}

// checkBalance waits until everything is stored, and compares what the server
// says with what is so.
func (w *world) checkBalance(agent fleet.Ledger) {
	w.t.Helper()
	var b fleet.Balance
	fleettest.Await(w.t, "all is stored, and the last heartbeat is noted", func() bool {
		var err error
		b, err = w.server.Balance(w.host)
		return err == nil && b.Waiting == 0 && b.Produced == agent.Produced
	})
	if b.Unaccounted != 0 {
		w.t.Errorf("%d events are unaccounted for", b.Unaccounted)
	}
	if b.Produced != agent.Produced || b.Combined != agent.Combined || b.Stored != agent.Sequenced {
		w.t.Errorf("the server's balance is %+v, the agent's ledger %+v", b, agent)
	}
	if !maps.Equal(b.Dropped, agent.Dropped) {
		w.t.Errorf("dropped are %v, by the agent %v", b.Dropped, agent.Dropped)
	}
}

// checkAlerts checks that every mark in what is stored raised one alert, which
// counts every event that bears the mark.
func (w *world) checkAlerts(events []event.Event) {
	w.t.Helper()
	want := make(map[string]int)
	for i := range events {
		if p := events[i].Process; strings.HasPrefix(p.CommandLine, "asc_") {
			want[p.CommandLine]++
		}
	}
	alerts, err := w.server.Alerts(w.t.Context(), client.ListAlertsQuery{Host: []string{string(w.host)}})
	if err != nil {
		w.t.Fatal(err)
	}
	got := make(map[string][]int)
	for _, a := range alerts {
		_, line, _ := strings.Cut(a.Story, "asc_")
		line = strings.TrimRight("asc_"+line, " .\n")
		got[line] = append(got[line], int(a.Count))
	}
	for _, line := range slices.Sorted(maps.Keys(want)) {
		if counts := got[line]; len(counts) != 1 || counts[0] != want[line] {
			w.t.Errorf("%q happened %d times, and the counts of its alerts are %v", line, want[line], counts)
		}
		delete(got, line)
	}
	for line, counts := range got {
		w.t.Errorf("%q never happened, and has alerts with the counts %v", line, counts)
	}
	w.t.Logf("%d alerts", len(alerts))
}
