package notify

import (
	"fmt"
	"slices"
	"testing"

	"github.com/holdfast-security/holdfast/agent/fim/notify/mounts"
)

func TestDirectoriesAreBoundedAndForgetTheOldest(t *testing.T) {
	d := newDirectories(3)
	for _, key := range []string{"a", "b", "c"} {
		d.put([]byte(key), &directory{place: key})
	}
	if d.get([]byte("a")) == nil {
		t.Fatal("a is forgotten")
	}
	d.put([]byte("d"), &directory{place: "d"})
	if d.get([]byte("b")) != nil || d.get([]byte("a")) == nil || len(d.byKey) != 3 {
		t.Errorf("the wrong one of %d was forgotten", len(d.byKey))
	}
	d.stale()
	if d.get([]byte("a")) != nil {
		t.Error("a rename left the old path")
	}
	d.put([]byte("a"), &directory{place: "new"})
	if got := d.get([]byte("a")); got == nil || got.place != "new" || len(d.byKey) != 3 {
		t.Errorf("got %+v of %d", got, len(d.byKey))
	}
	for i := range 100 {
		d.put(fmt.Append(nil, i), &directory{})
	}
	n := 0
	for dir := d.ring.newer; dir != &d.ring; dir = dir.newer {
		n++
	}
	if n != 3 || len(d.byKey) != 3 {
		t.Errorf("%d in the ring, %d in the map", n, len(d.byKey))
	}
}

func TestDirectoriesAreSeenThroughViews(t *testing.T) {
	table, _, err := mounts.Parse([]byte(`1 0 8:1 / / rw - ext4 a rw
2 1 8:1 /data/www /srv/www rw - ext4 a rw
3 1 8:2 / /data/over rw - ext4 b rw
`))
	if err != nil {
		t.Fatal(err)
	}
	var views []mounts.View
	for _, root := range []string{"/data", "/srv", "/etc/passwd"} {
		for _, v := range table.Views(root, root, nil) {
			if v.Mount.Device == "8:1" {
				views = append(views, v)
			}
		}
	}
	for _, test := range []struct {
		place, name string
		want        []string
	}{
		{"/data", "x", []string{"/data/x"}},
		{"/data", ".", []string{"/data"}},
		{"/", "data", []string{"/data"}},
		{"/", "other", nil},
		{"/data/www", "index", []string{"/data/www/index", "/srv/www/index"}},
		{"/data/over", "hidden", nil},
		{"/etc", "passwd", []string{"/etc/passwd"}},
		{"/etc", "shadow", nil},
		{"/srv", "x", []string{"/srv/x"}},
		{"/srvx", "x", nil},
	} {
		got := newDirectory(test.place, views, table).seen(nil, []byte(test.name))
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s in %s is seen as %q, want %q", test.name, test.place, got, test.want)
		}
	}
}

func TestDirectoriesKnowWhatTheyLeadTo(t *testing.T) {
	table, _, err := mounts.Parse([]byte("1 0 8:1 / / rw - ext4 a rw\n"))
	if err != nil {
		t.Fatal(err)
	}
	views := table.Views("/srv/a/b", "/srv/a/b", nil)
	for place, want := range map[string]string{"/": "srv", "/srv": "a", "/srv/a": "", "/srv/a/b": "", "/srvx": "", "": ""} {
		d := newDirectory(place, views, table)
		if got := d.above[want]; (want != "" || len(d.above) > 0) && !slices.Equal(got, []string{"/srv/a/b"}) {
			t.Errorf("%q leads to %q by %q", place, d.above, want)
		}
	}
}

func TestWritesJoinButNamesDoNot(t *testing.T) {
	c := &keeper{}
	o := newOutput(&Options{Handler: c})
	for _, change := range []Change{
		{Op: Created, Path: "/a", Who: Who{PID: 1}},
		{Op: Modified, Path: "/a", Who: Who{PID: 1}},
		{Op: Modified, Path: "/a", Who: Who{PID: 2}},
		{Op: Closed, Path: "/a", Who: Who{PID: 1}},
		{Op: Deleted, Path: "/a", Who: Who{PID: 1}},
		{Op: Created, Path: "/a", Who: Who{PID: 1}},
		{Op: Modified, Path: "/a", Who: Who{PID: 1}},
	} {
		o.add(change)
	}
	o.dirty(Dirty{Path: "/", Cause: CauseOverflow})
	o.add(Change{Op: Modified, Path: "/a", Who: Who{PID: 1}})
	o.flush()
	want := []string{
		"created|modified|closed by 1", "modified by 2", "deleted by 1", "created|modified by 1", "overflow", "modified by 1",
	}
	if !slices.Equal(c.got, want) {
		t.Errorf("got %q", c.got)
	}
}

// keeper is a Handler that writes down what it gets.
type keeper struct{ got []string }

func (k *keeper) Changes(changes []Change) {
	for _, c := range changes {
		k.got = append(k.got, fmt.Sprint(c.Op, " by ", c.Who.PID))
	}
}
func (k *keeper) Dirty(d Dirty)      { k.got = append(k.got, string(d.Cause)) }
func (k *keeper) Covered([]Coverage) {}
