package detect_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/internal/cputime"
)

// decoded is an event as a sensor has it: names and values.
type decoded struct {
	source detect.Source
	ids    []detect.FieldID
	texts  []string
}

func (e *decoded) fill(d *detect.Document) {
	d.Reset(e.source, time.Time{}, nil, nil)
	for i, id := range e.ids {
		d.SetString(id, e.texts[i])
	}
}

func decode(set *detect.Ruleset, log sigma.LogSource, values map[string]any) decoded {
	e := decoded{source: set.Source(log)}
	for name, v := range values {
		if id := set.Field(name); id != detect.NoField {
			e.ids, e.texts = append(e.ids, id), append(e.texts, fmt.Sprint(v))
		}
	}
	return e
}

var windowsSysmon = sigma.LogSource{Product: "windows", Category: "process_creation", Service: "sysmon"}

// attackEvents are the process creations of the regression data: each matches
// at least one rule.
func attackEvents(b *testing.B, set *detect.Ruleset) (events []decoded) {
	for _, c := range regressionCases(b) {
		var one struct {
			Event struct {
				System    struct{ EventID any }
				EventData map[string]any
			}
		}
		if err := json.Unmarshal(c.event, &one); err != nil {
			b.Fatal(err)
		}
		if fmt.Sprint(one.Event.System.EventID) == "1" {
			one.Event.EventData["EventID"] = 1
			events = append(events, decode(set, windowsSysmon, one.Event.EventData))
		}
	}
	return events
}

