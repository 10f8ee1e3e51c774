package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/agent/audit/rule"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
	"github.com/holdfast-security/holdfast/agent/hostfs"
)

// tree makes a host with the given folders and /etc/passwd.
func tree(t *testing.T, passwd string, dirs ...string) hostfs.FS {
	t.Helper()
	root := t.TempDir()
	for _, dir := range append(dirs, "/etc") {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	return hostfs.New(root)
}

func texts(t *testing.T, fs hostfs.FS, arch syscalls.Arch) []string {
	t.Helper()
	rules, skipped, err := ruleSet(fs, arch)
	if err != nil || skipped != 0 {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range rules {
		if !strings.HasPrefix(r.Key(), KeyPrefix) {
			t.Errorf("%s: no key of ours", r)
		}
		if _, err := r.MarshalBinary(); err != nil {
			t.Errorf("%s: %v", r, err)
		}
		lines = append(lines, strings.ReplaceAll(r.Format(arch), fs.Path("/"), ""))
	}
	return lines
}

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
eve:x:1000:1000::/home/eve:/bin/bash
mallory:x:1001:1001::/home/mal lory:/bin/zsh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
broken line
`

func TestRuleSet(t *testing.T) {
	fs := tree(t, passwd, "/root", "/home/eve/.ssh", "/home/mal lory", "/var/log", "/etc/cron.d", "/etc/kubernetes")
	lines := texts(t, fs, syscalls.X8664)
	for _, want := range []string{
		"-a always,exit -F arch=b64 -S execve,execveat -F key=holdfast-exec",
		"-a always,exit -F arch=b32 -S execve,execveat -F key=holdfast-exec",
		"-a always,exit -F path=/etc/shadow -F perm=r -F key=holdfast-shadow-read",
		"-a always,exit -F path=/etc/kubernetes/admin.conf -F perm=r -F key=holdfast-kubeconfig-read",
		"-a always,exit -F path=/etc/sudoers.d -F perm=wa -F key=holdfast-sudoers",
		"-a always,exit -F path=/root/.ssh -F perm=wa -F key=holdfast-ssh-keys",
		`-a always,exit -F "path=/home/mal lory/.zshrc" -F perm=wa -F key=holdfast-profile`,
		"-a always,exit -F path=/home/eve/.bash_history -F perm=wa -F key=holdfast-history",
		"-a always,exit -S openat,preadv -F dir=/var/log -F perm=w -F a2&0x200 -F success=1 -F key=holdfast-logs", // 295 is openat of i386
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("rule missing: %s", want)
		}
	}
	all := strings.Join(lines, "\n")
	for _, unwanted := range []string{"/nonexistent", "/usr/sbin", "path=/home/eve/.ssh ", "path=/etc/pam.d/", "connect", "/etc/rancher"} {
		if strings.Contains(all, unwanted) {
			t.Errorf("a rule speaks of %q", unwanted)
		}
	}
	for _, line := range lines {
		if strings.Contains(line, " -S ") && !strings.Contains(line, "-F arch=") && !strings.Contains(line, "-F perm=") {
			t.Errorf("without arch only perm tells the calls apart: %s", line)
		}
	}
	if !strings.Contains(all, "-F dir=/home/eve/.ssh -F perm=wa -F key=holdfast-ssh-keys") {
		t.Error("the .ssh folder of eve is not watched")
	}
}

func TestRuleSetOfOtherMachines(t *testing.T) {
	fs := tree(t, passwd, "/root", "/var/log")
	for _, arch := range []syscalls.Arch{syscalls.I386, syscalls.ARM64, syscalls.ARM} {
		lines := texts(t, fs, arch)
		if len(lines) < 30 {
			t.Errorf("%s: only %d rules", arch, len(lines))
		}
	}
}

func TestHomesAreBounded(t *testing.T) {
	const people = 100
	var passwd strings.Builder
	var dirs []string
	for i := range people {
		home := "/home/u" + strconv.Itoa(i)
		dirs = append(dirs, home)
		passwd.WriteString("u:x:1000:0::" + home + ":/bin/sh\nv:x:1001:0::/absent" + home + ":/bin/sh\n")
	}
	_, skipped, err := ruleSet(tree(t, passwd.String(), dirs...), syscalls.X8664)
	if want := people + 1 - maxHomes; err != nil || skipped != want {
		t.Errorf("%d homes are skipped, want %d, error %v", skipped, want, err)
	}
}

func TestChangesAreKnown(t *testing.T) {
	for name := range strings.FieldsSeq(changes) {
		known := false
		for _, arch := range []syscalls.Arch{syscalls.X8664, syscalls.I386, syscalls.ARM64} {
			_, ok := syscalls.Number(arch, name)
			known = known || ok
		}
		if !known {
			t.Errorf("%s is no system call", name)
		}
	}
}

func BenchmarkRuleSet(b *testing.B) {
	b.ReportAllocs()
	var rules []rule.Rule
	for b.Loop() {
		rules, _, _ = ruleSet(hostfs.FS{}, syscalls.X8664)
	}
	b.ReportMetric(float64(len(rules)), "rules")
}
