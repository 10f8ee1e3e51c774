package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/store"
)

func settings(t *testing.T, s store.State) {
	ctx := t.Context()
	_, _, err := s.Setting(ctx, "retention")
	wantError(t, err, store.ErrNotFound)
	_, err = s.SaveSetting(ctx, "retention", 4, []byte("{}"))
	wantError(t, err, store.ErrConflict)
	version, err := s.SaveSetting(ctx, "retention", 0, []byte(`{"days":1}`))
	ok(t, err)
	same(t, version, int64(1))
	_, err = s.SaveSetting(ctx, "retention", 0, []byte("{}"))
	wantError(t, err, store.ErrConflict)
	version, err = s.SaveSetting(ctx, "retention", 1, []byte(`{"days":2}`))
	ok(t, err)
	same(t, version, int64(2))
	_, err = s.SaveSetting(ctx, "retention", 1, []byte("{}"))
	wantError(t, err, store.ErrConflict)
	version, err = s.SaveSetting(ctx, "retention", store.AnyVersion, []byte(`{"days":3}`))
	ok(t, err)
	same(t, version, int64(3))
	version, err = s.SaveSetting(ctx, "secret", store.AnyVersion, []byte{0, 0xff})
	ok(t, err)
	same(t, version, int64(1))
	value, version, err := s.Setting(ctx, "retention")
	ok(t, err)
	same(t, string(value), `{"days":3}`)
	same(t, version, int64(3))
	value, _, err = s.Setting(ctx, "secret")
	ok(t, err)
	same(t, value, []byte{0, 0xff})
}

func segment(id string, hour int, minHost, maxHost event.HostID) store.Segment {
	first := start.Add(time.Duration(hour) * time.Hour)
	return store.Segment{
		ID: id, Day: "2026-11-23", First: first, Last: first.Add(time.Hour), MinHost: minHost, MaxHost: maxHost,
		Rows: 7, Bytes: 1 << 40, Partition: "0", FromSeq: 1, ToSeq: 9,
	}
}

func segments(t *testing.T, s store.State) {
	ctx := t.Context()
	a, b, c := segment("a", 2, "h1", "h5"), segment("b", 0, "h3", "h3"), segment("c", 5, "h6", "h9")
	intake := fleet.Intake{Epoch: "e", Sequence: 3, Events: 1 << 60, Stored: 5, Dropped: map[fleet.Reason]uint64{fleet.MissingFrame: 1}}
	ok(t, s.AddHost(ctx, host("h3", "web-3")))
	ok(t, s.CommitSegments(ctx, []store.Segment{a, b, c}, map[event.HostID]fleet.Intake{"h3": intake, "unknown": {}}, store.Position{Partition: "0", Sequence: 9}))
	list := func(f store.SegmentFilter) []store.Segment {
		got, err := s.SegmentList(ctx, f)
		ok(t, err)
		return got
	}
	same(t, list(store.SegmentFilter{}), []store.Segment{b, a, c})
	same(t, list(store.SegmentFilter{Host: "h3"}), []store.Segment{b, a})
	same(t, list(store.SegmentFilter{Since: a.Last, Until: c.First}), []store.Segment{a})
	same(t, list(store.SegmentFilter{Since: c.First}), []store.Segment{c})

	intakes, err := s.Intakes(ctx)
	ok(t, err)
	same(t, intakes, map[event.HostID]fleet.Intake{"h3": intake, "unknown": {}})
	h, err := s.Host(ctx, "h3")
	ok(t, err)
	same(t, h.Intake, intake)

	segmentsAreWhole(t, s, a)
	segmentsMerge(t, s)
}

func segmentsAreWhole(t *testing.T, s store.State, a store.Segment) {
	ctx := t.Context()
	position := func() uint64 {
		p, err := s.StorePosition(ctx, "0")
		ok(t, err)
		return p
	}
	// One that is there already lets the whole commit fail.
	err := s.CommitSegments(ctx, []store.Segment{segment("d", 7, "h1", "h1"), a}, map[event.HostID]fleet.Intake{"h3": {Sequence: 99}}, store.Position{Partition: "0", Sequence: 20})
	wantError(t, err, store.ErrExists)
	same(t, position(), uint64(9))
	intakes, err := s.Intakes(ctx)
	ok(t, err)
	same(t, intakes["h3"].Sequence, uint64(3))

	ok(t, s.CommitSegments(ctx, nil, nil, store.Position{Partition: "0", Sequence: 4}))
	same(t, position(), uint64(9))
	ok(t, s.CommitSegments(ctx, nil, nil, store.Position{Partition: "1", Sequence: 4}))
	same(t, position(), uint64(9))
	p, err := s.StorePosition(ctx, "unknown")
	ok(t, err)
	same(t, p, uint64(0))
}

func segmentsMerge(t *testing.T, s store.State) {
	ctx := t.Context()
	merged := segment("m", 0, "h1", "h5")
	wantError(t, s.MergeSegments(ctx, []string{"a", "gone"}, []store.Segment{merged}), store.ErrConflict)
	ok(t, s.MergeSegments(ctx, []string{"a", "b"}, []store.Segment{merged}))
	ok(t, s.DropSegments(ctx, []string{"c", "gone"}))
	got, err := s.SegmentList(ctx, store.SegmentFilter{})
	ok(t, err)
	same(t, got, []store.Segment{merged})
}

func orders(t *testing.T, s store.State) {
	ctx := t.Context()
	var want []store.Order
	for i := range 5 {
		o := store.Order{
			ID: fmt.Sprintf("o%d", i), Host: event.HostID(fmt.Sprintf("h%d", i%2)), Action: "simulate", Argument: []string{"a"}, By: "anna",
			Created: start.Add(time.Duration(i/2) * time.Second), State: "sent", Changed: start,
		}
		ok(t, s.AddOrder(ctx, o))
		want = append([]store.Order{o}, want...)
	}
	wantError(t, s.AddOrder(ctx, want[0]), store.ErrExists)
	read := func(host event.HostID) func(context.Context, store.Page) (store.List[store.Order], error) {
		return func(ctx context.Context, p store.Page) (store.List[store.Order], error) {
			return s.Orders(ctx, host, p)
		}
	}
	same(t, walk(t, 2, read("")), want)
	same(t, walk(t, 1, read("h1")), []store.Order{want[1], want[3]})
	refusesCursors(t, "bnVsbA", read(""))

	_, err := s.Order(ctx, "none")
	wantError(t, err, store.ErrNotFound)
	_, err = s.ChangeOrder(ctx, "none", func(*store.Order) error { return nil })
	wantError(t, err, store.ErrNotFound)
	part := store.Part{Subject: "a", State: "done", Time: start, Alert: "x"}
	changed, err := s.ChangeOrder(ctx, "o0", func(o *store.Order) error {
		o.State, o.Parts, o.ID, o.Host = "done", append(o.Parts, part), "not changed", "nor this"
		return nil
	})
	ok(t, err)
	o := want[4]
	o.State, o.Parts = "done", []store.Part{part}
	same(t, changed, o)
	got, err := s.Order(ctx, "o0")
	ok(t, err)
	same(t, got, o)
	for i, next := range []struct {
		host event.HostID
		kind string
		want uint64
	}{{"h1", "order", 1}, {"h1", "order", 2}, {"h1", "policy", 1}, {"h2", "order", 1}, {"h1", "order", 3}} {
		n, err := s.NextSerial(ctx, next.host, next.kind)
		ok(t, err)
		if n != next.want {
			t.Errorf("serial %d is %d, want %d", i, n, next.want)
		}
	}
}