// Program starts of every day, made up after what idle and busy hosts do: image
// and command line of the program and of its parent, to which the rest is added.
var (
	windowsStarts = withRest(map[string]any{
		"EventID": 1, "User": `CORP\ann`,
		"CurrentDirectory": `C:\Windows\system32\`, "IntegrityLevel": "Medium", "Company": "Microsoft Corporation", "Product": "Microsoft Windows Operating System",
		"Description": "Host Process", "OriginalFileName": "host.exe", "ParentProcessId": 900, "LogonId": "0x3e7",
		"Hashes": "SHA1=317E563BFC7E7D1C9E2A3B4C5D6E7F8091A2B3C4,MD5=D7A969E5A3636BF8FC9CA8A72021BFDC,SHA256=0977C9337EC1215C48A666464AFDA5C9A30CD24999A5F8E821E672991864A74C,IMPHASH=0A1B2C3D4E5F60718293A4B5C6D7E8F9",
	}, [][4]string{
		{`C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`, `C:\Windows\System32\services.exe`, `C:\Windows\system32\services.exe`},
		{`C:\Program Files\Google\Chrome\Application\chrome.exe`, `"C:\Program Files\Google\Chrome\Application\chrome.exe" --type=renderer --lang=en-US --device-scale-factor=1 --num-raster-threads=4 --renderer-client-id=12`, `C:\Program Files\Google\Chrome\Application\chrome.exe`, `"C:\Program Files\Google\Chrome\Application\chrome.exe"`},
		{`C:\Windows\System32\conhost.exe`, `\??\C:\Windows\system32\conhost.exe 0xffffffff -ForceV1`, `C:\Windows\System32\cmd.exe`, `cmd.exe /c build.cmd release`},
		{`C:\Windows\System32\cmd.exe`, `C:\Windows\system32\cmd.exe /c "git rev-parse --short HEAD"`, `C:\Program Files\nodejs\node.exe`, `node.exe scripts\build.js`},
		{`C:\Windows\System32\taskhostw.exe`, `taskhostw.exe KEYROAMING`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`},
		{`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `powershell.exe -NoLogo -File C:\Scripts\inventory.ps1 -Server srv01`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`},
		{`C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE`, `"C:\Program Files\Microsoft Office\Root\Office16\WINWORD.EXE" /n "C:\Users\ann\Documents\report.docx" /o ""`, `C:\Windows\explorer.exe`, `C:\Windows\Explorer.EXE`},
		{`C:\Windows\System32\backgroundTaskHost.exe`, `"C:\Windows\system32\backgroundTaskHost.exe" -ServerName:App.AppXmtcan0h2tfbfy7k9kn8hbxb6dmzz1zh0.mca`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k DcomLaunch -p`},
	})
	linuxStarts = withRest(map[string]any{"User": "root", "LogonId": "3", "CurrentDirectory": "/root", "ParentProcessId": 900}, [][4]string{
		{"/usr/bin/bash", "/bin/bash /usr/local/bin/backup.sh --full", "/usr/sbin/cron", "/usr/sbin/CRON -f -P"},
		{"/usr/bin/gcc", "gcc -O2 -Wall -Iinclude -c src/main.c -o build/main.o", "/usr/bin/make", "make -j8 all"},
		{"/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -imultiarch x86_64-linux-gnu src/main.c -quiet -dumpbase main.c -mtune=generic -march=x86-64 -O2 -o /tmp/ccXa1B2c.s", "/usr/bin/gcc", "gcc -O2 -c src/main.c"},
		{"/usr/bin/grep", "grep -rn TODO src include", "/usr/bin/bash", "-bash"},
		{"/usr/bin/ls", "ls --color=auto -la", "/usr/bin/bash", "-bash"},
		{"/usr/bin/python3.11", "/usr/bin/python3 /usr/bin/ansible-playbook site.yml", "/usr/bin/bash", "bash deploy.sh"},
		{"/usr/bin/dpkg", "/usr/bin/dpkg --status-fd 20 --no-triggers --unpack --auto-deconfigure /var/cache/apt/archives/curl_7.88.1_amd64.deb", "/usr/bin/apt-get", "apt-get -y upgrade"},
		{"/usr/bin/systemctl", "systemctl reload nginx.service", "/usr/bin/bash", "bash /etc/letsencrypt/renewal-hooks/deploy/nginx.sh"},
	})
)

func withRest(rest map[string]any, starts [][4]string) (all []map[string]any) {
	for i, p := range starts {
		values := map[string]any{"Image": p[0], "CommandLine": p[1], "ParentImage": p[2], "ParentCommandLine": p[3], "ProcessId": 4000 + i}
		maps.Copy(values, rest)
		all = append(all, values)
	}
	return all
}

func decodeAll(set *detect.Ruleset, log sigma.LogSource, starts []map[string]any) (events []decoded) {
	for _, values := range starts {
		events = append(events, decode(set, log, values))
	}
	return events
}

// vary makes many events of few, each with a command line of its own, as
// programs come again and again but their arguments differ.
func vary(set *detect.Ruleset, events []decoded) []decoded {
	var varied []decoded
	for n := range 4096 {
		e := events[n%len(events)]
		e.texts = slices.Clone(e.texts)
		for i, id := range e.ids {
			switch set.FieldName(id) {
			case "CommandLine":
				e.texts[i] += fmt.Sprintf(" --id %d", n*7919)
			case "ProcessId", "LogonId":
				e.texts[i] = fmt.Sprint(n)
			}
		}
		varied = append(varied, e)
	}
	return varied
}

// BenchmarkPublicRules matches decoded process creations with all SigmaHQ
// rules. One iteration is one event.
func BenchmarkPublicRules(b *testing.B) {
	set := corpus(b)
	for _, lane := range []struct {
		name   string
		events []decoded
	}{
		{"windows-benign", vary(set, decodeAll(set, windowsSysmon, windowsStarts))},
		{"windows-attack", vary(set, attackEvents(b, set))},
		{"linux-benign", vary(set, decodeAll(set, sigma.LogSource{Product: "linux", Category: "process_creation"}, linuxStarts))},
	} {
		b.Run(lane.name, func(b *testing.B) {
			m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
			matches, n := 0, 0
			b.ReportAllocs()
			began := cputime.Used()
			for b.Loop() {
				lane.events[n%len(lane.events)].fill(d)
				m.Match(d, func(detect.Match) { matches++ })
				n++
			}
			b.ReportMetric(float64(n)/(cputime.Used()-began).Seconds(), "events/cpu-s")
			b.ReportMetric(float64(m.Counters().Evaluated)/float64(n), "rules/event")
			b.ReportMetric(float64(matches)/float64(n), "matches/event")
		})
	}
}

// BenchmarkPublicRulesJSON reads events from JSON lines and matches them. Lines
// of the first lane are what comes in every day, see [mixedLines]; every line
// of the second is an attack, which is the worst there is: each matches a rule,
// and many more are looked at.
func BenchmarkPublicRulesJSON(b *testing.B) {
	set := corpus(b)
	for _, lane := range []struct {
		name  string
		lines [][]byte
	}{
		{"mixed", mixedLines(b)},
		{"attacks", attackLines(b)},
	} {
		b.Run(lane.name, func(b *testing.B) {
			mapper, m := fields.NewJSONMapper(set, sigma.LogSource{}), set.NewMatcher(detect.Limits{})
			n, size, matches := 0, 0, 0
			b.ReportAllocs()
			began := cputime.Used()
			for b.Loop() {
				line := lane.lines[n%len(lane.lines)]
				d, err := mapper.Map(line, nil)
				if err != nil {
					b.Fatal(err)
				}
				m.Match(d, func(detect.Match) { matches++ })
				size += len(line)
				n++
			}
			used := (cputime.Used() - began).Seconds()
			b.ReportMetric(float64(n)/used, "events/cpu-s")
			b.ReportMetric(float64(size)/1e6/used, "MB/cpu-s")
			b.ReportMetric(float64(matches)/float64(n), "matches/event")
		})
	}
}

// BenchmarkLoad reads, parses and compiles all SigmaHQ rules. The memory is
// what then stays, of rules, index, and one matcher with its document.
func BenchmarkLoad(b *testing.B) {
	for range b.N { // not b.Loop, which would run on for a second
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := cputime.Used()
		set, _ := detect.Compile(corpusRules(b))
		used := cputime.Used() - began
		m, d := set.NewMatcher(detect.Limits{}), set.NewDocument()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(used.Seconds(), "cpu-s")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		b.ReportMetric(float64(len(set.Rules())), "rules")
		runtime.KeepAlive(m)
		runtime.KeepAlive(d)
	}
}
