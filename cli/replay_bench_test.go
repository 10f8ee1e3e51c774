package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// BenchmarkReplay replays an audit log of 200 MB with all rules, from the
// command line to the summary, and reports the memory that it took from the
// system.
func BenchmarkReplay(b *testing.B) {
	const size = 200 << 20
	log := filepath.Join(b.TempDir(), "audit.log")
	if err := writeAuditLog(log, size); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if code := Run(b.Context(), []string{"replay", "-o", "json", log}, Streams{Out: io.Discard, Err: io.Discard}); code != ExitDone {
			b.Fatalf("exit code %d", code)
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.Sys)/(1<<20), "MiB-from-system")
}

// writeAuditLog writes size bytes of what a busy host logs: programs started,
// files changed, logons refused, each event with records of its own.
func writeAuditLog(name string, size int) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 1<<20)
	for serial := 1; size > 0; serial++ {
		n, err := out.WriteString(auditEvent(serial))
		if err != nil {
			return err
		}
		size -= n
	}
	return out.Flush()
}

// auditEvent returns the records of one event; which kind it is and what it
// names follow from its serial number.
func auditEvent(serial int) string {
	milli := serial * 20
	head := fmt.Sprintf("audit(%d.%03d:%d): ", 1_700_000_000+milli/1000, milli%1000, serial)
	pid := 300 + serial%50_000
	program := []string{"ls", "cat", "grep", "gcc", "git", "sed"}[serial%6]
	const accounts = "auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3"
	switch serial % 10 {
	case 0:
		return fmt.Sprintf("type=USER_LOGIN msg=%spid=%d uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=\"u%d\" "+
			"exe=\"/usr/sbin/sshd\" hostname=? addr=10.%d.%d.%d terminal=ssh res=failed'\n",
			head, pid, serial%3000, serial%250, serial%240, serial%230)
	case 1, 2:
		return fmt.Sprintf("type=SYSCALL msg=%sarch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=1 a2=241 a3=1b6 items=1 ppid=%d pid=%d %s "+
			"comm=\"%s\" exe=\"/usr/bin/%s\" key=\"w\"\ntype=CWD msg=%scwd=\"/\"\n"+
			"type=PATH msg=%sitem=0 name=\"/srv/f%d\" inode=%d dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE\n"+
			"type=PROCTITLE msg=%sproctitle=\"%s\"\n", head, pid-1, pid, accounts, program, program, head, head, serial%5000, serial%99_999, head, program)
	}
	return fmt.Sprintf("type=SYSCALL msg=%sarch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=%d pid=%d %s "+
		"comm=\"%s\" exe=\"/usr/bin/%s\" key=\"e\"\ntype=EXECVE msg=%sargc=3 a0=\"%s\" a1=\"-l\" a2=\"%d\"\n"+
		"type=CWD msg=%scwd=\"/home/anna/p%d\"\n"+
		"type=PATH msg=%sitem=0 name=\"/usr/bin/%s\" inode=131 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL\n"+
		"type=PROCTITLE msg=%sproctitle=\"%s\"\n", head, pid-1, pid, accounts, program, program, head, program, serial, head, serial%100, head, program, head, program)
}
