//go:build linux

// Package usage reads from /proc what processes use: CPU time and memory.
package usage

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is USER_HZ, the unit of times in proc_pid_stat(5); 100 on every
// architecture that Go runs on.
const clockTick = time.Second / 100

// procStat is what the measurements need of /proc/PID/stat.
type procStat struct {
	parent int
	name   string
	cpu    time.Duration // utime + stime + those of reaped children
	kernel time.Duration // stime alone
}

// parseStat reads a line of proc_pid_stat(5). The name stands in parentheses
// and may hold any byte, so the fields are counted from the last ")".
func parseStat(data []byte) (procStat, error) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return procStat{}, fmt.Errorf("no name in %q", data)
	}
	fields := strings.Fields(string(data[end+1:]))
	const state = 3 // number of the first field behind the name
	number := func(n int) int64 {
		if n-state >= len(fields) {
			return -1
		}
		v, err := strconv.ParseInt(fields[n-state], 10, 64)
		if err != nil {
			return -1
		}
		return v
	}
	parent, utime, stime, cutime, cstime := number(4), number(14), number(15), number(16), number(17)
	if min(parent, utime, stime, cutime, cstime) < 0 {
		return procStat{}, fmt.Errorf("missing fields in %q", data)
	}
	return procStat{
		parent: int(parent), name: string(data[open+1 : end]),
		cpu:    time.Duration(utime+stime+cutime+cstime) * clockTick,
		kernel: time.Duration(stime) * clockTick,
	}, nil
}

// processes reads the stat of every process.
func processes() (map[int]procStat, error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := make(map[int]procStat)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		stat, err := parseStat(data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return nil, err
		}
		all[pid] = stat
	}
	return all, nil
}

// CPU returns the time that the process and everything below it used.
func CPU(root int) (time.Duration, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	if _, ok := all[root]; !ok {
		return 0, fmt.Errorf("process %d is gone", root)
	}
	var sum time.Duration
	for pid, stat := range all {
		for p := pid; p != 0; p = all[p].parent {
			if p == root {
				sum += stat.cpu
				break
			}
		}
	}
	return sum, nil
}

// Kauditd returns the time of the kernel thread that delivers audit
// records, whoever listens.
func Kauditd() (time.Duration, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	for _, stat := range all {
		if stat.name == "kauditd" && stat.parent == 2 { // child of kthreadd
			return stat.kernel, nil
		}
	}
	return 0, nil // it starts with the first record
}

// Memory returns the resident set now and at its largest, in MB of 10^6 bytes.
func Memory(pid int) (now, peak float64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			now = kb * 1024 / 1e6
		case "VmHWM":
			peak = kb * 1024 / 1e6
		}
	}
	return now, peak, nil
}
