package baseline

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/fim"
)

func TestItemsComeBack(t *testing.T) {
	self := fim.State{Stat: fim.Stat{Kind: fim.KindDirectory, Mode: 0o1777, Links: 3, Inode: 5, Device: 8<<32 | 1, Volume: 1 << 63, Mount: 9, Born: -5, Changed: 1e18, Modified: 3}}
	items := []Item{
		{Name: "\x01\n", State: fim.State{Stat: fim.Stat{Kind: fim.KindLink, Size: 3}, Detail: fim.Detail{Target: "a\xff"}}},
		{Name: "dir", Own: true},
		{Name: "file", State: fim.State{
			Stat:   fim.Stat{Kind: fim.KindFile, Flags: fim.FlagImmutable, Mode: 0o4755, Links: 1, UID: 1<<32 - 1, GID: 50, Size: 1<<63 - 1, Inode: 1<<64 - 1, Device: 1, Volume: 1 << 63, Mount: 9, Changed: 1<<63 - 1, Modified: -1 << 63, Born: 7},
			Detail: fim.Detail{Content: fim.ContentWhole, Unsettled: true, Digest: fim.Digest{1, 2}, Xattrs: []fim.Xattr{{Name: "user.a", Size: 3, Value: "abc"}, {Name: "user.b", Size: 900, Value: strings.Repeat("d", 32)}}},
		}},
		{Name: "node", State: fim.State{Stat: fim.Stat{Kind: fim.KindCharDevice, Node: 1<<32 | 3}, Detail: fim.Detail{Content: fim.ContentNone}}},
		{Name: "shut", State: fim.State{Stat: fim.Stat{Kind: fim.KindFile}, Detail: fim.Detail{Content: fim.ContentUnreadable}}},
	}
	var e encoder
	e.reset("/d", self)
	for _, i := range items {
		e.add(i)
	}
	parts := e.finish()
	if len(parts) != 1 {
		t.Fatalf("%d parts", len(parts))
	}
	d := decoder{rest: string(parts[0][1:])}
	if p := d.head(); p.path != "/d" || p.number != 0 || !p.last {
		t.Errorf("got %+v", p)
	}
	if got := d.state(fim.Stat{}); !reflect.DeepEqual(got, self) {
		t.Errorf("got %+v, want %+v", got, self)
	}
	last := ""
	for _, want := range items {
		got := d.item(last, self.Stat)
		if last = got.Name; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if d.err != nil || d.rest != "" {
		t.Errorf("left %q, %v", d.rest, d.err)
	}
}

func TestItemsOutOfOrder(t *testing.T) {
	var e encoder
	e.reset("/d", fim.State{})
	e.add(Item{Name: "b", Own: true})
	e.add(Item{Name: "a", Own: true})
	d := decoder{rest: string(e.finish()[0][1:])}
	d.head()
	d.state(fim.Stat{})
	if d.item("b", fim.Stat{}); !errors.Is(d.err, ErrDamaged) {
		t.Errorf("the first name twice: %v", d.err)
	}
}

// FuzzDecode reads units that may be anything; what is read is written and read
// again.
func FuzzDecode(f *testing.F) {
	var e encoder
	e.reset("/d", fim.State{Stat: fim.Stat{Kind: fim.KindDirectory, Changed: 5}})
	e.add(Item{Name: "a", State: fim.State{Stat: fim.Stat{Kind: fim.KindFile, Changed: 6}, Detail: fim.Detail{Content: fim.ContentWhole, Xattrs: []fim.Xattr{{Name: "n", Size: 1, Value: "v"}}}}})
	e.add(Item{Name: "b", Own: true})
	f.Add(e.finish()[0][1:])
	f.Fuzz(func(t *testing.T, data []byte) {
		d := decoder{rest: string(data)}
		p := d.head()
		self := d.state(fim.Stat{})
		var again encoder
		again.reset(p.path, self)
		for last := ""; d.err == nil && d.rest != ""; {
			item := d.item(last, self.Stat)
			if d.err != nil {
				break
			}
			last = item.Name
			again.add(item)
			if got, want := appendState(nil, item.State, self.Stat), item.State; !item.Own {
				back := decoder{rest: string(got)}
				if state := back.state(self.Stat); back.err != nil || !reflect.DeepEqual(state, want) {
					t.Fatalf("%+v became %+v, %v", want, state, back.err)
				}
			}
		}
		again.finish()
	})
}
