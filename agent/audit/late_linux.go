package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// firstFile holds the boot id, and the time since boot at which a run of ours
// switched audit on. A task born before audit was first on since boot has no
// audit context (audit_alloc in kernel/auditsc.c): its own system calls are
// never recorded, those of its children are.
const firstFile = "audit.first"

// firstOn returns when audit was first switched on by us in this boot, as time
// since boot; zero when it was on before us, which was at an unknown time. off
// says that audit is off now.
func firstOn(dir, boot string, off bool) (time.Duration, error) {
	name := filepath.Join(dir, firstFile)
	data, _ := os.ReadFile(name)
	if id, at, ok := strings.Cut(string(data), " "); ok && id == boot && boot != "" {
		ns, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64)
		if err == nil {
			return time.Duration(ns), nil
		}
	}
	if !off {
		return 0, nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, err
	}
	return time.Duration(now.Nano()), os.WriteFile(name, fmt.Appendf(nil, "%s %d\n", boot, now.Nano()), 0o600)
}

// countOlder returns how many programs began before the given time since boot.
// The agent is not counted.
func countOlder(fs hostfs.FS, than time.Duration) (n int) {
	const maxStat = 4096
	entries, _ := fs.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		data, err := fs.ReadFile("/proc/"+e.Name()+"/stat", maxStat)
		if err != nil {
			continue
		}
		if began, user := parseStat(data); user && began < than {
			n++
		}
	}
	return n
}

// parseStat reads from /proc/PID/stat (proc_pid_stat(5)) when a process began,
// as time since boot, and whether it is one of user space.
func parseStat(stat []byte) (began time.Duration, user bool) {
	const (
		flags, start  = 9 - 3, 22 - 3 // after the name, which ends the second field
		kernelThread  = 0x00200000    // PF_KTHREAD, linux/sched.h
		ticksASecond  = 100           // USER_HZ on every architecture we run on
		lengthOfTicks = time.Second / ticksASecond
	)
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= start {
		return 0, false
	}
	bits, err := strconv.ParseUint(string(fields[flags]), 10, 64)
	ticks, err2 := strconv.ParseUint(string(fields[start]), 10, 48)
	if err != nil || err2 != nil {
		return 0, false
	}
	return time.Duration(ticks) * lengthOfTicks, bits&kernelThread == 0
}
