// Package version says what build is running.
//
// A release sets the version with the linker (-X); anything else takes it
// from what the Go toolchain recorded: the module version, or the commit and
// whether the tree was modified.
package version

import (
	"runtime"
	"runtime/debug"
)

// release is set by the linker:
//
//	go build -ldflags "-X github.com/holdfast-security/holdfast/internal/version.release=1.2.3"
var release string

// Info describes a build. Its JSON form is API.
type Info struct {
	Version  string `json:"version"`            // "1.2.3", or "devel" for a build that is no release
	Commit   string `json:"commit,omitempty"`   // full hash; "" when unknown
	Date     string `json:"date,omitempty"`     // of the commit, RFC 3339
	Modified bool   `json:"modified,omitempty"` // built from a tree with uncommitted changes
	Go       string `json:"go"`                 // toolchain
	Platform string `json:"platform"`           // GOOS/GOARCH
}

// Get returns the running build's description.
func Get() Info {
	build, _ := debug.ReadBuildInfo()
	return describe(release, build)
}

func describe(release string, build *debug.BuildInfo) Info {
	info := Info{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build == nil {
		build = &debug.BuildInfo{}
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value
		case "vcs.time":
			info.Date = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	if info.Version == "" {
		info.Version = build.Main.Version
	}
	if info.Version == "" || info.Version == "(devel)" {
		info.Version = "devel"
	}
	return info
}

// String returns the version and the beginning of the commit, for example
// "1.2.3 (4f1c2a9e03d1)".
func (i Info) String() string {
	const shown = 12 // digits, enough to be unambiguous
	if len(i.Commit) < shown {
		return i.Version
	}
	commit := i.Commit[:shown]
	if i.Modified {
		commit += ", modified"
	}
	return i.Version + " (" + commit + ")"
}
