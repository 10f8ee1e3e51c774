// Package cgroup reads what the path of a control group says: the container
// and the systemd unit that a process lives in, see cgroups(7).
//
// Paths are names that the container runtime or systemd chose; a process that
// may write to the hierarchy can choose its own below its present one, which
// is why the outermost container counts.
package cgroup

import "strings"

// Container finds the outermost container in the path of a control group, of
// version 1 or 2, made by systemd's driver or the runtime's own. It returns ""
// where there is none; runtime is "" where the path does not tell.
func Container(path string) (id, runtime string) {
	before := ""
	for element := range strings.SplitSeq(path, "/") {
		if id, runtime := containerElement(element, before); id != "" {
			if runtime == "" {
				runtime = runtimeOf(path)
			}
			return id, runtime
		}
		before = element
	}
	return "", ""
}

// prefixes of the scopes that runtimes ask systemd for. Those of the
// monitors that watch a container from outside are not among them.
var scopePrefixes = []struct{ prefix, runtime string }{
	{"docker-", "docker"},
	{"cri-containerd-", "containerd"},
	{"nerdctl-", "containerd"},
	{"crio-", "crio"},
	{"libpod-", "podman"},
}

func containerElement(element, before string) (id, runtime string) {
	name := strings.TrimSuffix(element, ".scope")
	for _, p := range scopePrefixes {
		if rest, ok := strings.CutPrefix(name, p.prefix); ok && IsContainerID(rest) {
			return rest, p.runtime
		}
	}
	// containerd's systemd driver: <slice>:cri-containerd:<id>.
	if i := strings.LastIndexByte(name, ':'); i >= 0 && IsContainerID(name[i+1:]) {
		return name[i+1:], "containerd"
	}
	if rest, ok := strings.CutPrefix(element, "lxc.payload."); ok && rest != "" {
		return rest, "lxc"
	}
	if before == "lxc" && element != "" {
		return element, "lxc"
	}
	if IsContainerID(name) {
		return name, ""
	}
	return "", ""
}

// runtimeOf guesses the runtime of a container whose id stands alone.
func runtimeOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/docker/"):
		return "docker"
	case strings.Contains(path, "/libpod_parent/"):
		return "podman"
	case strings.HasPrefix(path, "/k8s.io/"), strings.HasPrefix(path, "/default/"), strings.Contains(path, "/containerd/"):
		return "containerd"
	}
	return ""
}

// IsContainerID reports whether s is 64 lower-case hex digits.
func IsContainerID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Unit returns the innermost service in the path of a control group, else
// the innermost scope, else "".
func Unit(path string) string {
	scope := ""
	for path != "" {
		i := strings.LastIndexByte(path, '/')
		element := path[i+1:]
		if strings.HasSuffix(element, ".service") {
			return element
		}
		if scope == "" && strings.HasSuffix(element, ".scope") {
			scope = element
		}
		path = path[:max(i, 0)]
	}
	return scope
}
