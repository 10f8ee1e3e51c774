package detect_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/cputime"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

// own compiles Holdfast's own rules.
func own(t testing.TB) *detect.Ruleset {
	t.Helper()
	set, errs := detect.Compile(rulefiles.Embedded().Rules)
	for _, err := range errs {
		t.Error(err)
	}
	return set
}

// image makes the process that runs a command line as a child of parent.
func image(pid uint32, parent *event.Process, directory, line string) *event.Process {
	args := strings.Fields(line)
	if i := strings.Index(line, " -c "); i >= 0 { // the rest is one argument
		args = append(strings.Fields(line[:i+3]), line[i+4:])
	}
	p := &event.Process{
		UID: event.ProcessUID{PID: pid, Start: uint64(pid) << 20}, PID: pid, Parent: parent, Name: path.Base(args[0]),
		Executable: &event.File{Path: args[0], Package: "tools", Owned: event.OwnedYes}, Arguments: args, CommandLine: line,
		Directory: directory, User: event.User{UID: 1000, Name: "ann"}, Login: &event.User{UID: 1000, Name: "ann"}, Session: 3,
		Entry:       event.EntryPoint{Kind: event.EntrySSH, Address: "192.0.2.7", User: "ann"},
		Descriptors: []event.Descriptor{{FD: 0, Kind: event.DescriptorPipe}, {FD: 1, Kind: event.DescriptorPipe}, {FD: 2, Kind: event.DescriptorPipe}},
	}
	if parent != nil {
		p.PPID = parent.PID
	}
	if strings.HasPrefix(args[0], "/tmp/") {
		p.Executable.Package, p.Executable.Owned = "", event.OwnedNo
	}
	return p
}

// session is a shell that somebody logged on to.
func session() *event.Process {
	system := image(1, nil, "/", "/usr/lib/systemd/systemd --system")
	daemon := image(700, system, "/", "/usr/sbin/sshd -D")
	logon := image(810, daemon, "/", "/usr/lib/openssh/sshd-session ann@pts/0")
	return image(812, logon, "/home/ann", "/bin/bash --login")
}

// everydayLines is what hosts run all the time.
var everydayLines = []string{
	"/bin/sh -c test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily", "/usr/bin/ls --color=auto -la /srv",
	"/usr/bin/gcc -O2 -Wall -Iinclude -c src/main.c -o build/main.o", "/usr/bin/apt-get -y upgrade",
	"/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -imultiarch x86_64-linux-gnu src/main.c -dumpbase main.c -mtune=generic -O2 -o /tmp/ccXa1B2c.s",
	"/usr/bin/curl -fsSL https://deb.example.org/key.gpg -o /usr/share/keyrings/example.gpg", "/usr/bin/git rev-parse --short HEAD",
	"/usr/sbin/sshd -D -R", "/usr/bin/python3 /usr/bin/ansible-playbook site.yml", "/usr/bin/grep -rn needle src include",
	"/usr/bin/make -j8 all", "/bin/bash /usr/local/bin/backup.sh --full", "/usr/bin/systemctl reload nginx.service",
	"/usr/bin/dpkg --status-fd 20 --no-triggers --unpack /var/cache/apt/archives/curl_7.88.1_amd64.deb", "/usr/bin/sed -e s/a/b/ config.in",
	"/bin/bash -c cd /srv/app && npm run build", "/usr/bin/tar czf /var/backups/etc.tar.gz /etc", "/usr/bin/rm -rf build/tmp",
	"/usr/bin/ps aux --sort=-rss", "/usr/bin/cat /proc/meminfo", "/usr/bin/find . -name core -mtime +7", "/usr/bin/rsync -a /srv/ backup:/srv/",
	"/usr/bin/node /srv/app/server.js", "/usr/bin/id -u", "/usr/bin/sleep 1",
}

// starts returns n program starts with the command lines in turn, each with
// an argument of its own.
func starts(n int, directory string, lines ...string) []*event.Event {
	shell := session()
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var events []*event.Event
	for i := range n {
		events = append(events, &event.Event{
			Time: begin.Add(time.Duration(i) * time.Millisecond), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch,
			Status: event.StatusSuccess, Source: event.SourceAudit, Key: "holdfast-exec",
			Process: image(uint32(1000+i), shell, directory, lines[i%len(lines)]+fmt.Sprint(" ", i)),
		})
	}
	return events
}

