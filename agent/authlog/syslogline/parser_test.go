package syslogline_test

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/authlog/syslogline"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

var reference = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fixedClock() syslogline.Clock {
	return syslogline.Clock{Now: func() time.Time { return reference }, Zone: time.UTC}
}

func newParser() *syslogline.Parser {
	return syslogline.New(syslogline.Options{Clock: fixedClock()})
}

// parseAll runs lines through a fresh parser and flushes it.
func parseAll(lines ...string) []event.Event {
	p := newParser()
	var events []event.Event
	for _, line := range lines {
		events = p.Append(events, []byte(line))
	}
	return p.Flush(events, time.Time{})
}

// brief is one line about an event, for comparison.
func brief(e event.Event) string {
	var b strings.Builder
	b.WriteString(e.Class.Name(e.Activity) + " " + e.Status.String())
	if n := e.Repeats(); n > 1 {
		fmt.Fprintf(&b, " x%d", n)
	}
	if e.Process != nil && e.Process.User.Name != "" {
		b.WriteString(" by=" + e.Process.User.Name)
	}
	if e.User != nil {
		fmt.Fprintf(&b, " user=%q", e.User.Name)
	}
	if e.Group != nil {
		b.WriteString(" group=" + e.Group.Name)
	}
	if l := e.Logon; l != nil {
		b.WriteString(" " + l.Service)
		for _, part := range [...]string{l.Method, l.Hostname, l.Terminal, l.Command} {
			if part != "" {
				b.WriteString(" " + part)
			}
		}
		if l.Address.IsValid() {
			fmt.Fprintf(&b, " from=%s:%d", l.Address, l.Port)
		}
		if l.Invalid {
			b.WriteString(" invalid")
		}
	}
	return b.String()
}

func briefs(events []event.Event) []string {
	var lines []string
	for _, e := range events {
		lines = append(lines, brief(e))
	}
	return lines
}

// on puts a header in front of messages of one process.
func on(tag string, messages ...string) []string {
	var lines []string
	for i, m := range messages {
		lines = append(lines, fmt.Sprintf("Feb 27 10:00:%02d host %s: %s", i, tag, m))
	}
	return lines
}

