package fim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/fim"
	"github.com/holdfast-security/holdfast/finding"
)

func compile(t *testing.T, watches ...fim.Watch) *fim.Selector {
	t.Helper()
	s, err := fim.Compile(fim.Selection{Watches: watches})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"*.conf", "a.conf", true},
		{"*.conf", "deep/down/a.conf", true},
		{"*.conf", "a.confx", false},
		{"a*b*c", "aXXbYYc", true},
		{"a*b*c", "aXXbYY", false},
		{"?.so", "x.so", true},
		{"?.so", "xy.so", false},
		{"d/*.conf", "d/a.conf", true},
		{"d/*.conf", "d/e/a.conf", false},
		{"d/**", "d/e/f", true},
		{"d/**/f", "d/e/g/f", true},
		{"d/**/*.jpg", "d/e/g/f.jpg", true},
		{"d/**/*.jpg", "d/e/g.jpg/f", false},
		{"**/x*y/z", "q/xay/xby/z", true},
		{"a?b/c", "a/b/c", false},
		{"[ab]", "a", false},
		{"[ab]", "[ab]", true},
		{"new\nline*", "new\nlines", true},
		{"*a?b*", "a\xffb", true},
	}
	for _, tt := range tests {
		s := compile(t, fim.Watch{Root: "/r", Recursive: true, Include: []string{tt.pattern}})
		if got := s.Owner("/r/"+tt.path) != nil; got != tt.want {
			t.Errorf("%q with %q: %v", tt.pattern, tt.path, got)
		}
	}
}

func TestOwner(t *testing.T) {
	s := compile(t,
		fim.Watch{Name: "all", Root: "/usr", Recursive: true, Exclude: []string{"share/doc", "*.pyc"}},
		fim.Watch{Name: "local", Root: "/usr/local", Recursive: true},
		fim.Watch{Name: "login", Root: "/usr/bin/login"},
		fim.Watch{Name: "conf", Root: "/etc", Include: []string{"*.conf"}},
		fim.Watch{Name: "rest", Root: "/etc", Include: []string{"passwd"}},
		fim.Watch{Name: "rule", Root: "/etc/x", Exclude: []string{"y"}},
	)
	for path, want := range map[string]string{
		"/usr":                 "all",
		"/usr/bin":             "all",
		"/usr/bin/login":       "login",
		"/usr/bin/logins":      "all",
		"/usr/lib/a.pyc":       "",
		"/usr/share/doc":       "",
		"/usr/share/doc/a/b":   "", // below what is left out
		"/usr/share/docs":      "all",
		"/usr/local":           "local",
		"/usr/local/lib/a.pyc": "local", // the deepest root decides alone
		"/usrlocal":            "",
		"/etc":                 "conf",
		"/etc/a.conf":          "conf",
		"/etc/passwd":          "rest",
		"/etc/shadow":          "",
		"/etc/d/a.conf":        "", // not recursive
		"/etc/x/y":             "",
		"/etc/x/z":             "rule",
		"/":                    "",
	} {
		got := ""
		if w := s.Owner(path); w != nil {
			got = w.Name
		}
		if got != want {
			t.Errorf("%s belongs to %q, want %q", path, got, want)
		}
	}
	if want := []string{"/etc", "/etc/x", "/usr", "/usr/bin/login", "/usr/local"}; !slices.Equal(s.Roots(), want) {
		t.Errorf("roots %q", s.Roots())
	}
}

