package decode_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

func TestText(t *testing.T) {
	for value, want := range map[string]string{
		`"ls"`:                 "ls",
		`"has space"`:          "has space",
		`(null)`:               "",
		`6C73202D6C`:           "ls -l",
		`0A1B5B33316D`:         "\n\x1b[31m",
		`FF`:                   "\xff",
		`6C7`:                  "6C7",
		`plain`:                "plain",
		`""`:                   "",
		`"`:                    `"`,
		``:                     "",
		`686F6C64010166617374`: "hold\x01\x01fast",
	} {
		if got := decode.Text([]byte(value)); got != want {
			t.Errorf("Text(%s) = %q, want %q", value, got, want)
		}
	}
}

func execve(bodies ...string) (records []record.Record) {
	for _, b := range bodies {
		records = append(records, record.Record{Type: record.Execve, Body: []byte(b)})
	}
	return records
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		name      string
		records   []record.Record
		want      []string
		truncated bool
	}{
		{name: "none"},
		{name: "plain", records: execve(`argc=3 a0="ls" a1="-l" a2=2F746D702F6120622F`), want: []string{"ls", "-l", "/tmp/a b/"}},
		{name: "empty argument", records: execve(`argc=2 a0="ls" a1=""`), want: []string{"ls", ""}},
		{
			name:    "pieces over several records",
			records: execve(`argc=3 a0="sh" a1_len=6 a1[0]=6162`, `a1[1]="c" a1[2]=646566`, `a2="x"`),
			want:    []string{"sh", "abcdef", "x"},
		},
		{name: "record lost at the end", records: execve(`argc=3 a0="sh" a1="-c"`), want: []string{"sh", "-c"}, truncated: true},
		{name: "record lost within", records: execve(`argc=3 a0="sh" a2="x"`), want: []string{"sh", "x"}, truncated: true},
		{name: "argc is no number", records: execve(`argc=99999999999999 a0="sh"`), want: []string{"sh"}},
		{name: "no arguments at all", records: execve(`argc=0`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			args, line, truncated := new(decode.ArgumentReader).Read(c.records)
			if diff := cmp.Diff(c.want, args); diff != "" || truncated != c.truncated || line != strings.Join(args, " ") {
				t.Errorf("truncated %v, want %v; %q; arguments (-want +got):\n%s", truncated, c.truncated, line, diff)
			}
		})
	}
}

// TestLongArguments gives one argument of a million bytes in pieces, and a
// hundred thousand short ones.
func TestLongArguments(t *testing.T) {
	long := strings.Repeat("0123456789", 100_000)
	bodies := []string{`argc=3 a0="sh" a1_len=1000000`}
	for i := 0; i < len(long); i += 3750 {
		bodies = append(bodies, fmt.Sprintf("a1[%d]=%X", i/3750, long[i:min(i+3750, len(long))]))
	}
	args, _, truncated := new(decode.ArgumentReader).Read(execve(append(bodies, `a2="end"`)...))
	total := len(strings.Join(args, " "))
	if !truncated || len(args) != 3 || args[2] != "end" || total > event.MaxArguments || total < event.MaxArguments-100 {
		t.Errorf("one long argument: truncated %v, %d arguments, %d bytes", truncated, len(args), total)
	}

	var body strings.Builder
	body.WriteString("argc=100000")
	for i := range 100_000 {
		fmt.Fprintf(&body, ` a%d="v%d"`, i, i)
	}
	args, _, truncated = new(decode.ArgumentReader).Read(execve(body.String()))
	total = len(strings.Join(args, " "))
	if !truncated || args[0] != "v0" || args[len(args)-1] != "v99999" || total > event.MaxArguments+1 {
		t.Errorf("many arguments: truncated %v, %d arguments from %s to %s, %d bytes", truncated, len(args), args[0], args[len(args)-1], total)
	}
}

func TestArgumentsOutliveTheNextOnes(t *testing.T) {
	var r decode.ArgumentReader
	args, line, _ := r.Read(execve(`argc=2 a0="ls" a1="-l"`))
	r.Read(execve(`argc=2 a0="rm" a1="-r"`))
	if diff := cmp.Diff([]string{"ls", "-l"}, args); diff != "" || line != "ls -l" {
		t.Errorf("%q, arguments (-want +got):\n%s", line, diff)
	}
}

