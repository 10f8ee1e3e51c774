package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules"
)

func TestScenariosAreComplete(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := make(map[string]bool)
	for _, s := range Scenarios() {
		if !name.MatchString(s.Name) || seen[s.Name] {
			t.Errorf("name %q is not in kebab-case or not unique", s.Name)
		}
		seen[s.Name] = true
		if s.Title == "" || s.AlertType == "" || s.Run == nil || !strings.HasSuffix(s.Summary, ".") {
			t.Errorf("%s is not complete", s.Name)
		}
		if found, ok := Find(Scenarios(), s.Name); !ok || found.Title != s.Title {
			t.Errorf("Find does not find %s", s.Name)
		}
	}
}

func TestEveryRuleHasAScenario(t *testing.T) {
	played := make(map[finding.AlertType]bool)
	for _, s := range Scenarios() {
		played[s.AlertType] = true
	}
	raised := make(map[finding.AlertType]bool)
	for _, f := range rules.Files() {
		parsed, err := sigma.Parse(f.Path, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range parsed {
			raised[r.Holdfast.AlertType] = true
		}
	}
	delete(raised, "")
	if diff := cmp.Diff(raised, played); diff != "" {
		t.Errorf("alert types of rules (-) and of scenarios (+):\n%s", diff)
	}
}

// TestNothingIsLeft plays every scenario without an engine and compares what
// they touch with before.
func TestNothingIsLeft(t *testing.T) {
	if testing.Short() {
		t.Skip("plays every scenario")
	}
	hosttest.LockAudit(t)
	before := traces(t)
	runner := Runner{Wait: time.Millisecond}
	for _, result := range runner.Run(t.Context(), Scenarios()) {
		if result.Outcome == Skip && hosttest.Full() || result.Outcome == Fail && !strings.HasPrefix(result.Reason, "no alert") {
			t.Errorf("%s: %s: %s", result.Scenario, result.Outcome, result.Reason)
		}
	}
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Errorf("before (-) and after (+):\n%s", diff)
	}
	waitRunning(t, "hfsim", false)
}

// traces describes the files that scenarios touch, and everything that is named
// after a stage.
func traces(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	files := []string{
		"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/passwd-", "/etc/shadow-", "/etc/group-",
		"/etc/gshadow-", "/etc/sudoers", "/etc/ld.so.preload", "/root/.ssh/authorized_keys", "/root/.bash_history",
		"/bin/sh", "/etc/crontab",
	}
	for _, path := range files {
		found[path] = describe(t, path)
	}
	for _, dir := range []string{"/etc/sudoers.d", "/etc/cron.d", "/etc", "/root", "/root/.ssh", "/var/log", "/tmp", "/dev/shm", "/home"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.Contains(e.Name(), "hfsim") {
				found[filepath.Join(dir, e.Name())] = "listed"
			}
		}
	}
	return found
}

// describe returns content, mode, owner and times of a file.
func describe(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		return "absent"
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(owner(info), info.Mode(), info.ModTime().UTC(), hash(data))
}

func owner(info fs.FileInfo) string {
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d ", stat.Uid, stat.Gid)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
