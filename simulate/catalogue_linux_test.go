package simulate

import (
	"encoding/csv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/rules"
)

// Why a type of alert of the catalogue has no rule here. A reason that names a
// missing feature fails the test once that is there.
const (
	cloud     = "is known to the cloud's control plane alone; nothing of it reaches the host"
	fileless  = "needs the look into the memory of processes"
	allowlist = "needs application control"
	incidents = "is an incident: alerts that are joined, with no detection of its own"
	sensor    = "is another product's own test of its sensor"
	resolver  = "needs the names that are looked up, which no sensor reports"
)

// without are the alert types, or titles of rows without one, that no rule
// raises, with the reason. A prefix ending in * stands for all that begin so.
var without = map[string]string{
	"VM_Am*":                           cloud,
	"VM_UnusualAmFileExclusion":        cloud,
	"VM_VMAccess*":                     cloud,
	"VM_GPU*":                          cloud,
	"VM_RunCommand*":                   cloud,
	"VM_SuspiciousMultiExtensionUsage": cloud,
	"VM_DiskEncryptionSuspiciousUsage": cloud,
	"VM_DSCExtension*":                 cloud,
	"VM_CustomScriptExtension*":        cloud,
	"VM_FilelessAttack*":               fileless,
	"VM_AdaptiveApplicationControlLinuxViolationAudited": allowlist,
	"Security incident detected*":                        incidents,
	"Security incident with shared process detected":     incidents,
	"Enumeration of files with sensitive data":           sensor,
	"AzureDNS_ThreatIntelSuspectDomain":                  resolver,
	"K8S.NODE_CurrencyMining":                            resolver,
}

// sameAs gives the rule for rows of the catalogue that go by another name
// here: rows without an id, and those of containers' nodes that mean the same
// as a row of hosts under another id.
var sameAs = map[string]string{
	"Behavior similar to ransomware detected":                    "HF_RansomwareBehavior",
	"Exploitation of Xorg vulnerability":                         "HF_XorgExploitation",
	"Python encoded downloader detected":                         "HF_PythonEncodedDownloader",
	"Shellcode detected":                                         "HF_ShellcodeGenerated",
	"Suspicious kernel module detected":                          "HF_SuspiciousKernelModule",
	"A kernel module was loaded":                                 "HF_KernelModuleLoaded",
	"A kernel module was removed":                                "HF_KernelModuleRemoved",
	"Disabling of auditd logging":                                "HF_AuditdDisabled",
	"Suspicious Account Creation Detected":                       "HF_SuspiciousAccountCreation",
	"Burst of log deletions may indicate actions of an attacker": "VM_SystemLogRemoval",
	"Detected suspicious network activity":                       "VM_SuspectNetworkConnection",
	"Suspicious enumeration of host configuration":               "VM_LinuxReconnaissance",
	"K8S.NODE_ReconnaissanceArtifactsBurst":                      "VM_LinuxReconnaissance",
}

// ownMeaning are the rows of containers' nodes that no row of hosts means.
// For every other one, VM_ in the place of K8S.NODE_ gives the rule.
var ownMeaning = []string{"K8S.NODE_NamespaceCreation", "K8S.NODE_KubeConfigAccess", "K8S.NODE_ImdsCall"}

// rowOf is a row of the catalogue as the test needs it.
type row struct{ platform, title, id string }

// key is what a row is known by: its id, or its title where it has none. Rows
// that say "seen multiple times" are the repeats of their base row, which the
// roll-up makes.
func (r row) key() string {
	if r.id != "" {
		return r.id
	}
	title, _, _ := strings.Cut(r.title, " [")
	return title
}

// rule returns the alert type that stands for a row here.
func (r row) rule() string {
	key := r.key()
	if other, ok := sameAs[key]; ok {
		return other
	}
	if name, ok := strings.CutPrefix(key, "K8S.NODE_"); ok && !slices.Contains(ownMeaning, key) {
		return "VM_" + name
	}
	return key
}

func catalogue(t *testing.T) []row {
	t.Helper()
	file, err := os.Open(filepath.Join(filepath.Dir(hosttest.Data(t)), "catalog", "alerts.csv"))
	if err != nil {
		t.Skipf("no catalogue: %v", err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, line := range lines[1:] {
		if platform := line[0]; platform == "linux" || platform == "both" || platform == "container" {
			rows = append(rows, row{platform: platform, title: line[1], id: line[2]})
		}
	}
	return rows
}

// ruled returns the alert types that rules raise.
func ruled(t *testing.T) map[string]bool {
	t.Helper()
	types := make(map[string]bool)
	for _, f := range rules.Files() {
		parsed, err := sigma.Parse(f.Path, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range parsed {
			types[string(r.Holdfast.AlertType)] = true
		}
	}
	return types
}

// reasonFor returns the entry of without for a key.
func reasonFor(key string) (entry string, found bool) {
	for entry := range without {
		prefix, all := strings.CutSuffix(entry, "*")
		if key == entry || all && strings.HasPrefix(key, prefix) {
			return entry, true
		}
	}
	return "", false
}

// TestCatalogueIsCovered holds the rules and scenarios against the catalogue of
// alert types: every row that a Linux host can see has both, or a reason why not
// that still holds.
func TestCatalogueIsCovered(t *testing.T) {
	raised, played := ruled(t), make(map[string]bool)
	for _, s := range Scenarios() {
		played[string(s.AlertType)] = true
	}
	unused := maps.Clone(without)
	for _, r := range catalogue(t) {
		key, rule := r.key(), r.rule()
		entry, excused := reasonFor(key)
		delete(unused, entry)
		switch {
		case excused && raised[rule]:
			t.Errorf("%s has a rule: take it from the list of those that %s", key, without[entry])
		case excused:
		case !raised[rule]:
			t.Errorf("%q (%s): no rule raises %s", r.title, r.platform, rule)
		case !played[rule]:
			t.Errorf("%q (%s): no scenario proves %s", r.title, r.platform, rule)
		}
	}
	for entry := range unused {
		t.Errorf("%s is excused but not in the catalogue", entry)
	}
}

// TestReasonsStillHold fails when a feature is there for whose absence alert
// types are excused.
func TestReasonsStillHold(t *testing.T) {
	for reason, folders := range map[string][]string{
		fileless:  {"agent/memscan", "agent/fileless"},
		allowlist: {"agent/appcontrol"},
		resolver:  {"agent/dnssense"},
	} {
		if !slices.Contains(slices.Collect(maps.Values(without)), reason) {
			continue
		}
		for _, folder := range folders {
			if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(folder))); err == nil {
				t.Errorf("%s is there: alert types are excused because their detection %s", folder, reason)
			}
		}
	}
}
