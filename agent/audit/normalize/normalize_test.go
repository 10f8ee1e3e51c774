package normalize_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/audit/normalize"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// summary shows what matters of an event on one line.
func summary(ev *event.Event) string {
	s := []string{ev.Name(), ev.Status.String()}
	add := func(name, value string) {
		if value != "" {
			s = append(s, name+"="+value)
		}
	}
	if p := ev.Process; p != nil {
		add("exe", p.Path())
		add("script", p.Script)
	}
	if ev.Target != nil {
		add("target", fmt.Sprint(ev.Target.PID))
	}
	if f := ev.File; f != nil {
		add("file", f.Path)
		add("new", f.NewPath)
		if f.Truncated {
			add("truncated", "yes")
		}
	}
	if ev.User != nil {
		add("user", ev.User.String())
	}
	if ev.Group != nil {
		add("group", ev.Group.Name)
	}
	if l := ev.Logon; l != nil {
		add("service", l.Service)
		if l.Address.IsValid() {
			add("from", l.Address.String())
		}
		add("host", l.Hostname)
		add("terminal", l.Terminal)
		add("command", l.Command)
		if l.Invalid {
			add("invalid", "yes")
		}
	}
	if k := ev.Kernel; k != nil {
		add("name", k.Name)
		add("type", k.Type)
		add("call", k.Syscall)
		add("request", k.Request)
		add("source", k.Source)
		if k.Adjusted != 0 {
			add("adjusted", k.Adjusted.String())
		}
		add("caps", strings.Join(k.Capabilities, ","))
	}
	if ev.Exit != nil {
		add("signal", ev.Exit.Signal)
	}
	add("key", ev.Key)
	return strings.Join(s, " ")
}

// lines makes a log from "TYPE fields" lines; a line "--" begins the next event.
func lines(text string) []byte {
	var log strings.Builder
	serial := 100
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if l == "--" {
			serial++
			continue
		}
		if typ, rest, ok := strings.Cut(l, " "); ok {
			fmt.Fprintf(&log, "type=%s msg=audit(1700000000.%03d:%d): %s\n", typ, serial, serial, rest)
		}
	}
	return []byte(log.String())
}

const (
	call  = `SYSCALL arch=c000003e success=yes exit=0 items=%d ppid=1 pid=77 auid=1000 uid=0 euid=0 ses=3 tty=pts0 comm="x" exe="/usr/bin/x" key="k"`
	user  = `pid=50 uid=0 auid=4294967295 ses=4294967295 msg='`
	sshd  = ` exe="/usr/sbin/sshd" hostname=192.0.2.9 addr=192.0.2.9 terminal=ssh`
	login = ` exe="/usr/sbin/sshd" hostname=? addr=192.0.2.9 terminal=sshd`
)

