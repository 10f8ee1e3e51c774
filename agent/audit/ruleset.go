package audit

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/rule"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// callRules are rules on system calls, each loaded for 64- and 32-bit
// programs. Calls that an architecture lacks are left out.
var callRules = []struct{ key, calls, conditions string }{
	{"exec", "execve execveat", ""},

	// Requests of ptrace(2): POKETEXT, POKEDATA, POKEUSR, ATTACH, SEIZE.
	{"ptrace", "ptrace", "-F a0>=0x4 -F a0<=0x6"},
	{"ptrace", "ptrace", "-F a0=0x10"},
	{"ptrace", "ptrace", "-F a0=0x4206"},
	{"inject", "process_vm_writev", ""},

	{"module", "init_module finit_module delete_module kexec_load kexec_file_load", ""}, // code for the kernel
	{"bpf", "bpf", "-F a0=0x5"}, // BPF_PROG_LOAD
	{"memfd", "memfd_create", ""},
	{"namespace", "mount umount umount2 pivot_root move_mount unshare setns", ""},
	{"namespace", "clone", "-F a0&0x7e020000"}, // any CLONE_NEW flag of clone(2)

	// A login user becomes somebody else; services do that all day.
	{
		"setuid", "setuid setreuid setresuid setfsuid setuid32 setreuid32 setresuid32 setfsuid32",
		"-F auid!=0 -F auid!=unset -F success=1",
	},

	// adjtimex only from login sessions: time daemons call it every second.
	{"clock", "settimeofday stime", ""},
	{"clock", "clock_settime clock_settime64", "-F a0=0x0"}, // CLOCK_REALTIME
	{"clock", "adjtimex clock_adjtime clock_adjtime64", "-F auid!=unset"},

	{"socket", "socket", "-F a0=0x11"}, // AF_PACKET
	{"socket", "socket", "-F a0=0x26"}, // AF_ALG
}

// logRules see log files removed, renamed or emptied. What open takes as its
// flags is its second argument, for openat the third.
var logRules = []struct{ calls, conditions string }{
	{"unlink unlinkat rename renameat renameat2 truncate truncate64 creat", ""},
	{"open", " -F a1&0x200"}, // O_TRUNC
	{"openat", " -F a2&0x200"},
}

// pathRules are files that are watched, whether they exist yet or not. The
// folder above must exist.
var pathRules = []struct{ key, perm, paths string }{
	{"identity", "wa", "/etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/security/opasswd"},
	{"shadow-read", "r", "/etc/shadow"},
	{"kubeconfig-read", "r", "/etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/kubelet.conf /etc/rancher/k3s/k3s.yaml"},
	{"sudoers", "wa", "/etc/sudoers"},
	{"preload", "wa", "/etc/ld.so.preload /etc/ld.so.conf"},
	{"cron", "wa", "/etc/crontab /etc/anacrontab /etc/cron.allow /etc/cron.deny"},
	{"service", "wa", "/etc/rc.local"},
	{"profile", "wa", "/etc/profile /etc/bash.bashrc /etc/bashrc /etc/environment /etc/zsh/zshrc"},
}

// dirRules are folders that are watched with everything below.
var dirRules = []struct{ key, dirs string }{
	{"sudoers", "/etc/sudoers.d"},
	{"ssh", "/etc/ssh"},
	{"pam", "/etc/pam.d"},
	{"preload", "/etc/ld.so.conf.d"},
	{"cron", "/etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly /var/spool/cron"},
	{"service", "/etc/systemd/system /lib/systemd/system /etc/init.d"},
	{"profile", "/etc/profile.d"},
	{"startup", "/etc/udev/rules.d /etc/update-motd.d /etc/apt/apt.conf.d"},
	{"audit-config", "/etc/audit"},
}

// What is watched in the home of every account.
var (
	homeDirs  = []struct{ key, name string }{{"ssh-keys", ".ssh"}}
	homeFiles = []struct{ key, names string }{
		{"profile", ".bashrc .bash_profile .bash_login .bash_logout .profile .zshrc"},
		{"history", ".bash_history .zsh_history .sh_history"},
	}
)

// changes are the calls that change files or their attributes: the classes
// that perm=wa stands for (linux/audit_arch.h, asm-generic/audit_*.h). A rule
// on a folder is tried at the end of every call in its set, so the set is kept
// to these.
const changes = "open openat openat2 open_by_handle_at creat truncate truncate64 rename renameat renameat2 " +
	"mkdir mkdirat rmdir unlink unlinkat link linkat symlink symlinkat mknod mknodat " +
	"chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 lchown lchown32 fchownat " +
	"setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat"

// maxHomes bounds the homes that are watched, root's included. Each takes about
// a dozen rules, and the kernel some 15 ms to remove each.
const maxHomes = 64

