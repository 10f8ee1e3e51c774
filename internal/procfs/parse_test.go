package procfs

import (
	"slices"
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	const rest = " S 7 100 100 34816 -1 4194304 1 0 0 0 0 0 0 0 20 0 3 0 9345 0 0\n"
	cases := map[string]struct {
		in   string
		want Stat
		bad  bool
	}{
		"plain":           {in: "42 (bash)" + rest, want: Stat{PID: 42, Comm: "bash", State: 'S', PPID: 7, TTY: 34816, Flags: 4194304, Threads: 3, Start: 93_450_000_000}},
		"hostile name":    {in: "42 (a) R 1 1\n(b)" + rest, want: Stat{PID: 42, Comm: "a) R 1 1\n(b", State: 'S', PPID: 7, TTY: 34816, Flags: 4194304, Threads: 3, Start: 93_450_000_000}},
		"empty name":      {in: "42 ()" + rest, want: Stat{PID: 42, State: 'S', PPID: 7, TTY: 34816, Flags: 4194304, Threads: 3, Start: 93_450_000_000}},
		"empty":           {in: "", bad: true},
		"cut short":       {in: "42 (bash) S 7 100", bad: true},
		"no parentheses":  {in: "42 bash S 7", bad: true},
		"letters as ppid": {in: "42 (bash) S x" + rest[4:], bad: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseStat([]byte(tc.in))
			if tc.bad != (err != nil) {
				t.Fatalf("error %v, want an error: %v", err, tc.bad)
			}
			if got != tc.want && !tc.bad {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestParseCredentials(t *testing.T) {
	const status = "Name:\ta\\nUid:\t9\nUmask:\t0022\nState:\tS\nUid:\t1000\t0\t1000\t1000\nGid:\t100\t100\t100\t100\n"
	got, err := ParseCredentials([]byte(status))
	if want := (Credentials{1000, 0, 100, 100}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := ParseCredentials([]byte("Name:\tx\nUid:\n")); err == nil {
		t.Error("content without ids was accepted")
	}
}

func TestTitle(t *testing.T) {
	cases := map[string][]string{
		"sshd: root@pts/0\x00\x00\x00\x00": {"sshd: root@pts/0"},
		"a\x00\x00b\x00":                   {"a", "", "b"},
		"a\x00b\x00\x00":                   {"a", "b", ""},
		"\x00":                             {""},
		"one":                              {"one"},
	}
	for in, want := range cases {
		if got := Title(SplitArguments([]byte(in))); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestTTYName(t *testing.T) {
	for device, want := range map[uint32]string{
		0: "", 34816: "pts0", 34823: "pts7", 137 << 8: "pts256", 1025: "tty1", 4<<8 | 64: "ttyS0", 5<<8 | 1: "console",
	} {
		if got := TTYName(device); got != want {
			t.Errorf("device %#x: got %q, want %q", device, got, want)
		}
	}
}

func TestCgroupPath(t *testing.T) {
	for in, want := range map[string]string{
		"0::/system.slice/nginx.service\n":                      "/system.slice/nginx.service",
		"9:name=systemd:/\n4:memory:/docker/abc\n0::/\n":        "/docker/abc",
		"12:cpu:/x\n1:name=systemd:/user.slice/a.scope\n0::/\n": "/user.slice/a.scope",
		"0::/\n": "", "": "", "garbage": "",
	} {
		if got := CgroupPath([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("42 (bash) S 7 100 100 34816 -1 4194304 1 0 0 0 0 0 0 0 20 0 3 0 9345 0 0\n"))
	f.Add([]byte("1 (a) b) ) Z"))
	f.Add([]byte("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t1\t2\t3\t4\n"))
	f.Add([]byte("0::/a\n1:name=systemd:/b\n"))
	f.Add([]byte("-x\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ParseStat(data); err == nil && !strings.Contains(string(data), s.Comm) {
			t.Errorf("name %q is not in the content", s.Comm)
		}
		ParseCredentials(data)
		CgroupPath(data)
		if args := SplitArguments(data); len(data) > 0 && len(args) == 0 {
			t.Error("content without arguments")
		}
		Title(SplitArguments(data))
	})
}