// syscall makes a SYSCALL record from "NUMBER ITEMS a0=… …".
func syscall(number, items int, more string) string {
	return fmt.Sprintf(call, items) + fmt.Sprintf(" syscall=%d %s\n", number, more)
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		name, log string
		want      []string
	}{
		{
			name: "module load with its name",
			log:  syscall(313, 0, "a0=3") + `KERN_MODULE name="rootkit"`,
			want: []string{"kernel_extension_activity/load success exe=/usr/bin/x name=rootkit type=module call=finit_module key=k"},
		},
		{
			name: "ptrace poke of a 32-bit program",
			log:  strings.Replace(syscall(26, 0, "a0=4 a1=1f4"), "c000003e", "40000003", 1) + `OBJ_PID opid=500 oauid=0 ouid=0 oses=1 ocomm="sshd"`,
			want: []string{"process_activity/inject success exe=/usr/bin/x target=500 call=ptrace request=PTRACE_POKETEXT key=k"},
		},
		{
			name: "signal to two processes",
			log:  syscall(62, 0, "a0=fffffe0c a1=9") + "OBJ_PID opid=500 ocomm=\"a\"\nOBJ_PID opid=501 ocomm=\"b\"",
			want: []string{
				"process_activity/signal success exe=/usr/bin/x target=500 call=kill request=SIGKILL key=k",
				"process_activity/signal success exe=/usr/bin/x target=501 call=kill request=SIGKILL key=k",
			},
		},
		{
			name: "bind mount",
			log: syscall(165, 2, "a0=1 a1=2 a2=3 a3=1000") + `CWD cwd="/root"
				PATH item=0 name="jail/etc" inode=5 dev=08:01 mode=040755 nametype=NORMAL
				PATH item=1 name="/etc" inode=6 dev=08:01 mode=040755 nametype=NORMAL`,
			want: []string{"device_config_state_change/mount success exe=/usr/bin/x file=/root/jail/etc name=/root/jail/etc call=mount request=MS_BIND source=/etc key=k"},
		},
		{
			name: "rename over an existing file",
			log: syscall(82, 5, "a0=1") + `CWD cwd="/tmp"
				PATH item=0 name="/etc/" inode=1 nametype=PARENT
				PATH item=1 name="/etc/" inode=1 nametype=PARENT
				PATH item=2 name="/etc/passwd+" inode=7 nametype=DELETE
				PATH item=3 name="/etc/passwd" inode=8 nametype=DELETE
				PATH item=4 name="/etc/passwd" inode=7 nametype=CREATE`,
			want: []string{"file_activity/rename success exe=/usr/bin/x file=/etc/passwd+ new=/etc/passwd key=k"},
		},
		{
			name: "unit moved into place is a new service, moved away a removed one",
			log: syscall(82, 2, "a0=1") + `CWD cwd="/tmp"
				PATH item=0 name="evil.service" inode=7 nametype=DELETE
				PATH item=1 name="/etc/systemd/system/evil.service" inode=7 nametype=CREATE`,
			want: []string{
				"file_activity/rename success exe=/usr/bin/x file=/tmp/evil.service new=/etc/systemd/system/evil.service key=k",
				"device_config_state_change/service success exe=/usr/bin/x file=/etc/systemd/system/evil.service key=k",
			},
		},
		{
			name: "timer of a user",
			log: syscall(257, 2, "a0=ffffff9c a2=241") + `CWD cwd="/home/eve/.config/systemd/user"
				PATH item=0 name="/home/eve/.config/systemd/user" inode=1 nametype=PARENT
				PATH item=1 name="x.timer" inode=2 mode=0100644 nametype=CREATE`,
			want: []string{
				"file_activity/create success exe=/usr/bin/x file=/home/eve/.config/systemd/user/x.timer key=k",
				"scheduled_job_activity/create success exe=/usr/bin/x file=/home/eve/.config/systemd/user/x.timer key=k",
			},
		},
		{
			name: "openat2 truncates",
			log: syscall(437, 1, "a0=ffffff9c") + `OPENAT2 oflag=01001 mode=0 resolve=0x0
				CWD cwd="/"
				PATH item=0 name="/var/log/auth.log" inode=9 dev=08:01 mode=0100640 nametype=NORMAL`,
			want: []string{"file_activity/update success exe=/usr/bin/x file=/var/log/auth.log truncated=yes key=k"},
		},
		{
			name: "descriptor that was opened by name before",
			log: syscall(257, 1, "a0=ffffff9c a2=2") + `CWD cwd="/etc"
				PATH item=0 name="./ssh/../shadow" inode=9 dev=08:01 mode=0100640 nametype=NORMAL
				--
				` + syscall(77, 1, "a0=3 a1=0") + `PATH item=0 name=(null) inode=9 dev=08:01 mode=0100640 nametype=NORMAL`,
			want: []string{
				"file_activity/update success exe=/usr/bin/x file=/etc/shadow key=k",
				"file_activity/update success exe=/usr/bin/x file=/etc/shadow truncated=yes key=k",
			},
		},
		{
			name: "log file removed, failed removal",
			log: syscall(263, 2, "a0=ffffff9c a2=0") + `CWD cwd="/var/log"
				PATH item=0 name="/var/log" inode=1 nametype=PARENT
				PATH item=1 name=612062 inode=2 nametype=DELETE
				--
				` + strings.Replace(syscall(87, 1, "a0=1"), "success=yes exit=0", "success=no exit=-1", 1) + `CWD cwd="/"
				PATH item=0 name="/var/log/wtmp" inode=3 nametype=NORMAL`,
			want: []string{
				"file_activity/delete success exe=/usr/bin/x file=/var/log/a b key=k",
				"file_activity/delete failure exe=/usr/bin/x file=/var/log/wtmp key=k",
			},
		},
		{
			name: "denied by AppArmor: the denial and the open",
			log: strings.Replace(syscall(257, 1, "a0=ffffff9c a2=0"), "success=yes exit=0", "success=no exit=-13", 1) + `CWD cwd="/"
				AVC apparmor="DENIED" operation="open" profile="p" name="/etc/shadow" pid=77
				PATH item=0 name="/etc/shadow" inode=3 nametype=NORMAL`,
			want: []string{
				"kernel_activity/invoke failure exe=/usr/bin/x name=/etc/shadow type=avc call=openat request=open key=k",
				"file_activity/open failure exe=/usr/bin/x file=/etc/shadow key=k",
			},
		},
		{
			name: "program given its own name is no script",
			log: syscall(59, 2, "") + `EXECVE argc=2 a0="./x" a1="./x"
				CWD cwd="/usr/bin"
				PATH item=0 name="./x" inode=3 mode=0100755 nametype=NORMAL
				PATH item=1 name="/lib64/ld-linux-x86-64.so.2" inode=4 nametype=NORMAL`,
			want: []string{"process_activity/launch success exe=/usr/bin/x key=k"},
		},
		{
			name: "script of a static interpreter",
			log: syscall(59, 2, "") + `EXECVE argc=2 a0="/bin/x" a1="./y"
				CWD cwd="/opt"
				PATH item=0 name="./y" inode=3 mode=0100755 nametype=NORMAL
				PATH item=1 name="/bin/x" inode=4 nametype=NORMAL`,
			want: []string{"process_activity/launch success exe=/usr/bin/x script=/opt/y key=k"},
		},
		{
			name: "several rules matched",
			log:  strings.Replace(syscall(308, 0, "a0=3 a1=20000"), `key="k"`, "key=6101620163", 1),
			want: []string{"kernel_activity/invoke success exe=/usr/bin/x type=mnt call=setns key=a,b,c"},
		},
		{
			name: "failed setuid to root",
			log:  strings.Replace(syscall(105, 0, "a0=0"), "success=yes exit=0", "success=no exit=-1", 1),
			want: []string{"process_activity/set_user_id failure exe=/usr/bin/x user=0 call=setuid key=k"},
		},
		{
			name: "old EXECVE without SYSCALL",
			log:  `EXECVE argc=2 a0="vim" a1="/etc/passwd"`,
			want: []string{"process_activity/launch success"},
		},
		{
			name: "clock set back by a day",
			log:  syscall(227, 0, "a0=0") + "TIME_INJOFFSET sec=-86400 nsec=0",
			want: []string{"device_config_state_change/clock success exe=/usr/bin/x call=clock_settime adjusted=-24h0m0s key=k"},
		},
		{
			name: "clock only read",
			log:  syscall(159, 0, "a0=1"),
		},
		{
			name: "one ssh attempt with a wrong password",
			log: "USER_AUTH " + user + `op=PAM:authentication acct="root"` + sshd + " res=failed'\n--\nUSER_LOGIN " +
				user + `op=login acct="root"` + login + " res=failed'",
			want: []string{"authentication/logon failure exe=/usr/sbin/sshd user=root service=sshd from=192.0.2.9 terminal=ssh"},
		},
		{
			name: "three attempts in one connection",
			log: strings.Repeat("USER_AUTH "+user+`op=PAM:authentication acct="root"`+sshd+" res=failed'\n--\nUSER_LOGIN "+
				user+`op=login acct="root"`+login+" res=failed'\n--\n", 3),
			want: slices.Repeat([]string{"authentication/logon failure exe=/usr/sbin/sshd user=root service=sshd from=192.0.2.9 terminal=ssh"}, 3),
		},
		{
			name: "keyboard-interactive: PAM runs in a child",
			log: "USER_AUTH " + strings.Replace(user, "pid=50", "pid=51", 1) + `op=PAM:authentication acct="root"` + sshd +
				" res=failed'\n--\nUSER_LOGIN " + user + `op=login acct="root"` + login + " res=failed'",
			want: []string{"authentication/logon failure exe=/usr/sbin/sshd user=root service=sshd from=192.0.2.9 terminal=ssh"},
		},
		{
			name: "without PAM, unknown account",
			log:  "USER_LOGIN " + user + `op=login acct=28756E6B6E6F776E207573657229` + login + " res=failed'",
			want: []string{"authentication/logon failure exe=/usr/sbin/sshd user=unset service=sshd from=192.0.2.9 terminal=sshd invalid=yes"},
		},
		{
			name: "logon on the console",
			log: "USER_AUTH " + user + `op=PAM:authentication acct="eve" exe="/usr/bin/login" hostname=h addr=? terminal=tty1 res=success'` + "\n--\nUSER_START " +
				user + `op=PAM:session_open acct="eve" exe="/usr/bin/login" hostname=h addr=? terminal=tty1 res=success'` + "\n--\nUSER_LOGIN " +
				user + `op=login id=1000 exe="/usr/bin/login" hostname=h addr=? terminal=tty1 res=success'`,
			want: []string{"authentication/logon success exe=/usr/bin/login user=eve service=login host=h terminal=tty1"},
		},
		{
			name: "sudo",
			log: "USER_CMD " + user + `cwd="/root" cmd=636174202F6574632F736861646F77 exe="/usr/bin/sudo" terminal=pts/1 res=success'` + "\n--\nCRED_REFR " +
				user + `op=PAM:setcred acct="root" exe="/usr/bin/sudo" res=success'` + "\n--\nUSER_START " +
				user + `op=PAM:session_open acct="root" exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/1 res=success'`,
			want: []string{"authentication/logon success exe=/usr/bin/sudo service=sudo terminal=pts/1 command=cat /etc/shadow"},
		},
		{
			name: "sudo refused after a wrong password",
			log: "USER_AUTH " + user + `op=PAM:authentication acct="eve" exe="/usr/bin/sudo" hostname=? addr=? terminal=/dev/pts/1 res=failed'` + "\n--\nUSER_CMD " +
				user + `cwd="/" cmd="id" exe="/usr/bin/sudo" terminal=pts/1 res=failed'`,
			want: []string{"authentication/logon failure exe=/usr/bin/sudo user=eve service=sudo terminal=pts/1"},
		},
		{
			name: "old PAM",
			log:  `USER_START user pid=5 uid=0 auid=0 msg='PAM: session open acct=root : exe="/usr/sbin/crond" (hostname=?, addr=?, terminal=cron res=success)'`,
			want: []string{"authentication/logon success exe=/usr/sbin/crond user=root service=cron terminal=cron"},
		},
		{
			name: "systemd's own session for a user",
			log:  "USER_START " + user + `op=PAM:session_open acct="eve" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`,
		},
		{
			name: "accounts on Red Hat",
			log: "ADD_USER " + user + `op=add-user acct="eve" exe="/usr/sbin/useradd" res=success'` + "\n--\nADD_USER " +
				user + `op=add-home-dir acct="eve" exe="/usr/sbin/useradd" res=success'` + "\n--\nUSER_MGMT " +
				user + `op=add-user-to-group grp="wheel" acct="eve" exe="/usr/sbin/usermod" res=success'` + "\n--\nDEL_USER " +
				user + `op=delete-user acct="eve" exe="/usr/sbin/userdel" res=success'` + "\n--\nACCT_LOCK " +
				user + `op=locked-password id=1000 exe="/usr/bin/passwd" res=success'`,
			want: []string{
				"account_change/create success exe=/usr/sbin/useradd user=eve",
				"group_management/add_user success exe=/usr/sbin/usermod user=eve group=wheel",
				"account_change/delete success exe=/usr/sbin/userdel user=eve",
				"account_change/disable success exe=/usr/bin/passwd user=1000",
			},
		},
		{
			name: "audit switched off, daemon stopped",
			log: "CONFIG_CHANGE audit_enabled=0 old=1 auid=0 ses=1 res=1\n--\n" +
				`DAEMON_END op=terminate auid=0 pid=1 res=success`,
			want: []string{"event_log_activity/disable success", "event_log_activity/disable success"},
		},
		{
			name: "service, crash, denial",
			log: "SERVICE_START pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=ssh comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" res=success'\n--\n" +
				"ANOM_ABEND auid=1000 uid=1000 gid=1000 ses=1 pid=9 comm=\"a\" exe=\"/usr/bin/a\" sig=11 res=1\n--\n" +
				"AVC apparmor=\"DENIED\" operation=\"open\" profile=\"p\" name=\"/etc/shadow\" pid=9 comm=\"a\"\n--\n" +
				"AVC avc:  denied  { read write } for  pid=9 comm=\"a\" name=\"maildrop\" tclass=dir",
			want: []string{
				"device_config_state_change/service success exe=/usr/lib/systemd/systemd name=ssh type=service request=start",
				"process_activity/terminate failure exe=/usr/bin/a signal=SIGSEGV",
				"kernel_activity/invoke failure name=/etc/shadow type=avc request=open",
				"kernel_activity/invoke failure name=maildrop type=avc request=read write",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, stats := normalizeLog(normalize.Options{}, lines(c.log))
			var got []string
			for i := range events {
				got = append(got, summary(&events[i]))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s\n%v", diff, stats)
			}
		})
	}
}

