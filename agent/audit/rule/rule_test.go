package rule_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/agent/audit/rule"
	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
	"github.com/holdfast-security/holdfast/internal/hosttest"
)

// parser is a machine whose accounts and directories do not depend on where
// the test runs.
var parser = &rule.Parser{
	Arch: syscalls.X8664,
	User: func(name string) (uint32, error) {
		if id, ok := map[string]uint32{"chrony": 20, "ntp": 21, "root": 0}[name]; ok {
			return id, nil
		}
		return 0, errors.New("unknown account")
	},
	Group: func(name string) (uint32, error) {
		if name == "wheel" {
			return 10, nil
		}
		return 0, errors.New("unknown group")
	},
	IsDir: func(path string) bool { return path == "/etc/pam.d" },
}

// roundTrip takes a rule through kernel form and text and back.
func roundTrip(t *testing.T, r rule.Rule) {
	t.Helper()
	if r.Control != nil {
		again, err := parser.Parse(r.String())
		if err != nil || !again.Equal(&r) {
			t.Errorf("control line %q reads back as %q, error %v", r, again, err)
		}
		return
	}
	data, err := r.MarshalBinary()
	if err != nil {
		t.Errorf("%v: %v", r, err)
		return
	}
	var listed rule.Rule
	if err := listed.UnmarshalBinary(data); err != nil {
		t.Errorf("%v: own bytes are refused: %v", r, err)
		return
	}
	text := listed.Format(syscalls.X8664)
	parsed, err := parser.Parse(text)
	if err != nil {
		t.Errorf("own text %q is refused: %v", text, err)
		return
	}
	again, err := parsed.MarshalBinary()
	if err != nil || string(again) != string(data) {
		t.Errorf("%q changed on its way through text, error %v:\n%s", text, err, cmp.Diff(listed, parsed))
	}
}

