package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
)

// OpenTelemetry returns an empty telemetry store for a test and the function
// that puts segments into its catalogue.
type OpenTelemetry func(t *testing.T) (tel store.Telemetry, catalogue func([]store.Segment))

// Telemetry runs what every [store.Telemetry] must pass.
func Telemetry(t *testing.T, open OpenTelemetry) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, k *keeper)
	}{
		{"what is appended is seen before and after it is committed", testSeen},
		{"segments that were not recorded are returned again", testAborted},
		{"events come back as they were", testExact},
		{"random filters give what a plain list gives", testRandomFilters},
		{"a list continues while events arrive", testContinues},
		{"events of one time keep an order", testTies},
		{"cursors and limits that make no sense are refused", testRefused},
		{"a cancelled query ends", testCancelled},
		{"a host cannot speak for another", testForeignHost},
		{"clocks that are wrong do no harm", testClocks},
		{"a scan visits what a list holds", testScan},
		{"a scan hands out the columns that it names", testScanColumns},
		{"what a scan's functions return ends it", testScanEnds},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &keeper{t: t}
			k.tel, k.catalogue = open(t)
			test.run(t, k)
		})
	}
}

// keeper is a store beside the plain list that it is held to.
type keeper struct {
	t         *testing.T
	tel       store.Telemetry
	catalogue func([]store.Segment)
	all       []event.Event // in the order of arrival
}

func (k *keeper) append(host event.HostID, events ...event.Event) {
	k.t.Helper()
	k.all = append(k.all, events...)
	if err := k.tel.Append(k.t.Context(), host, slices.Clone(events)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keeper) commit() {
	k.t.Helper()
	segments, err := k.tel.Commit(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	k.catalogue(segments)
	k.tel.Committed()
}

// fill appends the telemetry of a few hosts and commits now and then, not at
// the end.
func (k *keeper) fill(frames, events int) {
	g := telemetrytest.New(telemetrytest.Options{Hosts: 4, Seed: 3, Gap: 20 * time.Second})
	for i := range frames {
		host, frame := g.Frame(events)
		k.append(host, frame...)
		if i%5 == 4 {
			k.commit()
		}
	}
}

func (k *keeper) events(f store.EventFilter) store.List[event.Event] {
	k.t.Helper()
	list, err := k.tel.Events(k.t.Context(), f)
	if err != nil {
		k.t.Fatalf("events of %+v: %v", f, err)
	}
	return list
}

// want returns what the plain list holds of a filter, in its order.
func (k *keeper) want(f store.EventFilter) []event.Event {
	var fit []event.Event
	for _, e := range k.all {
		if fits(&e, f) {
			fit = append(fit, e)
		}
	}
	slices.SortStableFunc(fit, func(a, b event.Event) int { return a.Time.Compare(b.Time) })
	if !f.OldestFirst {
		slices.Reverse(fit)
	}
	return fit
}

// fits says in plain words what a filter means.
func fits(e *event.Event, f store.EventFilter) bool {
	p, target := e.Process, e.Target
	if f.Host != "" && e.Host != f.Host || !f.Since.IsZero() && e.Time.Before(f.Since) || !f.Until.IsZero() && !e.Time.Before(f.Until) {
		return false
	}
	if len(f.Classes) > 0 && !slices.Contains(f.Classes, e.Class) {
		return false
	}
	if !f.Process.IsZero() {
		acts := p != nil && p.UID == f.Process
		born := p != nil && p.Parent != nil && p.Parent.UID == f.Process
		suffers := target != nil && target.UID == f.Process
		if !acts && !born && !suffers {
			return false
		}
	}
	users := []*event.User{e.User}
	if p != nil {
		users = append(users, &p.User, p.Effective, p.Login)
	}
	isUser := func(u *event.User) bool {
		return u != nil && (u.Name == f.User || strconv.FormatUint(uint64(u.UID), 10) == f.User)
	}
	if f.User != "" && !slices.ContainsFunc(users, isUser) {
		return false
	}
	holds := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(f.Text)) }
	return f.Text == "" || slices.ContainsFunc(texts(e), holds)
}

// texts returns what a text is looked for in.
func texts(e *event.Event) []string {
	list := []string{e.Message}
	if e.User != nil {
		list = append(list, e.User.Name)
	}
	if e.File != nil {
		list = append(list, e.File.Path, e.File.NewPath)
	}
	if e.Logon != nil {
		list = append(list, e.Logon.Hostname, e.Logon.Command, ip(e.Logon.Address))
	}
	if e.Network != nil {
		list = append(list, ip(e.Network.Local.Addr()), ip(e.Network.Remote.Addr()))
	}
	for _, p := range []*event.Process{e.Process, e.Target} {
		if p == nil {
			continue
		}
		list = append(list, p.CommandLine, p.Path(), p.User.Name)
		for _, u := range []*event.User{p.Effective, p.Login} {
			if u != nil {
				list = append(list, u.Name)
			}
		}
	}
	return list
}

func ip(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

var exactly = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty()}