func TestRelativeToDirectoryDescriptor(t *testing.T) {
	// The kernel names the working directory as the parent, wrongly.
	log := lines(syscall(257, 2, "a0=4 a2=241") + `CWD cwd="/tmp"
		PATH item=0 name="/tmp" inode=11 dev=08:01 mode=040755 nametype=PARENT
		PATH item=1 name="evil.service" inode=12 dev=08:01 mode=0100644 nametype=CREATE`)
	n := normalize.New(normalize.Options{})
	var events []event.Event
	r := record.NewReassembler(record.Options{RecordTime: true}, func(e *record.Event) { events = n.Append(events, e) })
	push := func() {
		events = nil
		for l := range strings.Lines(string(log)) {
			_ = r.PushLine([]byte(l), 0)
		}
		r.Flush()
	}
	push()
	if got := events[0].File.Path; got != "evil.service" {
		t.Errorf("unknown directory: path %q, want it relative", got)
	}
	n.NamePath(8<<8|1, 11, "/etc/systemd/system")
	push()
	if len(events) != 2 || events[1].File.Path != "/etc/systemd/system/evil.service" {
		t.Errorf("known directory: got %d events, path %q", len(events), events[0].File.Path)
	}
}

func TestScript(t *testing.T) {
	for command, want := range map[string]string{
		"bash x.sh":                     "/home/eve/x.sh",
		"bash -x ./a/../x.sh -c foo":    "/home/eve/x.sh",
		"bash -c x.sh":                  "",
		"sh -lc x.sh":                   "",
		"bash -o pipefail x.sh":         "/home/eve/x.sh",
		"bash --rcfile /r x.sh":         "/home/eve/x.sh",
		"bash +x -- x.sh":               "/home/eve/x.sh",
		"bash":                          "",
		"bash -":                        "",
		"bash -i":                       "",
		"python3.11 -u -W error /opt/y": "/opt/y",
		"python3 -mhttp.server y":       "",
		"python3 -c pass":               "",
		"perl -MExporter -w z.pl":       "/home/eve/z.pl",
		"perl -ne print":                "",
		"php -f w.php":                  "/home/eve/w.php",
		"php -r echo":                   "",
		"node --require a b.js":         "/home/eve/b.js",
		"awk -f p.awk data":             "/home/eve/p.awk",
		"awk {print} data":              "",
		"ls x.sh":                       "",
	} {
		args := strings.Fields(command)
		body := fmt.Sprintf("EXECVE argc=%d", len(args))
		for i, a := range args {
			body += fmt.Sprintf(" a%d=\"%s\"", i, a)
		}
		log := strings.Replace(syscall(59, 1, ""), "/usr/bin/x", "/usr/bin/"+args[0], 1) + body +
			"\nCWD cwd=\"/home/eve\"\nPATH item=0 name=\"/usr/bin/" + args[0] + "\" inode=3 mode=0100755 nametype=NORMAL"
		events, _ := normalizeLog(normalize.Options{}, lines(log))
		if got := events[0].Process.Script; got != want {
			t.Errorf("%s: script %q, want %q", command, got, want)
		}
	}
}

