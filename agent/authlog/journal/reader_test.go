package journal_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/authlog/journal"
	"github.com/holdfast-security/holdfast/agent/authlog/journal/journaltest"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// The test journals hold 43 entries written by systemd-journal-remote 252: 40
// failed passwords, a logon, a forged logon by logger, and a long sudo line.
// They are stored packed because journald allocates 8 MiB at a time.
func testJournal(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".journal.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var variants = []string{"regular", "regular-zstd", "compact", "compact-zstd"}

func readAll(r *journal.Reader) ([]journal.Entry, error) {
	var entries []journal.Entry
	for {
		var e journal.Entry
		err := r.Next(&e)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
}

func TestReadsEveryLayout(t *testing.T) {
	for _, name := range variants {
		t.Run(name, func(t *testing.T) {
			r, err := journal.NewReader(bytes.NewReader(testJournal(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			entries, err := readAll(r)
			if err != nil || len(entries) != 43 {
				t.Fatalf("%d entries, %v", len(entries), err)
			}
			for i, e := range entries[:40] {
				want := fmt.Sprintf("Failed password for root from 192.0.2.1 port %d ssh2", 4000+i)
				if e.Message != want || e.Identifier != "sshd" || e.PID != uint32(700+i) || !e.HasUID || e.UID != 0 ||
					e.Comm != "sshd" || e.Exe != "/usr/sbin/sshd" || e.Host != "host" || e.Transport != "syslog" {
					t.Errorf("entry %d: %+v", i, e)
				}
				if at := time.Date(2026, 2, 27, 10, 0, i+1, 0, time.UTC); !e.Time.Equal(at) {
					t.Errorf("entry %d is of %v, want %v", i, e.Time, at)
				}
			}
			if last := entries[42]; len(last.Message) != 2056 || last.TrustedPID != 802 || last.PID != 802 || last.UID != 1000 {
				t.Errorf("long message of %d bytes: %.80q", len(last.Message), last.Message)
			}
			if s := r.Stats(); s != (journal.Stats{}) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestSeek(t *testing.T) {
	for _, name := range variants {
		data := testJournal(t, name)
		end, _ := journal.NewReader(bytes.NewReader(data))
		if err := end.SeekEnd(); err != nil {
			t.Fatal(err)
		}
		if entries, err := readAll(end); err != nil || len(entries) != 0 {
			t.Errorf("%s: %d entries behind the end, %v", name, len(entries), err)
		}
		after, _ := journal.NewReader(bytes.NewReader(data))
		if err := after.SeekAfter(after.Header().TailSeqnum - 3); err != nil {
			t.Fatal(err)
		}
		if entries, err := readAll(after); err != nil || len(entries) != 3 {
			t.Errorf("%s: %d entries behind the last but three, %v", name, len(entries), err)
		}
	}
}

// TestFollowsAGrowingFile reads while systemd's own program writes.
func TestFollowsAGrowingFile(t *testing.T) {
	remote := hosttest.Program(t, "/lib/systemd/systemd-journal-remote")
	path := filepath.Join(t.TempDir(), "live.journal")
	cmd := exec.Command(remote, "--output="+path, "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	write := func(i int) {
		fmt.Fprintf(in, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\nMESSAGE=number %d\nSYSLOG_IDENTIFIER=sshd\n_HOSTNAME=h\n\n",
			1772186400000000+int64(i), 1000000+i, i)
	}
	var r *journal.Reader
	for i := range 2000 {
		write(i)
		if i%500 == 0 || i == 1999 {
			r = expectNumber(t, r, path, i)
		}
	}
}

// expectNumber reads until the entry with the given number.
func expectNumber(t *testing.T, r *journal.Reader, path string, number int) *journal.Reader {
	t.Helper()
	want := fmt.Sprintf("number %d", number)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if r == nil {
			f, err := os.Open(path)
			if err != nil {
				continue
			}
			t.Cleanup(func() { f.Close() })
			if r, err = journal.NewReader(f); err != nil {
				r = nil
				continue
			}
		}
		entries, err := readAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(entries); n > 0 && entries[n-1].Message == want {
			return r
		}
	}
	t.Fatalf("%q did not come", want)
	return nil
}

func TestRefuses(t *testing.T) {
	good := testJournal(t, "regular")
	for name, change := range map[string]func([]byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"short":             func(b []byte) []byte { return b[:100] },
		"another signature": func(b []byte) []byte { b[0] = 'X'; return b },
		"unknown feature":   func(b []byte) []byte { b[12] |= 1 << 5; return b },
	} {
		if _, err := journal.NewReader(bytes.NewReader(change(bytes.Clone(good)))); !errors.Is(err, journal.ErrNotJournal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamageEndsInAnError(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"cut in the middle": func(b []byte) []byte { return b[:8192] },
		"array points to itself": func(b []byte) []byte {
			array := binary.LittleEndian.Uint64(b[176:])
			binary.LittleEndian.PutUint64(b[array+16:], array)
			return b
		},
		"array beyond the file": func(b []byte) []byte { binary.LittleEndian.PutUint64(b[176:], 1<<40); return b },
		"entries beyond arrays": func(b []byte) []byte { binary.LittleEndian.PutUint64(b[152:], 1<<60); return b },
	} {
		r, err := journal.NewReader(bytes.NewReader(change(testJournal(t, "regular"))))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if entries, err := readAll(r); err != nil && !errors.Is(err, journal.ErrCorrupt) || len(entries) > 43 {
			t.Errorf("%s: %d entries, %v", name, len(entries), err)
		}
	}
}

// smallJournal is a file of a few hundred bytes, for the fuzzer.
func smallJournal(t testing.TB, compact bool) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.journal")
	w, err := journaltest.Create(path, compact, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := w.Append(time.Unix(int64(i), 0), "_PID=1", "SYSLOG_IDENTIFIER=sshd", fmt.Sprintf("MESSAGE=%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCrossesArrays(t *testing.T) {
	for _, compact := range []bool{false, true} {
		r, err := journal.NewReader(bytes.NewReader(smallJournal(t, compact)))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := readAll(r)
		if err != nil || len(entries) != 6 || entries[5].Message != "5" || entries[5].PID != 1 || entries[5].Identifier != "sshd" {
			t.Errorf("compact %v: %+v, %v", compact, entries, err)
		}
		if h := r.Header(); !h.Archived || h.HeadSeqnum != 1 || h.TailSeqnum != 6 {
			t.Errorf("compact %v: header %+v", compact, h)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, compact := range []bool{false, true} {
		f.Add(smallJournal(f, compact), uint32(200), byte(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint32, value byte) {
		if len(data) > 1<<20 {
			return
		}
		data = bytes.Clone(data)
		if len(data) > 0 {
			data[int(at)%len(data)] ^= value
		}
		r, err := journal.NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		var e journal.Entry
		for range 1000 {
			if r.Next(&e) != nil {
				break
			}
			if len(e.Message) > 8<<10 || len(e.Identifier) > 8<<10 {
				t.Fatalf("fields of %d and %d bytes", len(e.Message), len(e.Identifier))
			}
		}
		_ = r.SeekEnd()
	})
}

func BenchmarkNext(b *testing.B) {
	for _, name := range variants {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "j")
			if err := os.WriteFile(path, testJournal(b, name), 0o600); err != nil {
				b.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			var r *journal.Reader
			var e journal.Entry
			b.ReportAllocs()
			for b.Loop() {
				if r == nil || r.Next(&e) != nil {
					if r, err = journal.NewReader(f); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
