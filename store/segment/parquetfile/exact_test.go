package parquetfile

import (
	"bytes"
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

// written returns the file of events, whose hosts are in order.
func written(t testing.TB, events ...*event.Event) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := NewWriter(&buf)
	for i, e := range events {
		if err := w.Add(e, int64(i), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestEveryFieldSurvives(t *testing.T) {
	var f telemetrytest.Filler
	var full event.Event
	f.Fill(&full, 4)
	data := written(t, &full, &event.Event{Host: full.Host, Time: full.Time})
	got := eventsOf(t, data)
	want := []event.Event{full, {Host: full.Host, Time: full.Time}}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
		t.Errorf("what is stored changes (-want +got):\n%s", diff)
	}
}

func eventsOf(t testing.TB, data []byte) []event.Event {
	t.Helper()
	file, err := OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got []event.Event
	err = file.Visit(t.Context(), choice.New(anyEvent), &Visit{Take: func(_ context.Context, events []event.Event, _ []int64) error {
		got = append(got, events...)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestArgumentsAreSplitOnlyWhereThatIsExact(t *testing.T) {
	for _, c := range []struct {
		line string
		args []string
		want bool
	}{
		{"a b", []string{"a", "b"}, true},
		{"a", []string{"a"}, true},
		{"a  b", []string{"a", "", "b"}, true},
		{"", []string{""}, true},
		{"", nil, false},
		{"a b", []string{"a b"}, false},
		{"a b", []string{"a"}, false},
		{"a b", []string{"a", "c"}, false},
		{"a", []string{"a", ""}, false},
	} {
		if got := splits(c.line, c.args); got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.line, c.args, got, c.want)
		}
	}
}