func TestEnrichedNamesOfTheTarget(t *testing.T) {
	log := lines(syscall(101, 0, "a0=10 a1=7") + "OBJ_PID opid=7 oauid=1000 ouid=33 oses=2 ocomm=\"php\"\x1dOAUID=\"eve\" OUID=\"www-data\"")
	events, _ := normalizeLog(normalize.Options{}, log)
	if len(events) != 1 || events[0].Target.Login.Name != "eve" || events[0].Target.User.Name != "www-data" {
		t.Fatalf("events %+v", events)
	}
}

func TestEnrichedNamesAndRawRecords(t *testing.T) {
	log := lines(syscall(41, 0, "a0=11 a1=3") + `SOCKADDR saddr=02000050A9FEA9FE0000000000000000`)
	log = []byte(strings.Replace(string(log), "a1=3", "a1=3\x1dARCH=x86_64 SYSCALL=socket AUID=\"eve\" UID=\"root\" EUID=\"root\"", 1))
	events, _ := normalizeLog(normalize.Options{RawRecords: true}, log)
	if len(events) != 1 || events[0].Process.Login.Name != "eve" || events[0].Process.User.Name != "root" {
		t.Fatalf("events %+v", events)
	}
	for _, want := range []struct{ typ, name, value string }{
		{"SYSCALL", "syscall", "socket"},
		{"SYSCALL", "arch", "x86_64"},
		{"SYSCALL", "a0", "11"},
		{"SYSCALL", "key", "k"},
		{"SYSCALL", "exe", "/usr/bin/x"},
		{"SYSCALL", "AUID", "eve"},
		{"SOCKADDR", "saddr", "169.254.169.254:80"},
	} {
		found := false
		for _, r := range events[0].Records {
			if v, ok := r.Get(want.name); ok && r.Type == want.typ {
				found = true
				if v != want.value {
					t.Errorf("%s %s = %q, want %q", want.typ, want.name, v, want.value)
				}
			}
		}
		if !found {
			t.Errorf("no %s in %s", want.name, want.typ)
		}
	}
}