func TestProctitle(t *testing.T) {
	got, _ := decode.Proctitle([]byte("76696D002F6574632F686F737473"))
	if diff := cmp.Diff([]string{"vim", "/etc/hosts"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSockaddr(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"inet", "02000050A9FEA9FE0000000000000000", "169.254.169.254:80"},
		{"inet of a big-endian host", "00020050A9FEA9FE0000000000000000", "169.254.169.254:80"},
		{"inet6", "0A0001BB0000000020010DB80000000000000000000000010000000000000000", ""},
		{"unix", "01007075626C69632F7069636B757000000000", "public/pickup"},
		{"abstract", "0100002F746D702F64627573", "@/tmp/dbus"},
		{"unnamed", "0100", "AF_UNIX"},
		{"netlink", "100000000100000000000000", "AF_NETLINK"},
		{"packet", "1100000302000000010006000000000000000000", "AF_PACKET"},
		{"unspecified", "00000000000000000000000000000000", "AF_UNSPEC"},
		{"unknown", "FE00", "254"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := decode.ParseSockaddr([]byte(c.value))
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" && s.String() != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
			if c.name == "inet6" && s.Address.Port() != 443 {
				t.Errorf("got %v", s.Address)
			}
		})
	}
	for _, bad := range []string{"", "0", "02", "0200", "0A00000000", "zz00", strings.Repeat("00", 129)} {
		if s, err := decode.ParseSockaddr([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, s)
		}
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"ENOENT": decode.Errno(-2), "ENOTSUP?": decode.Errno(95) + "?", "": decode.Errno(0), "9999": decode.Errno(9999),
		"SIGKILL": decode.Signal(9), "SIGRTMIN+2": decode.Signal(34),
		"sys_admin,bpf,cap-60":            strings.Join(decode.Capabilities(1<<21|1<<39|1<<60), ","),
		"O_WRONLY|O_CREAT|O_TRUNC":        strings.Join(decode.OpenFlags(0o1101), "|"),
		"CLONE_NEWNS|CLONE_NEWPID":        strings.Join(decode.CloneFlags(0x20020000|17), "|"),
		"mnt,pid":                         strings.Join(decode.Namespaces(0x20020000), ","),
		"MS_RDONLY|MS_BIND":               strings.Join(decode.MountFlags(0xC0ED0000|0x1001), "|"),
		"PTRACE_ATTACH PTRACE_SEIZE":      decode.PtraceRequest(16) + " " + decode.PtraceRequest(0x4206),
		"PROG_LOAD kprobe":                decode.BPFCommand(5) + " " + decode.BPFProgram(2),
		"AF_PACKET AF_ALG AF_UNIX":        decode.Family(17) + " " + decode.Family(38) + " " + decode.Family(1),
		"CLOCK_REALTIME":                  decode.Clock(0),
		"18446744073709551615 4294967295": decode.BPFCommand(1<<64-1) + " " + decode.PtraceRequest(1<<32-1),
	} {
		if got != want && want != "ENOTSUP?" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestAgreesWithLaurel compares text and argument vectors with what laurel, a
// converter to JSON, made of the same records.
func TestAgreesWithLaurel(t *testing.T) {
	dir := hosttest.Data(t, "auditd-logs", "laurel")
	names, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	compared := 0
	for _, name := range names {
		want := make(map[string]map[string]json.RawMessage)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var top map[string]json.RawMessage
		if json.Unmarshal(data, &top) != nil {
			continue // several events in one file
		}
		for k, v := range top {
			var fields map[string]json.RawMessage
			if json.Unmarshal(v, &fields) == nil {
				want[k] = fields
			}
		}
		log, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		var records []record.Record
		for line := range bytes.Lines(log) {
			if rec, err := record.ParseLine(line); err == nil {
				records = append(records, rec)
			}
		}
		var argv []string
		if json.Unmarshal(want["EXECVE"]["ARGV"], &argv) == nil {
			compared++
			if args, _, _ := new(decode.ArgumentReader).Read(records); !sameArguments(args, argv) {
				t.Errorf("%s: %d arguments, want %d", filepath.Base(name), len(args), len(argv))
			}
		}
		for i := range records {
			for f := records[i].Fields(); f.Next(); {
				var text string
				if json.Unmarshal(want[records[i].Type.String()][string(f.Name)], &text) != nil ||
					!decode.Encoded(records[i].Type, string(f.Name)) {
					continue
				}
				compared++
				if got := decode.Text(f.Value); got != text {
					t.Errorf("%s: %s %s is %q, want %q", filepath.Base(name), records[i].Type, f.Name, got, text)
				}
			}
		}
	}
	if compared < 15 {
		t.Errorf("only %d values compared", compared)
	}
}

// sameArguments ignores the middle of long vectors, which the two bound in
// different ways.
func sameArguments(got, want []string) bool {
	if strings.Join(got, " ") == strings.Join(want, " ") {
		return true
	}
	return len(strings.Join(want, " ")) > event.MaxArguments && got[0] == want[0]
}

func FuzzSockaddr(f *testing.F) {
	f.Add([]byte("02000050A9FEA9FE0000000000000000"))
	f.Add([]byte("0100002F746D70"))
	f.Add([]byte("26000000736B636970686572000000000000000000000000637472286165732900"))
	f.Fuzz(func(t *testing.T, value []byte) {
		if s, err := decode.ParseSockaddr(value); err == nil && s.String() == "" {
			t.Fatalf("%q has no text", value)
		}
	})
}

func FuzzArguments(f *testing.F) {
	f.Add([]byte(`argc=3 a0="ls" a1_len=3 a1[0]=6162 a1[1]=63 a2=(null)`))
	f.Fuzz(func(t *testing.T, body []byte) {
		args, line, _ := new(decode.ArgumentReader).Read([]record.Record{{Type: record.Execve, Body: body}})
		if line != strings.Join(args, " ") {
			t.Fatalf("%q is the line of %q", line, args)
		}
		if n := len(strings.Join(args, "\x00")); n > event.MaxArguments+1 {
			t.Fatalf("%d bytes of arguments", n)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte(`"a"`))
	f.Add([]byte(`6162`))
	f.Fuzz(func(t *testing.T, value []byte) {
		got := decode.Text(value)
		if decode.IsHex(value) && strings.ToUpper(hex.EncodeToString([]byte(got))) != string(value) {
			t.Fatalf("%q became %q", value, got)
		}
	})
}

func BenchmarkArguments(b *testing.B) {
	records := execve(`argc=4 a0="/bin/sh" a1="-c" a2=6563686F2068656C6C6F203E202F6465762F6E756C6C a3="x"`)
	b.ReportAllocs()
	var r decode.ArgumentReader
	for b.Loop() {
		r.Read(records)
	}
}
