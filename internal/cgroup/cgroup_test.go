package cgroup

import (
	"strings"
	"testing"
)

func TestContainer(t *testing.T) {
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
		if id, runtime := Container(path); id != want.id || runtime != want.runtime {
			t.Errorf("%s: got %q, %q, want %q, %q", path, id, runtime, want.id, want.runtime)
		}
	}
}

func TestUnit(t *testing.T) {
	for path, want := range map[string]string{
		"/system.slice/nginx.service":                                             "nginx.service",
		"/system.slice/system-getty.slice/getty@tty1.service":                     "getty@tty1.service",
		"/user.slice/user-1000.slice/session-3.scope":                             "session-3.scope",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service":       "a.service",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome.scope": "user@1000.service",
		"/": "", "": "", "x": "", "nginx.service": "nginx.service",
	} {
		if got := Unit(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("/system.slice/docker-" + strings.Repeat("a", 64) + ".scope")
	f.Add("/lxc/../x.service")
	f.Fuzz(func(t *testing.T, path string) {
		if id, _ := Container(path); id != "" && !strings.Contains(path, id) {
			t.Errorf("id %q is not in the path", id)
		}
		Unit(path)
	})
}
