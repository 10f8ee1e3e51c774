package replay_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/cli/replay"
)

func TestCollect(t *testing.T) {
	for _, c := range []struct {
		name, text      string
		events, objects int
		want            string
	}{
		{"objects on lines", "{\"a\": 1}\n{\"a\": 2}\n", 0, 2, ""},
		{"objects over lines", "{\n \"a\": 1\n}\n{\n}", 0, 2, ""},
		{"a log", "Jan  2 03:04:05 host sshd[7]: Failed password for root from 192.0.2.1 port 22 ssh2\n", 1, 0, ""},
		{"nothing", "hello\n", 0, 0, "tells of an event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := input.Open("-", strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			got, err := replay.Collect(file, func() error { return nil })
			if len(got.Events) != c.events || len(got.Objects) != c.objects || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d events, %d objects, %v", len(got.Events), len(got.Objects), err)
			}
		})
	}
}

func TestCollectIsInterrupted(t *testing.T) {
	file, err := input.Open("-", strings.NewReader("{}\n{}\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stop := errors.New("stop")
	if _, err := replay.Collect(file, func() error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error is %v", err)
	}
}