func (k *keeper) same(want, got []event.Event, what string) {
	k.t.Helper()
	if len(want) != len(got) {
		k.t.Fatalf("%s: %d events, want %d", what, len(got), len(want))
	}
	if reflect.DeepEqual(want, got) { // much faster
		return
	}
	if diff := cmp.Diff(want, got, exactly); diff != "" {
		k.t.Fatalf("%s: wrong events (-want +got):\n%s", what, diff)
	}
}

func testSeen(t *testing.T, k *keeper) {
	k.fill(7, 50)
	f := store.EventFilter{Limit: 1000}
	k.same(k.want(f), k.events(f).Items, "with events in memory")
	if rows, bytes, since := k.tel.Uncommitted(); rows != 100 || bytes <= 0 || since.IsZero() {
		t.Errorf("uncommitted: %d rows, %d bytes since %v; want 100 rows", rows, bytes, since)
	}
	k.commit()
	k.same(k.want(f), k.events(f).Items, "committed")
	if rows, bytes, since := k.tel.Uncommitted(); rows != 0 || bytes != 0 || !since.IsZero() {
		t.Errorf("uncommitted after commit: %d rows, %d bytes since %v", rows, bytes, since)
	}
}

func testAborted(t *testing.T, k *keeper) {
	k.append("h1", event.Event{Time: at(1), Host: "h1", Class: event.ClassEventLog})
	first, err := k.tel.Commit(t.Context())
	if err != nil || len(first) != 1 || first[0].Rows != 1 {
		t.Fatalf("commit: %+v, %v", first, err)
	}
	k.same(k.want(store.EventFilter{}), k.events(store.EventFilter{}).Items, "written")
	k.tel.Aborted()
	k.same(k.want(store.EventFilter{}), k.events(store.EventFilter{}).Items, "aborted")
	k.append("h1", event.Event{Time: at(2), Host: "h1", Class: event.ClassEventLog})
	k.commit()
	k.same(k.want(store.EventFilter{}), k.events(store.EventFilter{}).Items, "committed in the end")
	if again, err := k.tel.Commit(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("nothing to commit gave %+v, %v", again, err)
	}
}

// at is a time n seconds into a day.
func at(n int) time.Time { return time.Date(2026, 11, 20, 0, 0, n, 0, time.UTC) }

func testExact(t *testing.T, k *keeper) {
	parent := &event.Process{UID: event.ProcessUID{Boot: event.BootID{1, 0xff}, PID: 5, Start: 1<<64 - 1}, PID: 6, Name: "\xff\x00é\U0010ff41"}
	child := &event.Process{
		UID: event.ProcessUID{PID: 7}, PID: 7, PPID: 6, Parent: parent, CommandLine: "a b", Arguments: []string{"a", "", "b c"},
		Started: at(1), User: event.User{UID: event.UnsetUID}, Environment: []string{"A=\xc3"},
		Descriptors: []event.Descriptor{{FD: 0, Kind: event.DescriptorPipe}, {FD: 2, Kind: event.DescriptorSocket, Target: "[::1]:5"}},
	}
	k.append("h1",
		event.Event{Time: at(3).Add(7), Host: "h1", Class: event.ClassProcessActivity, Activity: event.ProcessSignal, Process: child, Target: parent, Serial: 1 << 63},
		event.Event{
			Time: at(4), Host: "h1", Class: 65000, Activity: 99, Process: parent, Message: "\xf4\x8f\xbc\x80\xed\xa0\x80",
			Records: []event.Record{{Type: "A", Fields: []event.Pair{{Name: "n", Value: "v\x00"}, {}}}, {Type: ""}, {Type: "C", Fields: []event.Pair{{Value: "x"}}}},
		},
		event.Event{Time: at(5), Host: "h1", Exit: &event.Exit{Code: -1, Signal: "SIGKILL"}, User: &event.User{}, Group: &event.Group{}, File: &event.File{}},
		event.Event{Time: at(6), Host: "h1", Kernel: &event.Kernel{Adjusted: -time.Second, Arguments: []string{"", "1"}}, Logon: &event.Logon{Port: 1}, Network: &event.Network{
			Local: netip.MustParseAddrPort("[fe80::1%eth0]:65535"), Remote: netip.MustParseAddrPort("[::ffff:192.0.2.1]:1"), BytesSent: 1<<64 - 1,
		}},
	)
	k.commit()
	k.same(k.want(store.EventFilter{}), k.events(store.EventFilter{}).Items, "odd events")
	items := k.events(store.EventFilter{OldestFirst: true}).Items
	if items[0].Process.Parent != items[0].Target {
		t.Error("equal images are not the same pointer")
	}
}

