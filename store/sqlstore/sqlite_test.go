package sqlstore

import (
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/storetest"
)

var update = flag.Bool("update", false, "write the database of the newest schema to testdata, if it is not there")

func openTest(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLiteConforms(t *testing.T) {
	storetest.State(t, func(t *testing.T) store.State { return openTest(t, filepath.Join(t.TempDir(), "state.db")) })
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd ?#%41 name.db")
	s := openTest(t, path)
	defer s.Close()
	saveTest(t, s, testAlert("a"))
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) != 3 { // with write-ahead log and its index
		t.Fatalf("files are %q, %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
}

func TestSQLiteStoresSeeEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	a, b := openTest(t, path), openTest(t, path)
	defer a.Close()
	defer b.Close()
	followEachOther(t, a, b)
}

func TestSQLiteAuditLogIsAppendOnly(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "state.db"))
	defer s.Close()
	auditIsAppendOnly(t, s)
}

func TestSQLiteSyncsEveryCommit(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "state.db"))
	defer s.Close()
	var mode string
	var synchronous int
	if err := s.write.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil {
		t.Fatal(err)
	}
	if err := s.write.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous); err != nil {
		t.Fatal(err)
	}
	if mode != "wal" || synchronous != 2 {
		t.Errorf("journal mode %s, synchronous %d; want wal and 2 (full)", mode, synchronous)
	}
	if _, err := s.read.ExecContext(t.Context(), "DELETE FROM alerts"); err == nil {
		t.Error("a reading connection writes")
	}
}

func TestSQLiteRefusals(t *testing.T) {
	write := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    string
	}{
		{"no database", write(strings.Repeat("this is text\n", 500)), "not a SQLite database"},
		{"damaged", func(t *testing.T, path string) {
			s := openTest(t, path)
			s.Close()
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte(strings.Repeat("\xaa", 16<<10)), 100); err != nil {
				t.Fatal(err)
			}
		}, "damaged"},
		{"newer", func(t *testing.T, path string) {
			s := openTest(t, path)
			defer s.Close()
			pretendNewer(t, s)
		}, "newer version of Holdfast"},
		{"no folder", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, "folder does not exist"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			test.prepare(t, path)
			s, err := Open(t.Context(), Config{Path: path})
			if err == nil {
				s.Close()
			}
			wantSentence(t, err, test.want)
			wantSentence(t, err, path)
		})
	}
}

func TestSQLiteWithoutPermission(t *testing.T) {
	if !hosttest.Unprivileged(t) {
		return
	}
	t.Run("folder", func(t *testing.T) {
		folder := t.TempDir()
		lockFolder(t, folder)
		_, err := Open(t.Context(), Config{Path: filepath.Join(folder, "state.db")})
		wantSentence(t, err, "no permission to write")
	})
	t.Run("folder of a database", func(t *testing.T) {
		folder := t.TempDir()
		path := filepath.Join(folder, "state.db")
		openTest(t, path).Close()
		lockFolder(t, folder)
		_, err := Open(t.Context(), Config{Path: path})
		wantSentence(t, err, "write permission on the folder")
	})
}

func lockFolder(t *testing.T, folder string) {
	t.Helper()
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(folder, 0o700) }) // for its removal
}

// TestSQLiteFullDisk fills the database up to a bound, as a full disk would,
// and makes room again.
func TestSQLiteFullDisk(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "state.db"))
	defer s.Close()
	saveTest(t, s, testAlert("before"))
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil { // as many as there are
		t.Fatal(err)
	}
	large := testAlert("large")
	large.Meaning = strings.Repeat("x", 1<<20)
	_, err := s.SaveAlerts(t.Context(), []finding.Alert{large}, testTime, store.Position{Partition: "0", Sequence: 7})
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("error is %v", err)
	}
	if p, err := s.DetectionPosition(t.Context(), "0"); err != nil || p != 0 {
		t.Errorf("the position is %d, %v", p, err)
	}
	if n := total(t, s, store.AlertFilter{}); n != 1 {
		t.Errorf("%d alerts", n)
	}
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	saveTest(t, s, large)
	if n := total(t, s, store.AlertFilter{}); n != 2 {
		t.Errorf("%d alerts when there is room", n)
	}
}

// TestSQLiteBackupInUse copies the state while alerts are saved: the copy is
// whole, and holds at least what was saved before.
func TestSQLiteBackupInUse(t *testing.T) {
	folder := t.TempDir()
	s := openTest(t, filepath.Join(folder, "state.db"))
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const before = 50
	for i := range before {
		saveTest(t, s, testAlert(fmt.Sprint("a", i)))
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := before; ctx.Err() == nil; i++ {
			_, err := s.SaveAlerts(context.WithoutCancel(ctx), []finding.Alert{testAlert(fmt.Sprint("a", i))}, testTime, store.Position{Partition: "0", Sequence: uint64(i + 1)})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	copied := filepath.Join(folder, "copy's.db")
	err := s.Backup(t.Context(), copied)
	stop()
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), copied); err == nil {
		t.Error("a backup overwrites a file")
	}
	c := openTest(t, copied)
	defer c.Close()
	n := total(t, c, store.AlertFilter{})
	p, err := c.DetectionPosition(t.Context(), "0")
	if err != nil || n < before || p != 0 && int64(p) != n {
		t.Errorf("the copy has %d alerts at position %d, %v", n, p, err)
	}
	if got := total(t, c, store.AlertFilter{Text: "story of a49"}); got != 1 {
		t.Errorf("text search in the copy finds %d", got)
	}
}