func TestSelectionErrors(t *testing.T) {
	many := make([]fim.Watch, fim.MaxWatches+1)
	tests := []struct {
		name      string
		selection fim.Selection
		want      string
	}{
		{"too many", fim.Selection{Watches: many}, "more than 1000"},
		{"relative", fim.Selection{Watches: []fim.Watch{{Root: "/a"}, {Root: "etc"}}}, `watch 2 of 2 ("etc"): its root "etc" is no clean absolute path`},
		{"dots", fim.Selection{Watches: []fim.Watch{{Root: "/a/../b"}}}, "no clean absolute path"},
		{"none", fim.Selection{Watches: []fim.Watch{{}}}, "it has no root"},
		{"zero byte", fim.Selection{Watches: []fim.Watch{{Root: "/a\x00"}}}, "no clean absolute path"},
		{"long root", fim.Selection{Watches: []fim.Watch{{Root: "/" + strings.Repeat("a", 5000)}}}, "more than 4095"},
		{"empty pattern", fim.Selection{Watches: []fim.Watch{{Root: "/a", Include: []string{""}}}}, "a pattern is empty"},
		{"absolute pattern", fim.Selection{Watches: []fim.Watch{{Root: "/a", Exclude: []string{"/a/b"}}}}, "begins with a slash"},
		{"long pattern", fim.Selection{Watches: []fim.Watch{{Root: "/a", Exclude: []string{strings.Repeat("*", 300)}}}}, "more than 256"},
		{"many patterns", fim.Selection{Watches: []fim.Watch{{Root: "/a", Exclude: make([]string, 101)}}}, "more than 100"},
		{"severity", fim.Selection{Watches: []fim.Watch{{Root: "/a", Severity: 9}}}, "unknown severity"},
		{"attributes", fim.Selection{Watches: []fim.Watch{{Root: "/a", Attributes: 1 << 30}}}, "unknown attributes"},
		{"file system", fim.Selection{Filesystems: []string{""}}, "file systems"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.selection.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 400 {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestRecommendedLinux(t *testing.T) {
	s := compile(t, fim.RecommendedLinux().Watches...)
	for _, path := range []string{
		"/bin/login", "/bin/passwd", "/etc/any.conf", "/usr/bin/x", "/usr/sbin/x", "/bin/x", "/sbin/x", "/boot/vmlinuz", "/usr/local/bin/x",
		"/usr/local/sbin/x", "/opt/bin/x", "/opt/sbin/x", "/etc/crontab", "/etc/init.d/x", "/etc/cron.hourly/x", "/etc/cron.daily/x",
		"/etc/cron.weekly/x", "/etc/cron.monthly/x", // and what the issue adds:
		"/etc/passwd", "/etc/pam.d/sshd", "/etc/ssh/sshd_config", "/root/.ssh/authorized_keys", "/etc/systemd/system/x.service",
		"/etc/ld.so.preload", "/var/www/html/index.php", "/usr/lib/modules/6.1/kernel/x.ko", "/lib/security/pam_x.so",
	} {
		if s.Owner(path) == nil {
			t.Errorf("%s is not watched", path)
		}
	}
	for _, path := range []string{"/etc/resolv.conf", "/boot/grub/grubenv", "/usr/lib/python3/x/__pycache__/y.pyc", "/tmp/x", "/home/user/x"} {
		if w := s.Owner(path); w != nil {
			t.Errorf("%s is watched as %s", path, w.Name)
		}
	}
	if w := s.Owner("/etc/shadow"); w == nil || w.Severity != finding.High {
		t.Errorf("/etc/shadow: %+v", w)
	}
	seen := make(map[string]bool)
	for _, w := range fim.RecommendedLinux().Watches {
		if seen[w.Root] {
			t.Errorf("%s is listed twice", w.Root)
		}
		seen[w.Root] = true
	}
	if !s.Enters("ext4") || s.Enters("nfs4") || s.Enters("proc") {
		t.Error("local file systems alone are entered")
	}
}

// FuzzPatterns holds matching to a plain recursive definition of it.
func FuzzPatterns(f *testing.F) {
	f.Add("a/**/*.c?", "a/b/x.cc")
	f.Add("**a*b/*", "xa/yb/z")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern) > 12 || len(path) > 24 || !strings.Contains(pattern, "/") {
			t.Skip("the plain definition takes too long")
		}
		s, err := fim.Compile(fim.Selection{Watches: []fim.Watch{{Root: "/", Recursive: true, Include: []string{pattern}}}})
		if err != nil || path == "" {
			return
		}
		if got := s.Scope("/").Owner(path) != nil; got != plainMatch(pattern, path) {
			t.Errorf("%q with %q: %v", pattern, path, got)
		}
	})
}

func plainMatch(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case strings.HasPrefix(pattern, "**"):
		return plainMatch(pattern[2:], text) || text != "" && plainMatch(pattern, text[1:])
	case pattern[0] == '*':
		return plainMatch(pattern[1:], text) || text != "" && text[0] != '/' && plainMatch(pattern, text[1:])
	case text == "":
		return false
	}
	return (pattern[0] == text[0] || pattern[0] == '?' && text[0] != '/') && plainMatch(pattern[1:], text[1:])
}