// as returns the events turned into another activity of processes.
func as(activity event.Activity, events []*event.Event) []*event.Event {
	var turned []*event.Event
	for _, ev := range events {
		other := *ev
		other.Activity, other.Key = activity, ""
		turned = append(turned, &other)
	}
	return turned
}

// BenchmarkOwnRules maps events of a host and matches them with Holdfast's own
// rules. One iteration is one event: of a storm that starts one program from
// /tmp as fast as it can, of programs that hosts run every day, of forks and of
// exits.
func BenchmarkOwnRules(b *testing.B) {
	set := own(b)
	storm := starts(4096, "/srv/build", "/tmp/storm2381904773/storm-target 24117")
	for _, lane := range []struct {
		name   string
		events []*event.Event
	}{
		{"storm", storm},
		{"everyday", starts(4096, "/srv/build", everydayLines...)},
		{"fork", as(event.ProcessFork, storm)},
		{"exit", as(event.ProcessTerminate, storm)},
	} {
		b.Run(lane.name, func(b *testing.B) {
			mapper, m := fields.NewMapper(set), set.NewMatcher(detect.Limits{})
			matches, n := 0, 0
			report := func(detect.Match) { matches++ }
			match := func(d *detect.Document) { m.Match(d, report) }
			b.ReportAllocs()
			began := cputime.Used()
			for b.Loop() {
				mapper.Each(lane.events[n%len(lane.events)], match)
				n++
			}
			b.ReportMetric(float64(n)/(cputime.Used()-began).Seconds(), "events/cpu-s")
			b.ReportMetric(float64(m.Counters().Evaluated)/float64(n), "rules/event")
			b.ReportMetric(float64(matches)/float64(n), "matches/event")
		})
	}
}

// TestOwnRulesAgree holds the index against the evaluation of every rule, on
// everyday command lines and, where there are any, on collections of malicious
// ones, as the text of a shell and as programs of their own.
func TestOwnRulesAgree(t *testing.T) {
	set := own(t)
	mapper, m := fields.NewMapper(set), set.NewMatcher(detect.Limits{})
	matches := 0
	for _, ev := range starts(2*len(everydayLines), "/tmp/.x", everydayLines...) {
		matches += agree(t, set, mapper, m, ev)
	}
	if matches == 0 {
		t.Error("none of the command lines matches any rule")
	}
	matches = 0
	for _, line := range commandLines(t) {
		for _, start := range starts(2, "/tmp", "/bin/sh -c "+line, "/usr/bin/"+line) {
			matches += agree(t, set, mapper, m, start)
		}
	}
	t.Logf("%d matches in the collections", matches)
}

// agree reports where the index and the evaluation of every rule differ, and
// returns how many rules match.
func agree(t *testing.T, set *detect.Ruleset, mapper *fields.Mapper, m *detect.Matcher, ev *event.Event) (matches int) {
	t.Helper()
	mapper.Each(ev, func(d *detect.Document) {
		var want []*sigma.Rule
		for _, rule := range set.Rules() {
			if detect.HoldsPlainly(d, rule) {
				want = append(want, rule)
			}
		}
		m.Match(d, func(detect.Match) {})
		if got := detect.MatchedRules(m); !slices.Equal(got, want) {
			t.Errorf("%q: the index finds %v, evaluating every rule %v", ev.Process.CommandLine, ids(got), ids(want))
		}
		matches += len(want)
	})
	return matches
}

func ids(rules []*sigma.Rule) []string {
	var all []string
	for _, rule := range rules {
		all = append(all, rule.ID)
	}
	return all
}

// commandLines returns some lines of each collection of command lines.
func commandLines(t *testing.T) []string {
	t.Helper()
	const some = 200 // of each collection
	paths, err := filepath.Glob(filepath.Join(hosttest.Data(t, "shell-commands"), "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Split(strings.TrimSpace(string(data)), "\n")
		for i := 0; i < len(all); i += max(1, len(all)/some) {
			if text := strings.TrimSpace(all[i]); text != "" {
				lines = append(lines, text)
			}
		}
	}
	return lines
}