// TestOldSchemas opens databases that earlier versions wrote, with something
// in each, and finds it again. Steps are for going up only: there is no way to
// take a schema down.
func TestOldSchemas(t *testing.T) {
	const newest = 5
	name := filepath.Join("testdata", fmt.Sprintf("state-v%d.db.gz", newest))
	if _, err := os.Stat(name); *update && errors.Is(err, os.ErrNotExist) {
		writeGolden(t, name)
	}
	for _, version := range []int{1, 2, newest} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			unpack(t, filepath.Join("testdata", fmt.Sprintf("state-v%d.db.gz", version)), path)
			s := openTest(t, path)
			defer s.Close()
			h, err := s.Host(t.Context(), "h1")
			if err != nil || h.Name != "web-1" || h.Labels["group"] != "web" {
				t.Errorf("the host is %+v, %v", h, err)
			}
			c, err := s.Alert(t.Context(), "a1")
			if err != nil || c.Story != "A story of a1" || c.Status != finding.Resolved {
				t.Errorf("the alert is %+v, %v", c, err)
			}
			if n := total(t, s, store.AlertFilter{Text: "STORY OF A1"}); n != 1 {
				t.Errorf("text search finds %d", n)
			}
			if version < newest {
				return
			}
			e, err := s.Exception(t.Context(), "ex-1")
			if err != nil || e.Name != "known" || e.Reason != "a test" {
				t.Errorf("the exception is %+v, %v", e, err)
			}
			doc, err := s.RuleDoc(t.Context(), "web/one.yml")
			if err != nil || doc.Text != "title: One" || doc.State != store.RuleDraft {
				t.Errorf("the rule document is %+v, %v", doc, err)
			}
		})
	}
}

func writeGolden(t *testing.T, name string) {
	t.Helper()
	folder := t.TempDir()
	s := openTest(t, filepath.Join(folder, "state.db"))
	defer s.Close()
	h := fleet.Host{ID: "h1", Name: "web-1", State: fleet.Active, PublicKey: "U1", Labels: map[string]string{"group": "web"}, Enrolled: testTime, Version: 1}
	resolved := finding.Resolved
	saveTest(t, s, testAlert("a1"), testAlert("a2"))
	_, err := s.ChangeAlert(t.Context(), "a1", 1, store.AlertChange{Status: &resolved, Comment: "done", By: "anna", Time: testTime})
	known := finding.Exception{ID: "ex-1", ExceptionTerms: finding.ExceptionTerms{Name: "known", Reason: "a test", Enabled: true}, Author: "anna", Created: testTime, Version: 1}
	doc := store.RuleDocChange{Name: "web/one.yml", Text: "title: One", State: store.RuleDraft}
	err = errors.Join(err, s.AddException(t.Context(), known), s.ChangeRuleDocs(t.Context(), []store.RuleDocChange{doc}, "anna", testTime))
	if err := errors.Join(err, s.AddHost(t.Context(), h), s.Backup(t.Context(), filepath.Join(folder, "copy.db"))); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, "copy.db"))
	if err != nil {
		t.Fatal(err)
	}
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	_, err = z.Write(content)
	if err := errors.Join(err, z.Close(), os.MkdirAll("testdata", 0o755), os.WriteFile(name, []byte(packed.String()), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, name, path string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTextOfManyAlertsIsCountedAmongTheNewest(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "state.db"))
	defer s.Close()
	fill(t, s, 2*maxCounted)
	everything, err := s.CountAlerts(t.Context(), store.AlertFilter{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	host := everything.TopHosts[0]
	for name, tt := range map[string]struct {
		filter  store.AlertFilter
		total   int64
		atLeast bool
	}{
		"all have it":          {store.AlertFilter{Text: "CONNECTED"}, maxCounted, true},
		"too short to look up": {store.AlertFilter{Text: "us"}, maxCounted, true},
		"all of a host":        {store.AlertFilter{Text: "connected", Host: []event.HostID{event.HostID(host.Key)}}, host.Count, false},
		"none":                 {store.AlertFilter{Text: "no such text"}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := s.CountAlerts(t.Context(), tt.filter, 0)
			if err != nil || c.Total != tt.total || c.AtLeast != tt.atLeast {
				t.Errorf("counted %d (at least: %v), %v; want %d (%v)", c.Total, c.AtLeast, err, tt.total, tt.atLeast)
			}
			l, err := s.Alerts(t.Context(), tt.filter, "", store.Page{Limit: 1000})
			if want := min(int(tt.total), 1000); err != nil || len(l.Items) != want || (l.Next != "") != (tt.total > 1000) {
				t.Errorf("listed %d, next %q, %v; want %d", len(l.Items), l.Next, err, want)
			}
		})
	}
}