func TestOneAttemptOneEvent(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{
			"wrong password of a known user", on("sshd[7]",
				"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
				"Failed password for root from 192.0.2.1 port 4001 ssh2",
				"Connection closed by authenticating user root 192.0.2.1 port 4001 [preauth]"),
			[]string{`logon failure user="root" sshd password ssh from=192.0.2.1:4001`},
		},
		{
			"wrong password of an unknown user", on("sshd-session[7]",
				"Invalid user eve from 192.0.2.1 port 4001",
				"pam_unix(sshd:auth): check pass; user unknown",
				"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1",
				"Failed password for invalid user eve from 192.0.2.1 port 4001 ssh2",
				"Connection closed by invalid user eve 192.0.2.1 port 4001 [preauth]"),
			[]string{`logon failure user="eve" sshd password ssh from=192.0.2.1:4001 invalid`},
		},
		{
			"unknown user without an attempt", on("sshd[7]",
				"Invalid user eve from 192.0.2.1 port 4001",
				"Connection closed by invalid user eve 192.0.2.1 port 4001 [preauth]"),
			[]string{`logon failure user="eve" sshd ssh from=192.0.2.1:4001 invalid`},
		},
		{
			"only PAM logs", on("sshd(pam_unix)[7]",
				"authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=198.51.100.9  user=root",
				"authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=gate.example  user=root"),
			[]string{`logon failure user="root" sshd ssh from=198.51.100.9:0`, `logon failure user="root" sshd gate.example ssh`},
		},
		{
			"repeats and the sum at the end", on("sshd[7]",
				"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
				"Failed password for root from 192.0.2.1 port 4001 ssh2",
				"message repeated 5 times: [ Failed password for root from 192.0.2.1 port 4001 ssh2]",
				"error: maximum authentication attempts exceeded for root from 192.0.2.1 port 4001 ssh2 [preauth]",
				"Disconnecting authenticating user root 192.0.2.1 port 4001: Too many authentication failures [preauth]",
				"PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
				"PAM service(sshd) ignoring max retries; 6 > 3"),
			[]string{
				`logon failure user="root" sshd password ssh from=192.0.2.1:4001`,
				`logon failure x5 user="root" sshd password ssh from=192.0.2.1:4001`,
			},
		},
		{
			"keyboard-interactive", on("sshd[7]",
				"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=bob",
				"error: PAM: Authentication failure for bob from 192.0.2.1",
				"Failed keyboard-interactive/pam for bob from 192.0.2.1 port 4001 ssh2",
				"error: PAM: Authentication failure for bob from 192.0.2.1"),
			[]string{
				`logon failure user="bob" sshd keyboard-interactive/pam ssh from=192.0.2.1:0`,
				`logon failure user="bob" sshd keyboard-interactive/pam ssh from=192.0.2.1:0`,
			},
		},
		{
			"denied account is not unknown", on("sshd[7]",
				"User root from 192.0.2.1 not allowed because not listed in AllowUsers",
				"Failed password for invalid user root from 192.0.2.1 port 4001 ssh2"),
			[]string{`logon failure user="root" sshd password ssh from=192.0.2.1:4001`},
		},
		{
			"session of one logon", on("sshd[7]",
				"Accepted publickey for bob from 2001:db8::1 port 4001 ssh2: ED25519 SHA256:abc",
				"pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)",
				"pam_unix(sshd:session): session closed for user bob"),
			[]string{
				`logon success user="bob" sshd publickey ssh from=2001:db8::1:4001`,
				`logoff success user="bob" sshd publickey ssh from=2001:db8::1:4001`,
			},
		},
		{
			"directory account refused by pam_unix only", on("sshd[7]",
				"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=bob",
				"pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1 user=bob",
				"Accepted password for bob from 192.0.2.1 port 4001 ssh2"),
			[]string{`logon success user="bob" sshd password ssh from=192.0.2.1:4001`},
		},
		{"probe for methods", on("sshd[7]", "Failed none for invalid user 0 from 192.0.2.1 port 4001 ssh2"), nil},
		{"disconnect before authentication", on("sshd[7]", "Disconnected from authenticating user root 192.0.2.1 port 38260 [preauth]"), nil},
		{
			"sudo", on("sudo",
				"bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/cat /etc/shadow",
				"pam_unix(sudo:session): session opened for user root(uid=0) by bob(uid=1000)",
				"pam_unix(sudo:session): session closed for user root"),
			[]string{
				`logon success by=bob user="root" sudo pts/0 /bin/cat /etc/shadow`,
				`logoff success user="root" sudo`,
			},
		},
		{
			"sudo, wrong password first", on("sudo[9]",
				"pam_unix(sudo:auth): authentication failure; logname=bob uid=1000 euid=0 tty=/dev/pts/0 ruser=bob rhost=  user=bob",
				"     bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls"),
			[]string{
				`logon failure by=bob user="bob" sudo pts/0`,
				`logon success by=bob user="root" sudo pts/0 /bin/ls`,
			},
		},
		{
			"sudo, three wrong passwords", on("sudo",
				"pam_unix(sudo:auth): authentication failure; logname=bob uid=1000 euid=0 tty=/dev/pts/0 ruser=bob rhost=  user=bob",
				"bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
				"PAM 2 more authentication failures; logname=bob uid=1000 euid=0 tty=/dev/pts/0 ruser=bob rhost=  user=bob"),
			[]string{`logon failure x3 by=bob user="bob" sudo password pts/0 /bin/ls`},
		},
		{
			"sudo refused", on("sudo", "eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"),
			[]string{`logon failure by=eve user="root" sudo pts/0 /bin/sh`},
		},
		{"sudo -n", on("sudo", "bob : a password is required ; PWD=/ ; USER=root ; COMMAND=/bin/true"), nil},
		{
			"su of util-linux", on("su[9]",
				"pam_unix(su:auth): authentication failure; logname=bob uid=1000 euid=0 tty=/dev/pts/1 ruser=bob rhost=  user=root",
				"FAILED SU (to root) bob on pts/1",
				"(to root) bob on pts/1",
				"pam_unix(su-l:session): session opened for user root(uid=0) by bob(uid=1000)"),
			[]string{
				`logon failure by=bob user="root" su pts/1`,
				`logon success by=bob user="root" su pts/1`,
			},
		},
		{
			"su of shadow", on("su[9]", "Successful su for root by bob", "+ /dev/pts/1 bob:root",
				"pam_unix(su:session): session opened for user root by bob(uid=1000)"),
			[]string{`logon success by=bob user="root" su`},
		},
		{
			"su of BSD", on("su", "BAD SU ger to fwmaster on /dev/ttyp0", "dcid to root on /dev/ttyp1"),
			[]string{`logon failure by=ger user="fwmaster" su ttyp0`, `logon success by=dcid user="root" su ttyp1`},
		},
		{
			"login on the console", on("login[9]",
				"pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  user=root",
				"FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure",
				"pam_unix(login:session): session opened for user root(uid=0) by LOGIN(uid=0)",
				"ROOT LOGIN  on '/dev/tty1'"),
			[]string{`logon failure user="root" login tty1`, `logon success user="root" login`},
		},
		{
			"another PAM service counts at once", on("vsftpd",
				"pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=eve rhost=192.0.2.3  user=root",
				"PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ftp ruser=eve rhost=192.0.2.3  user=root"),
			[]string{`logon failure by=eve user="root" vsftpd ftp from=192.0.2.3:0`},
		},
		{
			"doas", on("doas", "ddp ran command /bin/ksh as root from /data", "ddp ran command as ddpnfs: ls", "failed command for ddp2: ls"),
			[]string{
				`logon success by=ddp user="root" doas /bin/ksh`,
				`logon success by=ddp user="ddpnfs" doas ls`,
				`logon failure by=ddp2 user="" doas ls`,
			},
		},
		{
			"cron", on("CRON[9]",
				"pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
				"(root) CMD (   cd / && run-parts --report /etc/cron.hourly)"),
			[]string{`logon success user="root" cron cron`, `start success by=root user="root"`},
		},
		{
			"useradd", on("useradd[9]",
				"new group: name=eve, GID=1001",
				"new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/bash, from=/dev/pts/0",
				"add 'eve' to group 'sudo'", "add 'eve' to shadow group 'sudo'"),
			[]string{
				`create success group=eve`, `create success user="eve"`, `add_user success user="eve" group=sudo`,
			},
		},
		{
			"groupadd counts once", on("groupadd[9]",
				"group added to /etc/group: name=ops, GID=1002", "group added to /etc/gshadow: name=ops", "new group: name=ops, GID=1002"),
			[]string{`create success group=ops`},
		},
		{
			"usermod and userdel", on("usermod[9]",
				"change user 'eve' shell from '/bin/bash' to '/bin/sh'", "lock user 'eve' password", "change user 'eve' password",
				"delete user 'eve'", "removed group 'eve' owned by 'eve'", "removed shadow group 'eve' owned by 'eve'"),
			[]string{
				`modify success user="eve"`, `disable success user="eve"`, `password_change success user="eve"`,
				`delete success user="eve"`, `delete success group=eve`,
			},
		},
		{
			"gpasswd", on("gpasswd[9]", "user eve added by root to group sudo", "user eve removed by root from group sudo"),
			[]string{`add_user success user="eve" group=sudo`, `remove_user success user="eve" group=sudo`},
		},
		{
			"passwd", on("passwd[9]", "pam_unix(passwd:chauthtok): password changed for eve"),
			[]string{`password_change success user="eve"`},
		},
		{
			"classic repeats", append(on("sshd[7]", "Failed password for root from 192.0.2.1 port 4001 ssh2"),
				"Feb 27 10:00:09 host last message repeated 3 times"),
			[]string{
				`logon failure user="root" sshd password ssh from=192.0.2.1:4001`,
				`logon failure x3 user="root" sshd password ssh from=192.0.2.1:4001`,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, briefs(parseAll(test.lines...))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostileNamesDoNotMoveTheAddress(t *testing.T) {
	const real = " from 203.0.113.66 port 999 ssh2"
	for _, user := range []string{
		"root from 1.2.3.4 port 22 ssh2", "a from 1.2.3.4", "x for root from 1.2.3.4 port 22 ssh2: RSA SHA256:x", "", " ",
		"invalid user x from 1.2.3.4 port 1 ssh2", "] [preauth] from 1.2.3.4 port 22", "a not allowed because  from 1.2.3.4",
	} {
		for _, lines := range [][]string{
			{"Failed password for invalid user " + user + real},
			{"Failed keyboard-interactive/pam for invalid user " + user + real},
			{"error: PAM: User not known to the underlying authentication module for illegal user " + user + " from 203.0.113.66"},
			{"Invalid user " + user + " from 203.0.113.66 port 999"},
			{
				"Invalid user " + user + " from 203.0.113.66 port 999",
				"Failed publickey for invalid user " + user + real + ": RSA-CERT SHA256:x ID a from 5.6.7.8 port 9 ssh2 CA RSA SHA256:y",
			},
		} {
			events := parseAll(on("sshd[7]", lines...)...)
			if len(events) != 1 {
				t.Errorf("%q: %d events, want 1", lines, len(events))
				continue
			}
			e := events[0]
			if e.Logon.Address != netip.MustParseAddr("203.0.113.66") || e.User.Name != user || !e.Logon.Invalid {
				t.Errorf("%q: address %v, user %q, invalid %v", lines, e.Logon.Address, e.User.Name, e.Logon.Invalid)
			}
		}
	}
}

func TestHostileRemoteUserDoesNotMoveTheHost(t *testing.T) {
	line := "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=x rhost=1.2.3.4  user=bob rhost=203.0.113.66  user=root"
	events := parseAll(on("vsftpd", line)...)
	if len(events) != 1 || events[0].Logon.Address.String() != "203.0.113.66" || events[0].User.Name != "root" {
		t.Errorf("got %v", briefs(events))
	}
}

func TestForgeablePeerIsLeftOut(t *testing.T) {
	line := "Failed publickey for invalid user a from 1.2.3.4 port 22 ssh2: RSA-CERT SHA256:x ID a from 5.6.7.8 port 9 ssh2 CA RSA SHA256:y"
	events := parseAll(on("sshd[7]", line)...)
	if len(events) != 1 || events[0].Logon.Address.IsValid() {
		t.Errorf("got %v, want one failure without address", briefs(events))
	}
	accepted := parseAll(on("sshd[7]", "Accepted publickey for bob from 192.0.2.1 port 22 ssh2: RSA-CERT SHA256:x ID a from 5.6.7.8 port 9 ssh2 CA RSA")...)
	if len(accepted) != 1 || accepted[0].Logon.Address.String() != "192.0.2.1" {
		t.Errorf("got %v, want the address behind the user", briefs(accepted))
	}
}

func TestAnnouncedAttemptsAreCountedAfterGrace(t *testing.T) {
	p := newParser()
	lines := on("sshd[7]", "Invalid user eve from 192.0.2.1 port 4001")
	if events := p.Append(nil, []byte(lines[0])); len(events) != 0 {
		t.Fatalf("counted at once: %v", briefs(events))
	}
	start := time.Date(2026, 2, 27, 10, 0, 0, 0, time.UTC)
	if events := p.Flush(nil, start); len(events) != 0 {
		t.Errorf("flushed too early: %v", briefs(events))
	}
	later := "Feb 27 10:00:31 host CRON[9]: (root) CMD (true)"
	if got := briefs(p.Append(nil, []byte(later))); len(got) != 2 || !strings.Contains(got[0], "eve") {
		t.Errorf("after %v: %q, want the attempt and the job", syslogline.Grace, got)
	}
	if events := p.Flush(nil, time.Time{}); len(events) != 0 {
		t.Errorf("counted twice: %v", briefs(events))
	}
}

func TestManyConnectionsStayBounded(t *testing.T) {
	p := newParser()
	var events []event.Event
	const n = 20_000
	for i := range n {
		line := fmt.Sprintf("Feb 27 10:00:00 host sshd[%d]: Invalid user u%d from 192.0.2.1 port 4001", i, i)
		events = p.Append(events, []byte(line))
	}
	if events = p.Flush(events, time.Time{}); len(events) != n {
		t.Errorf("%d announced attempts became %d events", n, len(events))
	}
}

func TestAuditRecordsArePassedOn(t *testing.T) {
	var records []string
	p := syslogline.New(syslogline.Options{Clock: fixedClock(), Audit: func(b []byte) { records = append(records, string(b)) }})
	for _, line := range []string{
		"Feb 27 10:00:00 host kernel: [   12.345678] audit: type=1400 audit(1.5:7): apparmor=\"DENIED\"",
		"[   12.345678] audit: type=1400 audit(1.5:8): x=1",
		"Feb 27 10:00:00 host audispd: node=a type=USER_AUTH msg=audit(1.5:9): pid=1",
		"Feb 27 10:00:00 host kernel: eth0: link up",
	} {
		p.Append(nil, []byte(line))
	}
	want := []string{
		`type=1400 audit(1.5:7): apparmor="DENIED"`, `type=1400 audit(1.5:8): x=1`, `node=a type=USER_AUTH msg=audit(1.5:9): pid=1`,
	}
	if diff := cmp.Diff(want, records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if got := p.Stats(); got != (syslogline.Stats{Audit: 3, NotOfInterest: 1}) {
		t.Errorf("stats %+v", got)
	}
}

// readLines returns the lines of a shared file.
func readLines(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, strings.TrimSuffix(s.Text(), "\r"))
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// tally counts attempts by outcome.
func tally(events []event.Event) (failures, successes, logoffs int) {
	for _, e := range events {
		switch {
		case e.Class != event.ClassAuthentication:
		case e.Activity == event.AuthLogoff:
			logoffs++
		case e.Status == event.StatusFailure:
			failures += int(e.Repeats())
		case e.Status == event.StatusSuccess:
			successes += int(e.Repeats())
		}
	}
	return failures, successes, logoffs
}

// TestRealBruteForce compares with the labels of the data set: E9 and E10 are
// failed passwords, E14 repeats them, E1 is a success, E22 the end of its session.
func TestRealBruteForce(t *testing.T) {
	dir := hosttest.Data(t, "linux-syslog", "loghub", "OpenSSH")
	f, err := os.Open(filepath.Join(dir, "OpenSSH_2k.log_structured.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	repeated := regexp.MustCompile(`message repeated (\d+) times`)
	var failures, successes, logoffs int
	for _, row := range rows {
		switch row[7] {
		case "E9", "E10":
			failures++
		case "E14":
			n, _ := strconv.Atoi(repeated.FindStringSubmatch(row[6])[1])
			failures += n
		case "E1":
			successes++
		case "E22":
			logoffs++
		}
	}
	p := newParser()
	var events []event.Event
	for _, line := range readLines(t, filepath.Join(dir, "OpenSSH_2k.log")) {
		events = p.Append(events, []byte(line))
	}
	events = p.Flush(events, time.Time{})
	gotF, gotS, gotL := tally(events)
	// Three probes that asked only for the methods, and a last attempt whose
	// "Failed" line lies beyond the end of the sample.
	announced := 0
	for _, e := range events {
		if e.Logon != nil && e.Status == event.StatusFailure && e.Logon.Method == "" {
			announced++
		}
	}
	if announced != 4 || gotF != failures+announced || gotS != successes || gotL != logoffs {
		t.Errorf("failures %d (%d announced only), successes %d, logoffs %d; labels say %d, %d, %d",
			gotF, announced, gotS, gotL, failures, successes, logoffs)
	}
	if s := p.Stats(); s.Unreadable != 0 {
		t.Errorf("%+v: every line is syslog", s)
	}
}

// TestPAMOnlyLog reads a server of 2005 whose sshd logs elsewhere: each line
// of PAM is an attempt of its own.
func TestPAMOnlyLog(t *testing.T) {
	lines := readLines(t, hosttest.Data(t, "linux-syslog", "loghub", "Linux", "Linux_2k.log"))
	want := 0
	for _, line := range lines {
		if strings.Contains(line, "authentication failure; logname") {
			want++
		}
	}
	failures, _, _ := tally(parseAll(lines...))
	if failures != want || want == 0 {
		t.Errorf("%d failures, want %d", failures, want)
	}
}

func TestCrowdsecSamples(t *testing.T) {
	for _, test := range []struct {
		folder              string
		failures, successes int
	}{
		{"ssh-slow-bf", 22, 0},
		{"ssh-time-based-bf", 14, 1},
		{"sshd-success-logs", 0, 4},
		{"sshd-impossible-travel", 0, 2},
		{"sshd-invalid-bf", 0, 0},
		{"sshd-logs-fp", 0, 0},
		{"sshd-bad-keyexchange-bf", 0, 0},
	} {
		t.Run(test.folder, func(t *testing.T) {
			files, _ := filepath.Glob(filepath.Join(hosttest.Data(t, "linux-syslog", "crowdsec", test.folder), "*.log"))
			var lines []string
			for _, file := range files {
				lines = append(lines, readLines(t, file)...)
			}
			failures, successes, _ := tally(parseAll(lines...))
			if failures != test.failures || successes != test.successes {
				t.Errorf("%d failures, %d successes, want %d, %d", failures, successes, test.failures, test.successes)
			}
		})
	}
}

// TestWazuhSamples checks what other products call a failed or granted logon.
func TestWazuhSamples(t *testing.T) {
	dir := hosttest.Data(t, "linux-syslog", "wazuh")
	sample := regexp.MustCompile(`^log \d+ pass = (.*)$`)
	for _, test := range []struct {
		file, section       string
		failures, successes int
	}{
		{"sudo.ini", "sudo: all", 0, 4},
		{"sudo.ini", "Failed attempt to run sudo", 1, 0},
		{"sudo.ini", "3 incorrect password attempts", 3, 0},
		{"su.ini", "su: bad pass", 1, 0},
		{"su.ini", "su: work fts", 0, 1},
		{"sshd.ini", "sshd brute force rule 2", 8, 0},
		{"sshd.ini", "SSHD: denied user", 2, 0},
		{"pam.ini", "Login session opened.", 0, 1},
		{"doas.ini", "failed command", 1, 0},
	} {
		t.Run(test.section, func(t *testing.T) {
			var lines []string
			inside := false
			for _, line := range readLines(t, filepath.Join(dir, test.file)) {
				if strings.HasPrefix(line, "[") {
					inside = line == "["+test.section+"]"
				}
				if m := sample.FindStringSubmatch(line); m != nil && inside {
					lines = append(lines, m[1])
				}
			}
			failures, successes, _ := tally(parseAll(lines...))
			if failures != test.failures || successes != test.successes {
				t.Errorf("%q: %d failures, %d successes, want %d, %d", lines, failures, successes, test.failures, test.successes)
			}
		})
	}
}

func FuzzAppend(f *testing.F) {
	for _, line := range []string{
		"Feb 27 10:00:00 host sshd[7]: Failed password for invalid user a from 1.2.3.4 port 22 ssh2 from 192.0.2.1 port 4001 ssh2",
		"<38>1 2026-02-27T10:00:00.5Z host sshd 7 - [a b=\"\\]\"] Invalid user  from ::1 port 0",
		"2026-02-27T10:00:00+01:00 host sudo: bob : 3 incorrect password attempts ; TTY=x ; USER=root ; COMMAND=/bin/ls",
		"[   12.3] audit: type=1400 audit(1.5:7): x", "Feb 27 10:00:00 h su(pam_unix)[1]: session opened for user a(uid=1) by b(uid=2)",
		"Feb 27 10:00:00 h sshd[1]: message repeated 2 times: [ Failed password for root from 192.0.2.1 port 1 ssh2]",
		"Feb 27 10:00:00 h sshd[1]: PAM 4 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=::1  user=a",
		"Feb 27 10:00:00 h useradd[1]: new user: name=a, UID=1, GID=1", "Feb 27 10:00:00 h last message repeated 2 times",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newParser()
		var events []event.Event
		for line := range strings.SplitSeq(string(data), "\n") {
			events = p.Append(events, []byte(line))
		}
		events = p.Flush(events, time.Time{})
		for _, e := range events {
			if len(e.Message) > event.MaxMessage || e.Time.IsZero() || e.Class == event.ClassUnknown || e.Source == "" {
				t.Fatalf("bad event %+v", e)
			}
		}
		if s := p.Stats(); s.Understood+s.NotOfInterest+s.Unreadable+s.Audit != uint64(strings.Count(string(data), "\n")+1) {
			t.Fatalf("%+v for %q", s, data)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	lines := map[string]string{
		"sshd-failure":  "Feb 27 10:00:00 host sshd[7]: Failed password for root from 192.0.2.1 port 4001 ssh2",
		"other-program": "Feb 27 10:00:00 host nginx[7]: 192.0.2.1 GET /index.html",
		"iso":           "2026-02-27T10:00:00.123456+01:00 host nginx[7]: 192.0.2.1 GET /index.html",
	}
	for name, line := range lines {
		b.Run(name, func(b *testing.B) {
			p := syslogline.New(syslogline.Options{})
			data := []byte(line)
			var events []event.Event
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				events = p.Append(events[:0], data)
			}
		})
	}
}
