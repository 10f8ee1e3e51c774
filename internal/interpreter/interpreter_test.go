package interpreter

import (
	"strings"
	"testing"
)

func TestScript(t *testing.T) {
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
		{"perl", "perl -MExporter -w x.pl", "/w/x.pl"},
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
		if got := Script(tc.base, strings.Fields(tc.args), "/w"); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.args, got, tc.want)
		}
	}
	if got := Script("bash", []string{"bash", "x.sh"}, ""); got != "" {
		t.Errorf("a relative script without a directory: %q", got)
	}
}

func FuzzScript(f *testing.F) {
	f.Add("bash", "bash\x00-x\x00a.sh")
	f.Add("python3", "python3\x00-W")
	f.Add("awk", "awk\x00-f")
	f.Add("sh", "sh\x00\x00-")
	f.Fuzz(func(t *testing.T, base, args string) {
		if s := Script(base, strings.Split(args, "\x00"), "/w"); s != "" && s[0] != '/' {
			t.Errorf("script %q is not absolute", s)
		}
	})
}