func TestText(t *testing.T) {
	for line, want := range map[string]string{
		"-w /etc/shadow -p wa -k id":                             "-a always,exit -F path=/etc/shadow -F perm=wa -F key=id",
		"-w /etc/ssh/ -k ssh":                                    "-a always,exit -F dir=/etc/ssh -F perm=rwxa -F key=ssh",
		"-w /etc/pam.d -p w":                                     "-a always,exit -F dir=/etc/pam.d -F perm=w",
		"-w / -p x":                                              "-a always,exit -F dir=/ -F perm=x",
		"-W /etc/shadow -p wa":                                   "-d always,exit -F path=/etc/shadow -F perm=wa",
		"-a exit,always -S execve -S 322 -F arch=b64":            "-a always,exit -F arch=b64 -S execve,execveat",
		"-A always,exit -F arch=b32 -S all -F auid!=-1":          "-A always,exit -F arch=b32 -F auid!=unset",
		"-a always,exit -F exit=-13 -F exit>=EPERM":              "-a always,exit -F exit=-EACCES -F exit>=1",
		"-a always,exit -S ptrace -F a0&=0x10 -F a1=-1 -F a2=8":  "-a always,exit -S ptrace -F a0&=0x10 -F a1=0xffffffff -F a2=0x8",
		"-a always,exit -C euid!=uid -F uid=chrony -F gid=wheel": "-a always,exit -C uid!=euid -F uid=20 -F gid=10",
		"-a always,exit -F filetype=fifo -F inode=12 -k a -k b":  "-a always,exit -F filetype=fifo -F inode=12 -F key=a -F key=b",
		"-a never,filesystem -F fstype=tracefs":                  "-a never,filesystem -F fstype=tracefs",
		"-a always,exclude -F msgtype>=1400 -F msgtype<=1499":    "-a always,exclude -F msgtype>=AVC -F msgtype<=UNKNOWN[1499]",
		"-a task,never":                                          "-a never,task",
		"-a never,user -F subj_type='a b'":                       `-a never,user -F "subj_type=a b"`,
		`-w "/a\nb\x01\\" -p r`:                                  `-a always,exit -F "path=/a\nb\x01\\" -F perm=r`,
		"-a always,exit -F saddr_fam=inet6":                      "-a always,exit -F saddr_fam=10",
		"-a always,io_uring -S 3 -F uid=root":                    "-a always,io_uring -S 3 -F uid=0",
		"-a always,exit -F arch=aarch64 -S openat":               "-a always,exit -F arch=aarch64 -S openat",
		"-D":                        "-D",
		"-D -k mine":                "-D -k mine",
		"-b 8192":                   "-b 8192",
		"-e 2":                      "-e 2",
		"-f 1":                      "-f 1",
		"-r 0":                      "-r 0",
		"--backlog_wait_time 60000": "--backlog_wait_time 60000",
		"--loginuid-immutable":      "--loginuid-immutable",
		"--reset-lost":              "--reset-lost",
		"-q /a,/b":                  "-q /a,/b",
		"-i":                        "-i",
		"-c":                        "-c",
	} {
		r, err := parser.Parse(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := r.Format(syscalls.X8664); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
		roundTrip(t, r)
	}
}

func TestFaultsSayWhatToWrite(t *testing.T) {
	for line, want := range map[string]string{
		"-a always,exit -F path=etc/passwd":          "write the path from /",
		"-a always,exit -F path=/etc/":               "watch a directory with dir=",
		"-a always,exit -F auidd=1":                  `"auid"?`,
		"-a always,exit -F colour=red":               "write one of pid, uid",
		"-a always,exit -F arch=b64 -S umount":       `did you mean "umount2"?`,
		"-a always,exit -F arch=b65 -S umount":       "write b64, b32",
		"-a always,exit -S":                          "lacks its argument",
		"-a always -k x":                             "write for example -a always,exit",
		"-a always,entry -S all":                     "write exit",
		"-a always,exits -S all":                     "write task, exit, user",
		"-a sometimes,exit -S all":                   "write task, exit, user",
		"-a exit,sometimes -S all":                   "write always or never",
		"-S execve -k x":                             "begin it with -a always,exit",
		"-w /etc -a always,exit":                     "write two rules",
		"-a always,exit -F uid":                      "write a field, an operator and a value",
		"-a always,exit -F uid=nobody-here":          "write its number in field uid or create it first",
		"-a always,exit -F uid=":                     "lacks its value",
		"-a always,exit -F a0=x":                     "write it in decimal",
		"-a always,exit -F pid&3":                    "write =, !=, <",
		"-a always,exit -F msgtype=CWD":              "it works on user, exclude",
		"-a always,exclude -F msgtype=NOPE":          "write a name such as CWD",
		"-a always,exit -F perm=q":                   "letters of rwxa",
		"-a always,exit -F exit=EFOO":                "write for example -EACCES",
		"-a always,exit -C uid=gid":                  "write two of auid",
		"-a always,exit -C uid<euid":                 "write = or !=",
		"-a always,exit -F path=/a -F dir=/b":        "write a rule for each",
		"-a always,exit -F key>x":                    "write key=x",
		"-a always,user -S open":                     "write it on exit",
		"-a always,exit -F saddr_fam=99":             "no address family",
		"-a always,exit -F key=" + long(300):         "the kernel takes 256",
		"-a always,exit -F path=/" + long(5000):      "the kernel takes 4095",
		"-a always,exit" + repeat(" -F pid!=1", 65):  "the kernel takes 64",
		"-w '/etc/passwd":                            "not closed",
		`-w "/etc/pa`:                                "not closed",
		`-w "/\q"`:                                   `write \\`,
		"-x y":                                       "write -a, -A",
		"execve -k":                                  "write -a, -A",
		"-a":                                         "lacks its argument",
		"execve":                                     "begin with -a",
		"-b":                                         "write -b N",
		"-e 3":                                       "from 0 to 2",
		"-D all":                                     "line of its own",
		"# comment":                                  "holds no rule",
		"":                                           "holds no rule",
		"-a always,exit -F inode<5":                  "write = or !=",
		"-a always,exit -F filetype=pipe":            "fifo",
		"-a always,exit -F fstype=tracefs":           "it works on filesystem",
		"-a always,exit -F arch=b64 -S execve,fooo9": "is no system call of x86_64",
	} {
		_, err := parser.Parse(line)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: got %v, want a sentence with %q", line, err, want)
		}
	}
}

func long(n int) string             { return repeat("k", n) }
func repeat(s string, n int) string { return strings.Repeat(s, n) }

func TestFaultsCarryFileAndLine(t *testing.T) {
	text := "# head\n-D\n\n-a always,exit -F path=x\n-w /etc -p wa\n-b many\n"
	rules, err := parser.ParseFile("my.rules", strings.NewReader(text))
	if len(rules) != 2 {
		t.Errorf("understood %d lines, want 2", len(rules))
	}
	if err == nil {
		t.Fatal("no error")
	}
	faults := strings.Split(err.Error(), "\n")
	if len(faults) != 2 || !strings.HasPrefix(faults[0], "my.rules:4: ") || !strings.HasPrefix(faults[1], "my.rules:6: ") {
		t.Errorf("faults are %q", faults)
	}
	if _, err := parser.ParseFile("long.rules", strings.NewReader(long(70<<10))); err == nil || !strings.Contains(err.Error(), "long.rules:1: ") {
		t.Errorf("over-long line: %v", err)
	}
}

