package input_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-security/holdfast/cli/input"
)

func TestSets(t *testing.T) {
	for name, c := range map[string]struct {
		in   []string
		want [][]string
	}{
		"one file": {[]string{"audit.log"}, [][]string{{"audit.log"}}},
		"auditd's rotation, as the shell sorts it": {
			[]string{"a/audit.log", "a/audit.log.1", "a/audit.log.10", "a/audit.log.2"},
			[][]string{{"a/audit.log.10", "a/audit.log.2", "a/audit.log.1", "a/audit.log"}},
		},
		"compressed": {
			[]string{"auth.log", "auth.log.1", "auth.log.3.gz", "auth.log.2.zst"},
			[][]string{{"auth.log.3.gz", "auth.log.2.zst", "auth.log.1", "auth.log"}},
		},
		"by date": {
			[]string{"secure", "secure-20260301", "secure-20260222.gz"},
			[][]string{{"secure-20260222.gz", "secure-20260301", "secure"}},
		},
		"two logs keep their order": {
			[]string{"auth.log", "audit.log.1", "auth.log.1", "audit.log"},
			[][]string{{"auth.log.1", "auth.log"}, {"audit.log.1", "audit.log"}},
		},
		"same name in two directories": {[]string{"a/audit.log", "b/audit.log.1"}, [][]string{{"a/audit.log"}, {"b/audit.log.1"}}},
		"standard input, twice":        {[]string{"-", "-"}, [][]string{{"-"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, input.Sets(c.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDetect(t *testing.T) {
	for line, want := range map[string]input.Format{
		"":        input.Blank,
		" \t\r":   input.Blank,
		`{"a":1}`: input.JSON,
		"type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e":                                   input.Audit,
		"node=web1 type=EOE msg=audit(1700000000.123:42): ":                                          input.Audit,
		"Mar  1 12:00:00 host kernel: [    1.0] audit: type=1400 audit(1700000000.123:42): apparmor": input.Audit,
		"Mar  1 12:00:00 host sshd[12]: Failed password for root from 192.0.2.1 port 22 ssh2":        input.Syslog,
		"2026-03-01T12:00:00.123456+00:00 host sshd[12]: Accepted publickey for alice":               input.Syslog,
		"<38>1 2026-03-01T12:00:00Z host sshd 12 - - Accepted":                                       input.Syslog,
		"<38>Mar 11 12:00:00 host su: x":                                                             input.Syslog,
		"<191>100 2026-03-01 12:00:00 host x":                                                        input.Syslog,
		"<38>01 Mar 11 12:00:00 host su: x":                                                          input.Unknown,
		"<1234>Mar 11 12:00:00 host su: x":                                                           input.Unknown,
		"<>Mar 11 12:00:00 host su: x":                                                               input.Unknown,
		"<38>":                                                                                       input.Unknown,
		"mar 11 12:00:00 host su: x":                                                                 input.Unknown,
		"Mar 1 12:00:00 host su: x":                                                                  input.Unknown,
		"hello world":                                                                                input.Unknown,
		"\x7fELF\x02\x01":                                                                            input.Unknown,
		"Mar  1 12:00:00 host logger: " + strings.Repeat("x", 600) + " type=SYSCALL msg=audit(1.000:1): a": input.Syslog,
	} {
		if got := input.Detect([]byte(line)); got != want {
			t.Errorf("%.60q: got format %d, want %d", line, got, want)
		}
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.Bytes()
}

func zstandard(t *testing.T, text string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(text), nil)
}

func readAll(t *testing.T, name string, stdin io.Reader) ([]string, error) {
	t.Helper()
	f, err := input.Open(name, stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	err = f.Lines(func(l input.Line) error {
		if l.Number != len(lines)+1 {
			t.Errorf("line %d came as number %d", len(lines)+1, l.Number)
		}
		lines = append(lines, string(l.Text))
		return nil
	})
	return lines, err
}

func TestLines(t *testing.T) {
	const text = "one\ntwo\r\n\nlast"
	want := []string{"one", "two", "", "last"}
	for name, data := range map[string][]byte{"plain": []byte(text), "gzip": gzipped(t, text), "zstd": zstandard(t, text)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "misleading.txt")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, from := range []string{path, input.Stdin} {
				got, err := readAll(t, from, bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", from, diff)
				}
			}
		})
	}
}

func TestLongLinesAreCut(t *testing.T) {
	text := strings.Repeat("x", input.MaxLine+5000) + "\nnext\n" + strings.Repeat("y", 1<<20)
	f, err := input.Open(input.Stdin, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var lengths []int
	var cuts []bool
	if err := f.Lines(func(l input.Line) error {
		lengths, cuts = append(lengths, len(l.Text)), append(cuts, l.Cut)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{input.MaxLine, 4, 1 << 20}, lengths); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{true, false, false}, cuts); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsNameTheInput(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.gz")
	data := gzipped(t, strings.Repeat("line of text\n", 10000))
	if err := os.WriteFile(broken, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		dir:                        "is a directory",
		filepath.Join(dir, "none"): "no such file",
		broken:                     "broken.gz after line",
	} {
		_, err := readAll(t, name, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, want)
		}
	}
}

func TestReadCountsBytesOnDisk(t *testing.T) {
	data := gzipped(t, strings.Repeat("line of text\n", 10000))
	f, err := input.Open(input.Stdin, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Lines(func(input.Line) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if f.Read() != int64(len(data)) {
		t.Errorf("counted %d bytes, the file has %d", f.Read(), len(data))
	}
}

func TestLinesStopsAtTheCallersError(t *testing.T) {
	f, err := input.Open(input.Stdin, strings.NewReader("a\nb\nc\n"))
	if err != nil {
		t.Fatal(err)
	}
	stop, n := errors.New("stop"), 0
	err = f.Lines(func(input.Line) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("got %v after %d lines", err, n)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00"))
	f.Add([]byte("type=A msg=audit(1.000:1): a\n{\n<1>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := input.Open(input.Stdin, bytes.NewReader(data))
		if err != nil {
			return
		}
		defer file.Close()
		_ = file.Lines(func(l input.Line) error {
			if bytes.ContainsRune(l.Text, '\n') || len(l.Text) > input.MaxLine {
				t.Errorf("line %d of %d bytes is not one bounded line", l.Number, len(l.Text))
			}
			input.Detect(l.Text)
			return nil
		})
	})
}

func BenchmarkLines(b *testing.B) {
	text := strings.Repeat("type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall=59 success=yes exit=0\n", 10000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := input.Open(input.Stdin, strings.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Lines(func(l input.Line) error { input.Detect(l.Text); return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
