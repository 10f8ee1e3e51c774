package record_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/audit/record"
)

type pair struct{ Name, Value string }

func pairs(f record.Fields) []pair {
	var all []pair
	for f.Next() {
		all = append(all, pair{string(f.Name), string(f.Value)})
	}
	return all
}

func TestParseLine(t *testing.T) {
	const syscall = `type=SYSCALL msg=audit(1700000000.042:77): arch=c000003e syscall=59 comm="a b" key=(null)`
	plain := []pair{{"arch", "c000003e"}, {"syscall", "59"}, {"comm", `"a b"`}, {"key", "(null)"}}
	for _, c := range []struct {
		name, line, node string
		typ              record.Type
		fields, enriched []pair
	}{
		{name: "plain", line: syscall + "\n", typ: record.Syscall, fields: plain},
		{name: "carriage return", line: syscall + "\r\n", typ: record.Syscall, fields: plain},
		{name: "node", line: "node=web1.example " + syscall, node: "web1.example", typ: record.Syscall, fields: plain},
		{
			name: "enriched", line: syscall + "\x1dARCH=x86_64 UID=\"eve\"", typ: record.Syscall, fields: plain,
			enriched: []pair{{"ARCH", "x86_64"}, {"UID", `"eve"`}},
		},
		{
			name: "enriched, through rsyslog", line: syscall + "#035ARCH=x86_64 UID=\"eve\"", typ: record.Syscall, fields: plain,
			enriched: []pair{{"ARCH", "x86_64"}, {"UID", `"eve"`}},
		},
		{
			name: "a program's text that looks enriched", line: `type=SYSCALL msg=audit(1700000000.042:77): comm="#035UID=root" uid=33#035`,
			typ: record.Syscall, fields: []pair{{"comm", `"#035UID=root"`}, {"uid", "33#035"}},
		},
		{
			name: "unknown type with number", line: "type=UNKNOWN[1334] msg=audit(1700000000.042:77): prog-id=3 op=LOAD",
			typ: record.BPF, fields: []pair{{"prog-id", "3"}, {"op", "LOAD"}},
		},
		{
			name: "unknown type name", line: "type=BRAND_NEW msg=audit(1700000000.042:77): a=1",
			fields: []pair{{"a", "1"}},
		},
		{
			name: "dmesg",
			line: `[   12.345678] audit: type=1400 audit(1700000000.042:77): apparmor="DENIED" operation="open"`,
			typ:  record.AVC, fields: []pair{{"apparmor", `"DENIED"`}, {"operation", `"open"`}},
		},
		{
			name: "syslog",
			line: `Nov 14 22:13:20 web1 kernel: [   12.345678] audit: type=1701 audit(1700000000.042:77): auid=1000 sig=11`,
			typ:  record.AnomAbend, fields: []pair{{"auid", "1000"}, {"sig", "11"}},
		},
		{
			name: "syslog from audispd",
			line: `Nov 14 22:13:20 web1 audispd: node=web1 type=CWD msg=audit(1700000000.042:77): cwd="/"`,
			node: "web1", typ: record.CWD, fields: []pair{{"cwd", `"/"`}},
		},
		{
			name: "message of a program",
			line: `type=USER_LOGIN msg=audit(1700000000.042:77): pid=5 uid=0 msg='op=login acct="ro ot" exe="/usr/sbin/sshd" addr=192.0.2.1 res=failed'`,
			typ:  record.UserLogin,
			fields: []pair{
				{"pid", "5"},
				{"uid", "0"},
				{"op", "login"},
				{"acct", `"ro ot"`},
				{"exe", `"/usr/sbin/sshd"`},
				{"addr", "192.0.2.1"},
				{"res", "failed"},
			},
		},
		{
			name: "message of an old program",
			line: `type=USER_START msg=audit(1700000000.042:77): user pid=5 uid=0 msg='PAM: session open acct=root : exe="/usr/sbin/crond" (hostname=?, addr=?, terminal=cron res=success)'`,
			typ:  record.UserStart,
			fields: []pair{
				{"pid", "5"},
				{"uid", "0"},
				{"acct", "root"},
				{"exe", `"/usr/sbin/crond"`},
				{"hostname", "?"},
				{"addr", "?"},
				{"terminal", "cron"},
				{"res", "success"},
			},
		},
		{
			name: "SELinux denial",
			line: `type=AVC msg=audit(1700000000.042:77): avc:  denied  { read write } for  pid=13 comm="x" tclass=dir`,
			typ:  record.AVC, fields: []pair{{"pid", "13"}, {"comm", `"x"`}, {"tclass", "dir"}},
		},
		{name: "no fields", line: "type=EOE msg=audit(1700000000.042:77): ", typ: record.EOE},
		{
			name: "quote that is never closed", line: `type=CWD msg=audit(1700000000.042:77): cwd="/a b`,
			typ: record.CWD, fields: []pair{{"cwd", `"/a`}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, err := record.ParseLine([]byte(c.line))
			if err != nil {
				t.Fatal(err)
			}
			if rec.Type != c.typ || rec.Serial != 77 || string(rec.Node) != c.node {
				t.Errorf("got type %v, serial %d, node %q", rec.Type, rec.Serial, rec.Node)
			}
			if want := time.Date(2023, 11, 14, 22, 13, 20, 42e6, time.UTC); !rec.Time().Equal(want) {
				t.Errorf("got time %v, want %v", rec.Time(), want)
			}
			if diff := cmp.Diff(c.fields, pairs(rec.Fields())); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.enriched, pairs(rec.EnrichedFields())); diff != "" {
				t.Errorf("enriched fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseLineRefuses(t *testing.T) {
	for line, want := range map[string]error{
		"": record.ErrNotAudit,
		"Nov 14 22:13:20 web1 sshd[5]: Failed password for root": record.ErrNotAudit,
		"type=SYSCALL": record.ErrMalformed,
		"type=SYSCALL msg=audit(1700000000.042:): a=1":         record.ErrMalformed,
		"type=SYSCALL msg=audit(1700000000.42:7): a=1":         record.ErrMalformed,
		"type=SYSCALL msg=audit(17000000000000.042:7): a=1":    record.ErrMalformed,
		"type=SYSCALL msg=audit(1700000000.042:99999999999): ": record.ErrMalformed,
		"type=sys/call msg=audit(1700000000.042:7): a=1":       record.ErrMalformed,
		"type=UNKNOWN[99999] msg=audit(1700000000.042:7): a=1": record.ErrMalformed,
		"xtype=SYSCALL msg=audit(1700000000.042:7): a=1":       record.ErrMalformed,
	} {
		if _, err := record.ParseLine([]byte(line)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", line, err, want)
		}
	}
}

func TestParseMessage(t *testing.T) {
	rec, err := record.ParseMessage(record.CWD, []byte("audit(1700000000.042:77):  cwd=\"/tmp\"\x00"))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := rec.Get("cwd"); !ok || string(v) != `"/tmp"` || rec.Type != record.CWD || rec.Serial != 77 {
		t.Errorf("got %q, %+v", v, rec)
	}
}

func TestTypeNamesRoundTrip(t *testing.T) {
	for n := range 1 << 16 {
		if back, ok := record.ParseType([]byte(record.Type(n).String())); !ok || back != record.Type(n) {
			t.Fatalf("type %d is named %q, which reads back as %d, %v", n, record.Type(n), back, ok)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte(`node=a type=SYSCALL msg=audit(1700000000.042:77): arch=c000003e comm="a b" key=(null)` + "\x1dARCH=x86_64"))
	f.Add([]byte(`type=USER_CMD msg=audit(1700000000.042:77): pid=1 msg='cwd="/" cmd=6C73 terminal=? res=success'`))
	f.Add([]byte(`[ 1.2] audit: type=1400 audit(1700000000.042:77): avc:  denied  { read } for  pid=1 name='a b`))
	f.Fuzz(func(t *testing.T, line []byte) {
		rec, err := record.ParseLine(line)
		if err != nil {
			return
		}
		for _, p := range append(pairs(rec.Fields()), pairs(rec.EnrichedFields())...) {
			if p.Name == "" || strings.ContainsAny(p.Name, "= ") {
				t.Fatalf("field name %q in %q", p.Name, line)
			}
		}
		if year := rec.Time().Year(); year < 1970 || year > 9999 {
			t.Fatalf("year %d in %q", year, line)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	f.Add(uint16(1300), []byte("audit(1700000000.042:77): arch=c000003e syscall=59\x00"))
	f.Fuzz(func(t *testing.T, typ uint16, payload []byte) {
		rec, err := record.ParseMessage(record.Type(typ), payload)
		if err != nil {
			return
		}
		for f := rec.Fields(); f.Next(); {
			if len(f.Name) == 0 {
				t.Fatalf("field without name in %q", payload)
			}
		}
	})
}

func BenchmarkFields(b *testing.B) {
	rec, err := record.ParseLine([]byte(`type=SYSCALL msg=audit(1700000000.042:77): arch=c000003e syscall=59 success=yes exit=0 a0=55faa178f800 a1=55faa178f900 a2=55faa178fa00 a3=8 items=2 ppid=3309 pid=3346 auid=1001 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts1 ses=5 comm="ls" exe="/usr/bin/ls" subj=unconfined key="holdfast-exec"`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for f := rec.Fields(); f.Next(); {
		}
	}
}
