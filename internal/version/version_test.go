package version

import (
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "4f1c2a9e03d1aabbccdd"}
	for name, c := range map[string]struct {
		release string
		build   *debug.BuildInfo
		want    string
	}{
		"nothing known":   {"", nil, "devel"},
		"linker":          {"1.2.3", nil, "1.2.3"},
		"linker wins":     {"1.2.3", &debug.BuildInfo{Main: debug.Module{Version: "v9"}}, "1.2.3"},
		"go install":      {"", &debug.BuildInfo{Main: debug.Module{Version: "v1.0.0"}}, "v1.0.0"},
		"from a checkout": {"", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{commit}}, "devel (4f1c2a9e03d1)"},
		"modified tree": {
			"", &debug.BuildInfo{Settings: []debug.BuildSetting{commit, {Key: "vcs.modified", Value: "true"}}},
			"devel (4f1c2a9e03d1, modified)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := describe(c.release, c.build).String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