// TestGolden holds our encoding against what auditctl and the kernel made of
// the same lines.
func TestGolden(t *testing.T) {
	dir := hosttest.Data(t, "auditd-rules", "go-libaudit-golden")
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files in %s: %v", dir, err)
	}
	golden := *parser
	golden.IsDir = func(string) bool { return false }
	for _, file := range files {
		for _, g := range readGolden(t, file) {
			r, err := golden.Parse(g.line)
			if err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(file), g.line, err)
				continue
			}
			got, err := r.MarshalBinary()
			// The kernel's copy may be padded.
			if err != nil || len(got) > len(g.bytes) || len(g.bytes)-len(got) > 3 || string(got) != string(g.bytes[:len(got)]) {
				t.Errorf("%s: %s: bytes differ, error %v\n got %x\nwant %x", filepath.Base(file), g.line, err, got, g.bytes)
			}
			var back rule.Rule
			if err := back.UnmarshalBinary(g.bytes); err != nil || !back.Equal(&r) {
				t.Errorf("%s: %s: reads back as %v, error %v", filepath.Base(file), g.line, back, err)
			}
			roundTrip(t, r)
		}
	}
}

// knownFaults are lines of the rule collections that auditctl refuses too.
var knownFaults = []string{
	"Neo23x0-audit.rules:487: ", // -k without its key
	"Neo23x0-audit.rules:488: ",
	"Neo23x0-audit.rules:718: ", // fields that have never existed
	"Neo23x0-audit.rules:719: ",
}

func TestRuleCollections(t *testing.T) {
	root := hosttest.Data(t, "auditd-rules")
	var files []string
	for _, pattern := range []string{"*.rules", "audit-userspace/*.rules", "go-libaudit-golden/*.rules"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	total := 0
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := parser.ParseFile(filepath.Base(file), f)
		f.Close()
		for _, fault := range faults(err) {
			if !slices.ContainsFunc(knownFaults, func(known string) bool { return strings.HasPrefix(fault, known) }) {
				t.Error(fault)
			}
		}
		for _, r := range rules {
			roundTrip(t, r)
		}
		total += len(rules)
	}
	if total < 1000 {
		t.Errorf("only %d lines were understood", total)
	}
}

func faults(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestHostileBytesAreRefused(t *testing.T) {
	r, err := parser.Parse("-w /etc/shadow -p wa -k id")
	if err != nil {
		t.Fatal(err)
	}
	good, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"short":           func(b []byte) []byte { return b[:1039] },
		"too many fields": func(b []byte) []byte { b[8] = 65; return b },
		"text too long":   func(b []byte) []byte { b[1036] = 255; return b },
		"text left over":  func(b []byte) []byte { b[1036]--; return b },
		"unknown field":   func(b []byte) []byte { b[268] = 99; return b },
		"unknown list":    func(b []byte) []byte { b[0] = 3; return b },
		"unknown action":  func(b []byte) []byte { b[4] = 1; return b },
		"unknown op":      func(b []byte) []byte { b[783] = 0x78; return b },
	} {
		var got rule.Rule
		if err := got.UnmarshalBinary(spoil([]byte(string(good)))); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
	control := rule.Rule{Control: &rule.Control{Verb: rule.DeleteAll}}
	if _, err := control.MarshalBinary(); !errors.Is(err, rule.ErrControl) {
		t.Errorf("a control line marshals: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("-a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -F key=x")
	f.Add(`-w "/a\nb" -p rwxa -k 'two words'`)
	f.Add("-a never,user -F subj_type=crond_t")
	f.Add("-a always,exit -C uid!=euid -F a0&=0x7c020000 -F exit=-EPERM -k a -k b")
	f.Add("-b 8192")
	f.Add("-a always,exclude -F msgtype=UNKNOWN[1499]")
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parser.Parse(line)
		if err != nil {
			return
		}
		roundTrip(t, r)
	})
}

func FuzzUnmarshalBinary(f *testing.F) {
	for _, line := range []string{"-w /etc/shadow -p wa -k id", "-a always,exit -F arch=b32 -S open -F success=0 -C uid=euid -k a -k b"} {
		r, err := parser.Parse(line)
		if err != nil {
			f.Fatal(err)
		}
		data, err := r.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r rule.Rule
		if r.UnmarshalBinary(data) == nil {
			roundTrip(t, r)
		}
	})
}

func BenchmarkMarshalBinary(b *testing.B) {
	r, err := parser.Parse("-a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -F key=x")
	if err != nil {
		b.Fatal(err)
	}
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		if buffer, err = r.AppendBinary(buffer[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parser.Parse("-a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -F key=x"); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleParse() {
	r, err := rule.Parse("-w /etc/shadow -p wa -k identity")
	if err != nil {
		fmt.Println(err)
		return
	}
	data, _ := r.MarshalBinary()
	fmt.Println(r)
	fmt.Println(len(data), "bytes for the kernel")
	// Output:
	// -a always,exit -F path=/etc/shadow -F perm=wa -F key=identity
	// 1059 bytes for the kernel
}