func testRandomFilters(t *testing.T, k *keeper) {
	k.fill(18, 60)
	rng := rand.New(rand.NewPCG(1, 2))
	some := func() *event.Event { return &k.all[rng.IntN(len(k.all))] }
	for range 70 {
		f := store.EventFilter{Limit: 1 + rng.IntN(200), OldestFirst: rng.IntN(2) == 0}
		if rng.IntN(3) == 0 {
			f.Host = some().Host
		}
		if rng.IntN(3) == 0 {
			f.Since = some().Time
		}
		if rng.IntN(3) == 0 {
			f.Until = some().Time
		}
		for range rng.IntN(3) {
			f.Classes = append(f.Classes, some().Class)
		}
		if p := some().Process; rng.IntN(4) == 0 && p != nil {
			f.Process = p.UID
		}
		if rng.IntN(4) == 0 {
			f.User = []string{"root", "ALICE", "alice", "33", "www-data", "4294967295"}[rng.IntN(6)]
		}
		if rng.IntN(3) == 0 {
			f.Text = []string{"CURL", "10.0.3", "invoice", "/etc/", "Accepted", "grep -rn ", "no such text", "deploy"}[rng.IntN(8)]
		}
		k.walk(f)
	}
}

// walk reads a list part by part and compares it with the plain one.
func (k *keeper) walk(f store.EventFilter) {
	k.t.Helper()
	want, what := k.want(f), fmt.Sprintf("%+v", f)
	for part := 0; ; part++ {
		list := k.events(f)
		n := min(f.Limit, len(want))
		k.same(want[:n], list.Items, what)
		want = want[n:]
		if (list.Next == "") != (len(want) == 0) {
			k.t.Fatalf("%s: next is %q with %d events to come", what, list.Next, len(want))
		}
		if list.Next == "" || part == 3 {
			return
		}
		f.After = list.Next
	}
}

func testContinues(t *testing.T, k *keeper) {
	k.fill(6, 40)
	f := store.EventFilter{Limit: 70, Until: k.want(store.EventFilter{})[0].Time.Add(1)}
	want := k.want(f)
	var got []event.Event
	for i := 0; ; i++ {
		list := k.events(f)
		got = append(got, list.Items...)
		if list.Next == "" {
			break
		}
		f.After = list.Next
		k.append("h1", event.Event{Time: f.Until.Add(time.Second), Host: "h1"})
		if i%2 == 0 {
			k.commit()
		}
	}
	k.same(want, got, "all parts")
}

func testTies(t *testing.T, k *keeper) {
	for i := range 300 {
		host := event.HostID("h" + strconv.Itoa(i%3))
		k.append(host, event.Event{Time: at(1), Host: host, Serial: uint64(i + 1)})
		if i%90 == 0 {
			k.commit()
		}
	}
	k.walk(store.EventFilter{Limit: 80})
	k.commit()
	k.walk(store.EventFilter{Limit: 80, OldestFirst: true})
	k.walk(store.EventFilter{Limit: 80, Host: "h1"})
}

func testRefused(t *testing.T, k *keeper) {
	k.fill(1, 5)
	cursor := k.events(store.EventFilter{Limit: 1}).Next
	for _, f := range []store.EventFilter{{After: "x"}, {After: cursor + "AA"}, {After: cursor, OldestFirst: true}} {
		if _, err := k.tel.Events(t.Context(), f); !errors.Is(err, store.ErrCursor) {
			t.Errorf("%+v: error %v, want ErrCursor", f, err)
		}
	}
	for _, limit := range []int{-1, 10_001} {
		if _, err := k.tel.Events(t.Context(), store.EventFilter{Limit: limit}); err == nil {
			t.Errorf("limit %d is taken", limit)
		}
	}
}

func testCancelled(t *testing.T, k *keeper) {
	k.fill(6, 20)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.tel.Events(ctx, store.EventFilter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that the query was cancelled", err)
	}
}

func testForeignHost(t *testing.T, k *keeper) {
	if err := k.tel.Append(t.Context(), "h1", []event.Event{{Time: at(1), Host: "h2"}}); err != nil {
		t.Fatal(err)
	}
	if list := k.events(store.EventFilter{}); len(list.Items) != 1 || list.Items[0].Host != "h1" {
		t.Errorf("stored as %+v, want an event of h1", list.Items)
	}
}

func testClocks(t *testing.T, k *keeper) {
	var events []event.Event
	for i := range 400 {
		events = append(events, event.Event{Time: at(0).AddDate(0, 0, 37*(i-200)), Host: "h1", Serial: uint64(i + 1)})
	}
	k.append("h1", events...)
	segments, err := k.tel.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(segments) > 16 {
		t.Errorf("one frame made %d segments", len(segments))
	}
	for _, s := range segments {
		if s.Day > time.Now().UTC().Format(time.DateOnly) {
			t.Errorf("segment of %s would outlive retention", s.Day)
		}
	}
	k.catalogue(segments)
	k.tel.Committed()
	k.walk(store.EventFilter{Limit: 150})
	k.walk(store.EventFilter{Limit: 50, Since: at(0), OldestFirst: true})
	if err := k.tel.Append(t.Context(), "h1", []event.Event{{}, {Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, {Time: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}}); err != nil {
		t.Fatal(err)
	}
	k.commit()
	list := k.events(store.EventFilter{OldestFirst: true, Limit: 2})
	if !list.Items[0].Time.IsZero() || list.Items[1].Time.Year() != 1677 {
		t.Errorf("times %v and %v, want none and the earliest that is kept", list.Items[0].Time, list.Items[1].Time)
	}
}