func TestNothingIsLostUnseen(t *testing.T) {
	log := lines("NETFILTER_CFG table=filter family=2 entries=4\n--\n" + syscall(0, 0, "a0=1") + "--\nTTY pid=1 uid=0 data=6C73")
	events, stats := normalizeLog(normalize.Options{}, log)
	if len(events) != 0 || stats.Ignored["NETFILTER_CFG"] != 1 || stats.Ignored["read"] != 1 || stats.Ignored["TTY"] != 1 {
		t.Errorf("%d events, %+v", len(events), stats)
	}
	if events, _ = normalizeLog(normalize.Options{RawRecords: true}, log); len(events) != 3 || len(events[0].Records) == 0 {
		t.Errorf("with raw records: %d events", len(events))
	}
}

// TestCorpus normalises every recorded log and checks that audit events and
// events add up.
func TestCorpus(t *testing.T) {
	root := hosttest.Data(t, "auditd-logs")
	total := make(map[string]int)
	ignored := make(map[string]uint64)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".log" && filepath.Ext(path) != ".txt" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		events, stats := normalizeLog(normalize.Options{}, data)
		for i := range events {
			total[events[i].Name()]++
		}
		for k, v := range stats.Ignored {
			ignored[k] += v
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if total["process_activity/launch"] < 400 || total["authentication/logon"] < 500 {
		t.Errorf("too few events: %v", total)
	}
	t.Logf("events: %v", total)
	t.Logf("ignored: %v", ignored)
}

func FuzzNormalize(f *testing.F) {
	logs, _ := filepath.Glob("testdata/*.log")
	for _, name := range logs {
		if log, err := os.ReadFile(name); err == nil && len(log) < 8<<10 {
			f.Add(log)
		}
	}
	f.Add(lines(syscall(82, 2, "a0=1") + "PATH item=0 name=(null) nametype=DELETE\nPATH item=1 name=\"a\" nametype=CREATE"))
	f.Add(lines("USER_AUTH " + user + `op=PAM:authentication acct="root"` + sshd + " res=failed'"))
	f.Fuzz(func(t *testing.T, log []byte) {
		events, stats := normalizeLog(normalize.Options{RawRecords: true}, log)
		if uint64(len(events)) != stats.Events {
			t.Fatalf("%d events, counted %d", len(events), stats.Events)
		}
		for i := range events {
			if _, err := events[i].MarshalJSON(); err != nil {
				t.Fatal(err)
			}
			if p := events[i].Process; p != nil && len(p.CommandLine) > event.MaxArguments {
				t.Fatalf("command line of %d bytes", len(p.CommandLine))
			}
		}
	})
}

// BenchmarkExec runs an exec from netlink payload to event.
func BenchmarkExec(b *testing.B) {
	log, err := os.ReadFile("testdata/exec.log")
	if err != nil {
		b.Fatal(err)
	}
	all := strings.SplitAfter(string(log), "\n")
	var records [][]byte
	for _, l := range all {
		records = append(records, []byte(l))
		if strings.HasPrefix(l, "type=EOE") {
			break
		}
	}
	n := normalize.New(normalize.Options{})
	var events []event.Event
	r := record.NewReassembler(record.Options{RecordTime: true}, func(e *record.Event) { events = n.Append(events[:0], e) })
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range records {
			_ = r.PushLine(l, 0)
		}
	}
	if len(events) == 0 {
		b.Fatal("no event")
	}
}
