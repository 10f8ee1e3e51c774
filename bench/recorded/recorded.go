// Package recorded writes logs as hosts leave them behind, of any size: what the
// reading of logs is measured on. They are made up, the same each time, and like
// those of busy but honest hosts in how often each kind of line comes.
package recorded

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Kind is a kind of log: it returns the n-th lines of it, from 1.
type Kind func(n int) string

// Write makes a file of at least size bytes, packed by gzip where its name says
// so, that begins with the lines number first. It returns the bytes before
// packing and the number of the lines that would follow.
func Write(name string, kind Kind, first, size int) (written, next int, err error) {
	file, err := os.Create(name)
	if err != nil {
		return 0, first, err
	}
	defer file.Close()
	var to io.WriteCloser = file
	if strings.HasSuffix(name, ".gz") {
		to = gzip.NewWriter(file)
		defer to.Close()
	}
	out := bufio.NewWriterSize(to, 1<<20)
	for ; written < size; first++ {
		n, err := out.WriteString(kind(first))
		if err != nil {
			return written, first, err
		}
		written += n
	}
	if err := out.Flush(); err != nil {
		return written, first, err
	}
	return written, first, to.Close()
}

// Audit is the audit log of a host that starts many programs: of ten events
// seven are that, two change a file, and one is a logon that failed.
func Audit(n int) string {
	head := fmt.Sprintf("audit(%d.%03d:%d): ", 1_700_000_000+n/50, n%50*20, n)
	pid := 300 + n%50_000
	program := [...]string{"ls", "cat", "grep", "gcc", "git", "sed"}[n%6]
	const accounts = "auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3"
	call := func(number int) string {
		return fmt.Sprintf("type=SYSCALL msg=%sarch=c000003e syscall=%d success=yes exit=0 a0=1 a1=2 a2=241 a3=1b6 items=1 ppid=%d pid=%d %s "+
			"comm=%q exe=\"/usr/bin/%s\" key=\"k\"\n", head, number, pid-1, pid, accounts, program, program)
	}
	switch n % 10 {
	case 0:
		return fmt.Sprintf("type=USER_LOGIN msg=%spid=%d uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=\"u%d\" "+
			"exe=\"/usr/sbin/sshd\" hostname=? addr=10.%d.%d.%d terminal=ssh res=failed'\n", head, pid, n%3000, n%250, n%240, n%230)
	case 1, 2:
		return call(257) + fmt.Sprintf("type=CWD msg=%scwd=\"/\"\n"+
			"type=PATH msg=%sitem=0 name=\"/srv/f%d\" inode=%d dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE\n"+
			"type=PROCTITLE msg=%sproctitle=%q\n", head, head, n%5000, n%99_999, head, program)
	}
	return call(59) + fmt.Sprintf("type=EXECVE msg=%sargc=3 a0=%q a1=\"-l\" a2=\"%d\"\ntype=CWD msg=%scwd=\"/home/ann/p%d\"\n"+
		"type=PATH msg=%sitem=0 name=\"/usr/bin/%s\" inode=131 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL\n"+
		"type=PROCTITLE msg=%sproctitle=%q\n", head, program, n, head, n%100, head, program, head, program)
}

// syslogLines are what a server's syslog holds, each as often as it comes.
var syslogLines = []string{
	"systemd[1]: Started Session %d of user ann.", "systemd[1]: Starting Daily apt download activities (%d)...",
	"systemd[1]: Finished Cleanup of Temporary Directories (%d).", "systemd[1]: run-docker-runtime\\x2drunc-%d.mount: Succeeded.",
	"systemd[1]: logrotate.service: Consumed %dms CPU time.", "kernel: [%d.482113] eth0: link up, 1000Mbps, full-duplex",
	"kernel: [%d.102938] docker0: port 1(veth1) entered forwarding state", "kernel: [%d.999321] nf_conntrack: table at 41 percent",
	"CRON[%d]: (root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily)",
	"CRON[%d]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", "CRON[%d]: pam_unix(cron:session): session closed for user root",
	"postfix/smtpd[%d]: connect from mail.example.org[192.0.2.25]", "postfix/smtpd[%d]: disconnect from mail.example.org[192.0.2.25] ehlo=1 quit=1",
	"postfix/cleanup[%d]: 4XyZ1: message-id=<20260401.1@mail.example.org>", "postfix/qmgr[%d]: 4XyZ1: removed",
	"dhclient[%d]: DHCPACK of 10.0.0.17 from 10.0.0.1", "sshd[%d]: Accepted publickey for ann from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:x",
	"sshd[%d]: pam_unix(sshd:session): session opened for user ann(uid=1000) by (uid=0)", "sshd[%d]: pam_unix(sshd:session): session closed for user ann",
	"sshd[%d]: Failed password for invalid user admin from 198.51.100.9 port 40122 ssh2",
}

// Syslog is the syslog of a server; of twenty lines, one is a logon that failed.
func Syslog(n int) string {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 400 * time.Millisecond)
	return at.Format("Jan _2 15:04:05") + " srv01 " + fmt.Sprintf(syslogLines[n*7%len(syslogLines)], 1000+n%60_000) + "\n"
}

// starts are image, command line, parent's image and parent's command line of
// program starts on Windows.
var starts = [...][4]string{
	{`C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`, `C:\Windows\System32\services.exe`, `C:\Windows\system32\services.exe`},
	{`C:\Program Files\Mozilla Firefox\firefox.exe`, `"C:\Program Files\Mozilla Firefox\firefox.exe" -contentproc --channel=2156 -isForBrowser`, `C:\Program Files\Mozilla Firefox\firefox.exe`, `"C:\Program Files\Mozilla Firefox\firefox.exe"`},
	{`C:\Windows\System32\cmd.exe`, `C:\Windows\system32\cmd.exe /c "git rev-parse --short HEAD"`, `C:\Program Files\nodejs\node.exe`, `node.exe scripts\build.js`},
	{`C:\Windows\System32\taskhostw.exe`, `taskhostw.exe KEYROAMING`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`},
	{`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `powershell.exe -NoLogo -File C:\Scripts\inventory.ps1 -Server srv01`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`},
}

// Objects is program starts on Windows as JSON lines with the field names of
// Sigma, which say themselves of what log source they are.
func Objects(n int) string {
	s := starts[n%len(starts)]
	line, err := json.Marshal(map[string]any{
		"product": "windows", "category": "process_creation", "service": "sysmon", "EventID": 1, "User": `CORP\ann`,
		"Image": s[0], "CommandLine": fmt.Sprint(s[1], " --id ", n*7919), "ParentImage": s[2], "ParentCommandLine": s[3], "IntegrityLevel": "Medium",
		"Company": "Microsoft Corporation", "Description": "Host Process", "OriginalFileName": "host.exe", "CurrentDirectory": `C:\Windows\system32\`,
	})
	if err != nil {
		panic(err) // texts and numbers can be written
	}
	return string(line) + "\n"
}
