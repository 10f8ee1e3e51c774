package record_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// corpusLines returns the lines of every file of the corpus that holds audit
// records, by file name relative to the corpus.
func corpusLines(t testing.TB) map[string][][]byte {
	root := hosttest.Data(t, "auditd-logs")
	files := make(map[string][][]byte)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(root, path)
		switch filepath.Ext(path) {
		case ".log", ".txt", ".yaml", ".ini":
		default:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(data) {
			// Records inside JSON are escaped; replay unpacks them first.
			if bytes.Contains(line, []byte("msg=audit(")) && line[0] != '[' {
				files[name] = append(files[name], line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCorpusParses(t *testing.T) {
	var lines int
	for name, file := range corpusLines(t) {
		for _, line := range file {
			lines++
			if _, err := record.ParseLine(line); err != nil {
				t.Errorf("%s: %v: %.150q", name, err, line)
			}
		}
	}
	t.Logf("%d lines with records", lines)
}

// goldenRecord is what another parser, go-libaudit, made of a line.
type goldenRecord struct {
	Time   time.Time         `json:"@timestamp"`
	Type   string            `json:"record_type"`
	Serial uint64            `json:"sequence"`
	Raw    string            `json:"raw_msg"`
	Data   map[string]string `json:"data"`
}

// rawInGolden are the fields that go-libaudit leaves as the kernel wrote them,
// apart from quotes.
var rawInGolden = strings.Fields(`pid ppid uid gid euid suid fsuid egid sgid fsgid a0 a1 a2 a3 items item inode
	dev mode ouid ogid rdev nametype argc tty comm exe unit terminal op id opid oauid ouid ver format kernel`)

func TestHeadsAndFieldsAgreeWithGoLibaudit(t *testing.T) {
	dir := hosttest.Data(t, "auditd-logs", "go-libaudit", "auparse", "testdata")
	names, err := filepath.Glob(filepath.Join(dir, "*.golden"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	compared := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var golden []goldenRecord
		if err := json.Unmarshal(data, &golden); err != nil {
			t.Fatal(err)
		}
		for _, want := range golden {
			if want.Raw == "" {
				continue
			}
			line := "type=" + strings.ToUpper(want.Type) + " msg=" + want.Raw
			rec, err := record.ParseLine([]byte(line))
			if err != nil {
				t.Errorf("%v: %s", err, line)
				continue
			}
			if rec.Serial != want.Serial || !rec.Time().Equal(want.Time) {
				t.Errorf("got serial %d at %v, want %d at %v: %s", rec.Serial, rec.Time(), want.Serial, want.Time, line)
			}
			for _, field := range rawInGolden {
				wantValue, ok := want.Data[field]
				if !ok {
					continue
				}
				value, _ := rec.Get(field)
				got := strings.Trim(string(value), `"`)
				compared++
				if decoded, err := hex.DecodeString(got); err == nil && string(decoded) == wantValue {
					got = wantValue
				}
				if got != wantValue {
					t.Errorf("field %s is %q, want %q: %s", field, got, wantValue, line)
				}
			}
		}
	}
	t.Logf("%d fields compared", compared)
}

// notInText are fields that auparse makes up for AVC records.
var notInText = map[string]bool{"type": true, "seresult": true, "seperms": true}

// TestFieldsAgreeWithAuparse compares with what auparse, the library of the
// audit project, finds in its own test logs.
func TestFieldsAgreeWithAuparse(t *testing.T) {
	dir := hosttest.Data(t, "auditd-logs", "audit-userspace")
	ref, err := os.Open(filepath.Join(dir, "auparse_test.ref"))
	if err != nil {
		t.Fatal(err)
	}
	defer ref.Close()
	head := regexp.MustCompile(`^    record (\d+) of type`)
	place := regexp.MustCompile(`^    line=\d+ file=\./(\S+)`)
	stamp := regexp.MustCompile(`^    event time: (\S+),`)
	field := regexp.MustCompile(`^        ([a-z0-9_-]+)=(.*)$`)
	compared := 0
	var fields record.Fields
	var line, file string
	var number int
	for scan := bufio.NewScanner(ref); scan.Scan(); {
		if m := head.FindStringSubmatch(scan.Text()); m != nil {
			number, _ = strconv.Atoi(m[1])
			file, line = "", ""
		}
		if m := place.FindStringSubmatch(scan.Text()); m != nil {
			file = m[1]
		}
		if m := stamp.FindStringSubmatch(scan.Text()); m != nil && file != "" {
			line = nthLine(t, filepath.Join(dir, file), "audit("+m[1]+"):", number)
			rec, err := record.ParseLine([]byte(line))
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			fields = rec.Fields()
			continue
		}
		m := field.FindStringSubmatch(scan.Text())
		if m == nil || line == "" || notInText[m[1]] {
			continue
		}
		found := false
		for !found && fields.Next() {
			value, _, _ := strings.Cut(string(fields.Value), " ")
			wantValue, _, _ := strings.Cut(m[2], " ")
			found = string(fields.Name) == m[1] && value == wantValue
		}
		compared++
		if !found {
			t.Errorf("no field %s=%s in order in %s", m[1], m[2], line)
			line = ""
		}
	}
	if compared < 100 {
		t.Errorf("only %d fields compared", compared)
	}
	t.Logf("%d fields compared", compared)
}

// nthLine returns the n-th line of the file that holds text, counted from one.
func nthLine(t *testing.T, file, text string, n int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, text) {
			if n--; n == 0 {
				return line
			}
		}
	}
	t.Fatalf("%s has too few lines with %s", file, text)
	return ""
}

func TestCorpusReassembles(t *testing.T) {
	for name, file := range corpusLines(t) {
		var events, records uint64
		r := record.NewReassembler(record.Options{RecordTime: true}, func(e *record.Event) {
			events++
			records += uint64(len(e.Records))
		})
		marks := uint64(0)
		for _, line := range file {
			if rec, err := record.ParseLine(line); err == nil && rec.Type == record.EOE {
				marks++
			}
			if err := r.PushLine(line, 0); errors.Is(err, record.ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		r.Flush()
		c := r.Counters()
		if c.Events != events || c.Records != records+marks+c.Duplicates+c.Truncated {
			t.Errorf("%s: records do not add up: %d delivered in %d events, %d end marks, %+v", name, records, events, marks, c)
		}
		if c.Truncated != 0 || c.Evicted != 0 {
			t.Errorf("%s: records were dropped: %+v", name, c)
		}
	}
}