// ruleSet returns the rules to load on this host as it is now: folders that
// do not exist are watched for their creation. The order is the order of
// loading; no two rules are equal. skipped is how many homes are not watched.
func ruleSet(fs hostfs.FS, native syscalls.Arch) (rules []rule.Rule, skipped int, err error) {
	b := builder{fs: fs, native: native}
	for _, r := range callRules {
		b.calls(r.key, r.calls, r.conditions)
	}
	if b.isDir("/var/log") {
		for _, r := range logRules {
			b.changes("logs", r.calls, "/var/log", "w", r.conditions+" -F success=1")
		}
	}
	for _, r := range pathRules {
		for p := range strings.FieldsSeq(r.paths) {
			b.path(r.key, p, r.perm)
		}
	}
	for _, r := range dirRules {
		for p := range strings.FieldsSeq(r.dirs) {
			b.dir(r.key, p)
		}
	}
	all := homes(fs)
	watched := all[:min(len(all), maxHomes)]
	for _, home := range watched {
		for _, r := range homeDirs {
			b.dir(r.key, path.Join(home, r.name))
		}
		for _, r := range homeFiles {
			for name := range strings.FieldsSeq(r.names) {
				b.path(r.key, path.Join(home, name), "wa")
			}
		}
	}
	return b.rules, len(all) - len(watched), b.err
}

// builder collects rules.
type builder struct {
	fs     hostfs.FS
	native syscalls.Arch
	rules  []rule.Rule
	err    error
}

// add appends the rule with the given text.
func (b *builder) add(text string) {
	p := rule.Parser{Arch: b.native}
	r, err := p.Parse(text)
	switch {
	case err != nil && b.err == nil:
		b.err = fmt.Errorf("audit rule %q: %w", text, err)
	case err == nil && !slices.ContainsFunc(b.rules, func(other rule.Rule) bool { return other.Equal(&r) }):
		b.rules = append(b.rules, r)
	}
}

// calls adds a rule on system calls for each of the host's architectures.
func (b *builder) calls(key, names, conditions string) {
	archs := []syscalls.Arch{b.native, b.native.Compat()}
	for _, arch := range slices.Compact(archs) {
		var known []string
		for name := range strings.FieldsSeq(names) {
			if _, ok := syscalls.Number(arch, name); ok {
				known = append(known, name)
			}
		}
		if len(known) > 0 {
			b.add("-a always,exit -F arch=" + arch.String() + " -S " + strings.Join(known, ",") +
				" " + conditions + " -F key=" + KeyPrefix + key)
		}
	}
}

// condition writes a condition on a path of the host.
func (b *builder) condition(option, field, name string) string {
	return option + " " + strconv.QuoteToASCII(field+"="+b.fs.Path(name))
}

// path watches one file.
func (b *builder) path(key, name, perm string) {
	if b.isDir(path.Dir(name)) {
		b.add("-a always,exit" + b.condition(" -F", "path", name) + " -F perm=" + perm + " -F key=" + KeyPrefix + key)
	}
}

// dir watches a folder with everything below, or for its creation.
func (b *builder) dir(key, name string) {
	if !b.isDir(name) {
		b.path(key, name, "wa")
		return
	}
	b.changes(key, changes, name, "wa", "")
}

// changes adds one rule for both of the host's architectures on calls below a
// folder. It holds the numbers that the calls have on either and names no
// architecture: perm tells by the architecture of the caller what a number
// means (audit_match_perm in kernel/auditsc.c). That halves the rules that
// the kernel goes through at the end of every call, and has to take out.
func (b *builder) changes(key, names, dir, perm, conditions string) {
	mask := make([]string, 0, 64)
	for _, arch := range []syscalls.Arch{b.native, b.native.Compat()} {
		for name := range strings.FieldsSeq(names) {
			if number, ok := syscalls.Number(arch, name); ok {
				mask = append(mask, strconv.Itoa(number))
			}
		}
	}
	if len(mask) > 0 {
		b.add("-a always,exit -S " + strings.Join(mask, ",") + b.condition(" -F", "dir", dir) +
			" -F perm=" + perm + conditions + " -F key=" + KeyPrefix + key)
	}
}

func (b *builder) isDir(name string) bool { return isDir(b.fs, name) }

func isDir(fs hostfs.FS, name string) bool {
	info, err := fs.Stat(name)
	return err == nil && info.IsDir()
}

// homes returns the home folders of root and of people that exist, from
// /etc/passwd: accounts below 1000 are services, which have no shell files.
func homes(fs hostfs.FS) []string {
	const firstPerson, nobody, maxFile, maxAccounts = 1000, 65534, 4 << 20, 10_000
	list := []string{"/root"}
	seen := map[string]bool{"/root": true}
	data, err := fs.ReadFile("/etc/passwd", maxFile)
	if err != nil {
		return list
	}
	for line := range bytes.Lines(data) {
		part := strings.Split(strings.TrimSpace(string(line)), ":")
		if len(part) < 7 {
			continue
		}
		uid, err := strconv.ParseUint(part[2], 10, 32)
		home := path.Clean(part[5])
		switch {
		case err != nil, uid != 0 && (uid < firstPerson || uid == nobody), home[0] != '/', home == "/":
		case len(seen) < maxAccounts && !seen[home]:
			seen[home] = true
			if isDir(fs, home) {
				list = append(list, home)
			}
		}
	}
	return list
}
