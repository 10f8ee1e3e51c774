package fim_test

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/fim"
)

// program is the state that the cases start from.
func program() fim.State {
	return fim.State{
		Stat: fim.Stat{
			Kind: fim.KindFile, Mode: 0o755, Links: 1, Size: 4096, Inode: 12, Device: 8<<32 | 1, Volume: 7,
			Born: 1, Changed: 2, Modified: 3,
		},
		Detail: fim.Detail{Content: fim.ContentWhole, Digest: fim.Digest{1}},
	}
}

// capability is the value that setcap cap_net_raw=ep writes.
func capability() string {
	b := binary.LittleEndian.AppendUint32(nil, 0x02000001)
	b = binary.LittleEndian.AppendUint32(b, 1<<13)
	return string(append(b, make([]byte, 12)...))
}

func acl(entries ...[3]uint32) string {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return string(b)
}

func xattr(name, value string) fim.Xattr {
	return fim.Xattr{Name: name, Size: len(value), Value: value}
}

func TestCompare(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fim.State)
		want   string // what Describe says
	}{
		{"nothing", func(*fim.State) {}, ""},
		{"times, inode and mount only", func(s *fim.State) { s.Changed, s.Modified, s.Born, s.Inode, s.Mount = 9, 9, 9, 9, 9 }, ""},
		{"setuid", func(s *fim.State) { s.Mode = 0o4755 }, "mode was 0755, is 4755 (now runs with the rights of its owner)"},
		{"setgid and writable", func(s *fim.State) { s.Mode = 0o2777 }, "mode was 0755, is 2777 (now runs with the rights of its group, now anybody may write)"},
		{"owner and group", func(s *fim.State) { s.UID, s.GID = 1000, 50 }, "owner was 0, is 1000; group was 0, is 50"},
		{"content and size", func(s *fim.State) { s.Digest, s.Size = fim.Digest{2}, 5 }, "content was sha256:01" + strings.Repeat("0", 62) + ", is sha256:02" + strings.Repeat("0", 62) + "; size was 4096 bytes, is 5 bytes"},
		{"became a directory", func(s *fim.State) { s.Kind, s.Mode = fim.KindDirectory, 0 }, "kind was file, is directory"},
		{"state unknown", func(s *fim.State) { s.Kind = fim.KindUnknown }, ""},
		{"immutable", func(s *fim.State) { s.Flags = fim.FlagImmutable }, "flags was none, is immutable"},
		{"unreadable", func(s *fim.State) { s.Content = fim.ContentUnreadable }, "content was sha256:01" + strings.Repeat("0", 62) + ", is unreadable"},
		{"sample where there was a whole", func(s *fim.State) { s.Content, s.Digest = fim.ContentSample, fim.Digest{5} }, ""},
		{"capability", func(s *fim.State) { s.Xattrs = []fim.Xattr{xattr("security.capability", capability())} }, "capabilities was none, is cap_net_raw (effective) (now gets rights when it is run)"},
		{"access list", func(s *fim.State) {
			s.Xattrs = []fim.Xattr{xattr("system.posix_acl_access", acl([3]uint32{1, 6, 0}, [3]uint32{2, 7, 1000}, [3]uint32{0x10, 7, 0}))}
		}, "acl was none, is u::rw-,u:1000:rwx,m::rwx"},
		{"label", func(s *fim.State) {
			s.Xattrs = []fim.Xattr{xattr("security.selinux", "system_u:object_r:bin_t:s0\x00")}
		}, "label was none, is system_u:object_r:bin_t:s0"},
		{"hostile attribute", func(s *fim.State) { s.Xattrs = []fim.Xattr{xattr("user.\x1b[2J\n", "a\x1bb")} }, `attribute user.\x1b[2J\n was none, is "a\x1bb"`},
		{"broken capability", func(s *fim.State) { s.Xattrs = []fim.Xattr{xattr("security.capability", "x")} }, `capabilities was none, is "x" (now gets rights when it is run)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after := program(), program()
			tt.change(&after)
			if got := fim.Describe(fim.Compare(before, after, fim.Rules{}, fim.LogUnknown)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestCompareAsked(t *testing.T) {
	before, after := program(), program()
	after.Changed, after.Modified, after.Inode, after.Volume, after.Links, after.Born, after.Mode = 1e9, 2e9, 13, 8, 2, 3e9, 0o700
	all := fim.Compare(before, after, fim.Rules{Attributes: fim.AllAttributes}, fim.LogUnknown)
	var got fim.Attributes
	for _, d := range all {
		got |= d.Attribute
	}
	want := fim.AttrMode | fim.AttrLinks | fim.AttrInode | fim.AttrVolume | fim.AttrBorn | fim.AttrModified | fim.AttrChanged
	if got != want {
		t.Errorf("all: got %s, want %s", got, want)
	}
	one := fim.Compare(before, after, fim.Rules{Attributes: fim.AttrLinks}, fim.LogUnknown)
	if text := fim.Describe(one); text != "links was 1, is 2" {
		t.Errorf("links alone: %s", text)
	}
}

func TestCompareGrowing(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fim.State)
		log    fim.Log
		want   fim.Attributes
	}{
		{"grew", func(s *fim.State) { s.Size, s.Digest = 5000, fim.Digest{2} }, fim.LogExtended, 0},
		{"grew, nobody looked", func(s *fim.State) { s.Size, s.Digest = 5000, fim.Digest{2} }, fim.LogUnknown, 0},
		{"rewritten", func(s *fim.State) { s.Size, s.Digest = 5000, fim.Digest{2} }, fim.LogRewritten, fim.AttrContent},
		{"cut", func(s *fim.State) { s.Size, s.Digest = 10, fim.Digest{2} }, fim.LogUnknown, fim.AttrSize},
		{"replaced", func(s *fim.State) { s.Inode, s.Size, s.Digest = 99, 10, fim.Digest{2} }, fim.LogUnknown, fim.AttrContent | fim.AttrSize},
		{"mode", func(s *fim.State) { s.Mode, s.Size = 0o666, 5000 }, fim.LogExtended, fim.AttrMode},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after := program(), program()
			tt.change(&after)
			var got fim.Attributes
			for _, d := range fim.Compare(before, after, fim.Rules{Growing: true}, tt.log) {
				got |= d.Attribute
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSame(t *testing.T) {
	before := program().Stat
	for name, change := range map[string]func(*fim.Stat){
		"nothing":      func(*fim.Stat) {},
		"mount":        func(s *fim.Stat) { s.Mount = 4 },
		"other device": func(s *fim.Stat) { s.Device = 3 }, // the volume tells
	} {
		after := before
		if change(&after); !before.Same(after) {
			t.Errorf("%s: not the same", name)
		}
	}
	for name, change := range map[string]func(*fim.Stat){
		"ctime": func(s *fim.Stat) { s.Changed++ }, "inode": func(s *fim.Stat) { s.Inode++ }, "size": func(s *fim.Stat) { s.Size++ },
		"device without volume": func(s *fim.Stat) { s.Device, s.Volume = 3, 0 }, "birth": func(s *fim.Stat) { s.Born++ },
	} {
		after := before
		if change(&after); before.Same(after) {
			t.Errorf("%s: the same", name)
		}
	}
}

func TestAttributesAsText(t *testing.T) {
	for text, want := range map[string]fim.Attributes{
		"mode,owner":               fim.AttrMode | fim.AttrOwner | fim.AttrKind,
		"default":                  fim.DefaultAttributes,
		"all":                      fim.AllAttributes,
		"default,-content,-size":   fim.DefaultAttributes &^ (fim.AttrContent | fim.AttrSize),
		fim.AllAttributes.String(): fim.AllAttributes,
	} {
		if got, err := fim.ParseAttributes(text); err != nil || got != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	if _, err := fim.ParseAttributes("mode,colour"); err == nil || !strings.Contains(err.Error(), `"colour"`) {
		t.Errorf("got %v", err)
	}
}

func TestStateAsJSON(t *testing.T) {
	e := fim.Entry{Path: "/usr/bin/ping", State: program()}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back fim.Entry
	if err := json.Unmarshal(data, &back); err != nil || back.Digest != e.Digest || back.Stat != e.Stat {
		t.Errorf("got %+v, %v from %s", back, err, data)
	}
	if err := back.Digest.UnmarshalText([]byte("zz")); err == nil {
		t.Error("two letters are a digest")
	}
}

func TestCapabilities(t *testing.T) {
	b := binary.LittleEndian.AppendUint32(nil, 0x03000001)
	for _, v := range []uint32{1<<7 | 1<<21, 1 << 0, 1 << 7, 0, 1000} { // 39 is bpf
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	c, err := fim.DecodeCapabilities(string(b))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.String(), "cap_setuid,cap_sys_admin,cap_bpf inheritable cap_chown (effective) under root user 1000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzSecurityWords(f *testing.F) {
	f.Add(capability())
	f.Add(acl([3]uint32{1, 6, 0}, [3]uint32{0x77, 7, 1}))
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > fim.MaxXattrValue {
			t.Skip("such values are not kept")
		}
		for _, name := range []string{"security.capability", "system.posix_acl_access", "security.selinux", "user." + value} {
			before, after := program(), program()
			after.Xattrs = []fim.Xattr{xattr(name, value)}
			text := fim.Describe(fim.Compare(before, after, fim.Rules{}, fim.LogUnknown))
			if strings.ContainsAny(text, "\x00\x1b\n\r") || len(text) > 10_000 {
				t.Errorf("%q", text)
			}
		}
	})
}
