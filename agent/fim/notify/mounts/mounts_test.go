package mounts_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/holdfast-security/holdfast/agent/fim/notify/mounts"
)

// host is a host with a bind mount of a part, a mount that hides another, one
// on top of another, and names that need escapes.
const host = `20 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
21 20 0:21 / /proc rw,nosuid shared:5 - proc proc rw
22 20 254:16 / /srv rw shared:7 master:3 - xfs /dev/vdb rw
23 22 254:32 / /srv/data rw - ext4 /dev/vdc rw
24 20 254:32 /www /var/www rw - ext4 /dev/vdc rw
25 20 0:40 / /mnt/with\040space\012line rw - tmpfs tmpfs rw
26 20 0:41 / /hidden/deep rw - tmpfs tmpfs rw
27 20 0:42 / /hidden rw - tmpfs tmpfs rw
28 20 0:43 / /twice rw - tmpfs tmpfs rw
29 28 0:44 / /twice rw - tmpfs tmpfs rw
30 20 0:45 / /net rw - nfs4 server:/export rw
31 20 254:0 /etc/hosts.shared /opt/hosts rw - ext4 /dev/vda1 rw
`

func parse(t *testing.T, text string) *mounts.Table {
	t.Helper()
	table, bad, err := mounts.Parse([]byte(text))
	if err != nil || bad != 0 {
		t.Fatalf("%d bad lines, %v", bad, err)
	}
	return table
}

func TestAt(t *testing.T) {
	table := parse(t, host)
	for path, id := range map[string]int{
		"/": 20, "/etc/passwd": 20, "/proc/1": 21, "/srv": 22, "/srv/other": 22, "/srvother": 20, "/srv/data/x": 23,
		"/var/www/index.html": 24, "/mnt/with space\nline/x": 25, "/hidden/deep/x": 27, "/twice/x": 29, "/opt/hosts": 31,
	} {
		if m := table.At(path); m.ID != id {
			t.Errorf("%q lies in %+v, want mount %d", path, *m, id)
		}
	}
}

func TestViews(t *testing.T) {
	table := parse(t, host)
	for name, test := range map[string]struct {
		root, real string
		want       []string
	}{
		"a directory":        {"/etc", "/etc", []string{"254:0 /etc /etc"}},
		"mounts below":       {"/srv", "/srv", []string{"254:16 / /srv", "254:32 / /srv/data"}},
		"a bind mount":       {"/var/www/html", "/var/www/html", []string{"254:32 /www/html /var/www/html"}},
		"a file":             {"/opt/hosts", "/opt/hosts", []string{"254:0 /etc/hosts.shared /opt/hosts"}},
		"hidden mounts":      {"/hidden", "/hidden", []string{"0:42 / /hidden"}},
		"by a symbolic link": {"/link/x", "/srv/x", []string{"254:16 /x /link/x"}},
		"a link to mounts":   {"/link/srv", "/srv", []string{"254:16 / /link/srv", "254:32 / /link/srv/data"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, v := range table.Views(test.root, test.real, nil) {
				got = append(got, fmt.Sprint(v.Mount.Device, " ", v.Place, " ", v.Path))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	all := table.Views("/", "/", func(m *mounts.Mount) bool { return !m.Pseudo() && !m.Remote() })
	if len(all) != 8 || all[0].Place != "/" {
		t.Errorf("/ is filled by %d file systems: %+v", len(all), all)
	}
}

func TestPlacesHavePaths(t *testing.T) {
	table := parse(t, host)
	for _, test := range []struct{ device, place, want string }{
		{"254:0", "/etc/passwd", "/etc/passwd"},
		{"254:32", "/www/index.html", "/srv/data/www/index.html"},
		{"254:0", "/srv/below-the-mount", ""},
		{"0:43", "/x", ""},
		{"9:9", "/x", ""},
	} {
		if got := table.Anywhere(test.device, test.place); got != test.want {
			t.Errorf("%s of %s is %q, want %q", test.place, test.device, got, test.want)
		}
	}
}

func TestWindows(t *testing.T) {
	const container = `1 0 0:50 / / rw - overlay overlay rw
2 1 254:0 /var/lib/a /one rw - ext4 /dev/vda rw
3 1 254:0 /var/lib/a/b /two rw - ext4 /dev/vda rw
4 1 254:0 /etc/hosts /etc/hosts rw - ext4 /dev/vda rw
`
	var roots []string
	for _, m := range parse(t, container).Windows("254:0") {
		roots = append(roots, m.Root)
	}
	if want := []string{"/var/lib/a", "/etc/hosts"}; len(roots) != 2 || !slices.Contains(roots, want[0]) || !slices.Contains(roots, want[1]) {
		t.Errorf("windows at %q, want %q", roots, want)
	}
}

func TestKinds(t *testing.T) {
	for kind, want := range map[string]string{
		"ext4": "", "fuse": "remote", "fuse.sshfs": "remote", "fuseblk": "", "nfs4": "remote", "cifs": "remote", "proc": "pseudo", "cgroup2": "pseudo",
	} {
		m := mounts.Mount{Type: kind}
		got := ""
		switch {
		case m.Remote():
			got = "remote"
		case m.Pseudo():
			got = "pseudo"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", kind, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "garbage\n", "1 0 8:1 / /boot rw - ext4 a rw\n", "x y 8:1 / / rw - ext4 a rw\n"} {
		if _, _, err := mounts.Parse([]byte(text)); err == nil {
			t.Errorf("made a table of %q", text)
		}
	}
	table, bad, err := mounts.Parse([]byte("nonsense\n" + host))
	if err != nil || bad != 1 || table.At("/srv/data").ID != 23 {
		t.Errorf("%d bad lines, %v", bad, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(host), "/srv/data")
	f.Add([]byte("1 1 0:1 / / rw - a b c\n1 1 0:1 / / rw - a b c\n"), "/")
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		table, _, err := mounts.Parse(text)
		if err != nil {
			return
		}
		if table.At(path) == nil {
			t.Fatal("a path without a mount")
		}
		for _, v := range table.Views(path, path, nil) {
			table.Anywhere(v.Mount.Device, v.Place)
			if len(table.Windows(v.Mount.Device)) > bytes.Count(text, []byte("\n"))+1 {
				t.Fatal("more windows than mounts")
			}
		}
	})
}
