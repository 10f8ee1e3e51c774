package process

import (
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/event"
)

func TestParseContainer(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	other := strings.Repeat("f", 64)
	cases := map[string]struct{ id, runtime string }{
		"/docker/" + id:                                {id, "docker"},
		"/system.slice/docker-" + id + ".scope":        {id, "docker"},
		"/docker/" + id + "/system.slice/cron.service": {id, "docker"},
		"/docker/" + id + "/docker/" + other:           {id, "docker"},
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-" + id + ".scope": {id, "containerd"},
		"/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope":                                              {id, "crio"},
		"/kubepods.slice/kubepods-pod1.slice/crio-conmon-" + id + ".scope":                                       {},
		"/kubepods/besteffort/pod1234/" + id:                                                                     {id, ""},
		"/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + id:                              {id, "containerd"},
		"/machine.slice/libpod-" + id + ".scope/container":                                                       {id, "podman"},
		"/machine.slice/libpod-conmon-" + id + ".scope":                                                          {},
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope":                       {id, "podman"},
		"/libpod_parent/libpod-" + id:                                                                            {id, "podman"},
		"/k8s.io/" + id:                                                                                          {id, "containerd"},
		"/default/" + id:                                                                                         {id, "containerd"},
		"/lxc/web1":                                                                                              {"web1", "lxc"},
		"/lxc.payload.web1/system.slice/nginx.service":                                                           {"web1", "lxc"},
		"/lxc.monitor.web1":                                                                                      {},
		"/system.slice/nginx.service":                                                                            {},
		"/docker/" + strings.ToUpper(id):                                                                         {},
		"/docker/" + id[1:]:                                                                                      {},
		"/docker-" + id + "x.scope":                                                                              {},
		"":                                                                                                       {},
		"/":                                                                                                      {},
	}
	for path, want := range cases {
		if id, runtime := parseContainer(path); id != want.id || runtime != want.runtime {
			t.Errorf("%s: got %q, %q, want %q, %q", path, id, runtime, want.id, want.runtime)
		}
	}
}

func TestUnitOf(t *testing.T) {
	for path, want := range map[string]string{
		"/system.slice/nginx.service":                                             "nginx.service",
		"/system.slice/system-getty.slice/getty@tty1.service":                     "getty@tty1.service",
		"/user.slice/user-1000.slice/session-3.scope":                             "session-3.scope",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service":       "a.service",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome.scope": "user@1000.service",
		"/": "", "": "", "x": "", "nginx.service": "nginx.service",
	} {
		if got := unitOf(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func FuzzCgroupPath(f *testing.F) {
	f.Add("/system.slice/docker-" + strings.Repeat("a", 64) + ".scope")
	f.Add("/lxc/../x.service")
	f.Fuzz(func(t *testing.T, path string) {
		if id, _ := parseContainer(path); id != "" && !strings.Contains(path, id) {
			t.Errorf("id %q is not in the path", id)
		}
		unitOf(path)
	})
}

func TestEntry(t *testing.T) {
	anna := event.User{UID: 1000, Name: "anna"}
	cases := map[string]struct {
		parent, self string
		want         event.EntryPoint
	}{
		"cron job":          {"/usr/sbin/cron", "/bin/sh", event.EntryPoint{Kind: event.EntryCron, User: "anna"}},
		"cron's own child":  {"/usr/sbin/cron", "/usr/sbin/cron", event.EntryPoint{Kind: event.EntryService}},
		"at job":            {"/usr/sbin/atd", "/bin/sh", event.EntryPoint{Kind: event.EntryCron, User: "anna"}},
		"console":           {"/bin/login", "/bin/bash", event.EntryPoint{Kind: event.EntryConsole, User: "anna"}},
		"graphical":         {"/usr/libexec/gdm-session-worker", "/usr/bin/gnome-session", event.EntryPoint{Kind: event.EntryGraphical, User: "anna"}},
		"ssh":               {"/usr/lib/openssh/sshd-session", "/bin/bash", event.EntryPoint{Kind: event.EntrySSH, User: "anna"}},
		"ssh executes sshd": {"/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", event.EntryPoint{Kind: event.EntryService}},
		"inherited":         {"/bin/bash", "/usr/bin/id", event.EntryPoint{Kind: event.EntryService}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Options{Recorded: true})
			parent := &event.Process{PID: 5, Executable: &event.File{Path: tc.parent}, Entry: event.EntryPoint{Kind: event.EntryService}}
			proc := &event.Process{PID: 6, Executable: &event.File{Path: tc.self}, User: anna, Entry: parent.Entry}
			if table.entry(proc, parent, ""); proc.Entry != tc.want {
				t.Errorf("got %+v, want %+v", proc.Entry, tc.want)
			}
		})
	}
}

func TestScriptOf(t *testing.T) {
	cases := []struct{ base, args, want string }{
		{"bash", "bash x.sh a b", "/w/x.sh"},
		{"bash", "-bash", ""},
		{"bash", "bash -c id", ""},
		{"bash", "bash -lc id", ""},
		{"bash", "bash -x -e ./x.sh", "/w/x.sh"},
		{"bash", "bash -euo pipefail x.sh", "/w/x.sh"},
		{"bash", "bash --rcfile rc -i x.sh", "/w/x.sh"},
		{"bash", "bash --login x.sh", "/w/x.sh"},
		{"bash", "bash -- -x.sh", "/w/-x.sh"},
		{"sh", "sh /tmp/../etc/a.sh", "/etc/a.sh"},
		{"sh", "sh -s arg", ""},
		{"sh", "sh -", ""},
		{"busybox", "busybox sh x.sh", "/w/x.sh"},
		{"busybox", "sh x.sh", "/w/x.sh"},
		{"python3.11", "python3 -u -W ignore x.py", "/w/x.py"},
		{"python3", "python3 -m http.server", ""},
		{"python3", "python3 -c import", ""},
		{"perl", "perl -w -I lib x.pl", "/w/x.pl"},
		{"perl", "perl -e print", ""},
		{"perl5.36", "perl x.pl", "/w/x.pl"},
		{"node", "node --require a.js app.js", "/w/app.js"},
		{"nodejs", "node -e x", ""},
		{"php8.2", "php -d a=b -f x.php", "/w/x.php"},
		{"php", "php -r x", ""},
		{"gawk", "awk -f x.awk file", "/w/x.awk"},
		{"awk", "awk {print} file", ""},
		{"ruby", "ruby x.rb", "/w/x.rb"},
		{"ls", "ls x.sh", ""},
		{"bash", "bash", ""},
		{"bash", "bash -O", ""},
	}
	for _, tc := range cases {
		if got := scriptOf(tc.base, strings.Fields(tc.args), "/w"); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.args, got, tc.want)
		}
	}
	if got := scriptOf("bash", []string{"bash", "x.sh"}, ""); got != "" {
		t.Errorf("a relative script without a directory: %q", got)
	}
}

func FuzzScript(f *testing.F) {
	f.Add("bash", "bash\x00-x\x00a.sh")
	f.Add("python3", "python3\x00-W")
	f.Add("awk", "awk\x00-f")
	f.Add("sh", "sh\x00\x00-")
	f.Fuzz(func(t *testing.T, base, args string) {
		if s := scriptOf(base, strings.Split(args, "\x00"), "/w"); s != "" && s[0] != '/' {
			t.Errorf("script %q is not absolute", s)
		}
	})
}
