package detect_test

import (
	"encoding/json"
	"fmt"
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
			events = append(events, decode(set, sigma.LogSource{Product: "windows", Category: "process_creation", Service: "sysmon"}, one.Event.EventData))
		}
	}
	return events
}

// benign events, made up after what idle and busy hosts do.
func benignWindows(set *detect.Ruleset) (events []decoded) {
	for i, p := range [][4]string{
		{`C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`, `C:\Windows\System32\services.exe`, `C:\Windows\system32\services.exe`},
		{`C:\Program Files\Google\Chrome\Application\chrome.exe`, `"C:\Program Files\Google\Chrome\Application\chrome.exe" --type=renderer --lang=en-US --device-scale-factor=1 --num-raster-threads=4 --renderer-client-id=12`, `C:\Program Files\Google\Chrome\Application\chrome.exe`, `"C:\Program Files\Google\Chrome\Application\chrome.exe"`},
		{`C:\Windows\System32\conhost.exe`, `\??\C:\Windows\system32\conhost.exe 0xffffffff -ForceV1`, `C:\Windows\System32\cmd.exe`, `cmd.exe /c build.cmd release`},
		{`C:\Windows\System32\cmd.exe`, `C:\Windows\system32\cmd.exe /c "git rev-parse --short HEAD"`, `C:\Program Files\nodejs\node.exe`, `node.exe scripts\build.js`},
		{`C:\Windows\System32\taskhostw.exe`, `taskhostw.exe KEYROAMING`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`},
		{`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `powershell.exe -NoLogo -File C:\Scripts\inventory.ps1 -Server srv01`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`},
		{`C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE`, `"C:\Program Files\Microsoft Office\Root\Office16\WINWORD.EXE" /n "C:\Users\ann\Documents\report.docx" /o ""`, `C:\Windows\explorer.exe`, `C:\Windows\Explorer.EXE`},
		{`C:\Windows\System32\backgroundTaskHost.exe`, `"C:\Windows\system32\backgroundTaskHost.exe" -ServerName:App.AppXmtcan0h2tfbfy7k9kn8hbxb6dmzz1zh0.mca`, `C:\Windows\System32\svchost.exe`, `C:\Windows\system32\svchost.exe -k DcomLaunch -p`},
	} {
		events = append(events, decode(set, sigma.LogSource{Product: "windows", Category: "process_creation", Service: "sysmon"}, map[string]any{
			"EventID": 1, "Image": p[0], "CommandLine": p[1], "ParentImage": p[2], "ParentCommandLine": p[3], "User": `CORP\ann`,
			"CurrentDirectory": `C:\Windows\system32\`, "IntegrityLevel": "Medium", "Company": "Microsoft Corporation", "Product": "Microsoft Windows Operating System",
			"Description": "Host Process", "OriginalFileName": "host.exe", "ProcessId": 4000 + i, "ParentProcessId": 900, "LogonId": "0x3e7",
			"Hashes": "SHA1=317E563BFC7E7D1C9E2A3B4C5D6E7F8091A2B3C4,MD5=D7A969E5A3636BF8FC9CA8A72021BFDC,SHA256=0977C9337EC1215C48A666464AFDA5C9A30CD24999A5F8E821E672991864A74C,IMPHASH=0A1B2C3D4E5F60718293A4B5C6D7E8F9",
		}))
	}
	return events
}

func benignLinux(set *detect.Ruleset) (events []decoded) {
	for i, p := range [][4]string{
		{"/usr/bin/bash", "/bin/bash /usr/local/bin/backup.sh --full", "/usr/sbin/cron", "/usr/sbin/CRON -f -P"},
		{"/usr/bin/gcc", "gcc -O2 -Wall -Iinclude -c src/main.c -o build/main.o", "/usr/bin/make", "make -j8 all"},
		{"/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -imultiarch x86_64-linux-gnu src/main.c -quiet -dumpbase main.c -mtune=generic -march=x86-64 -O2 -o /tmp/ccXa1B2c.s", "/usr/bin/gcc", "gcc -O2 -c src/main.c"},
		{"/usr/bin/grep", "grep -rn TODO src include", "/usr/bin/bash", "-bash"},
		{"/usr/bin/ls", "ls --color=auto -la", "/usr/bin/bash", "-bash"},
		{"/usr/bin/python3.11", "/usr/bin/python3 /usr/bin/ansible-playbook site.yml", "/usr/bin/bash", "bash deploy.sh"},
		{"/usr/bin/dpkg", "/usr/bin/dpkg --status-fd 20 --no-triggers --unpack --auto-deconfigure /var/cache/apt/archives/curl_7.88.1_amd64.deb", "/usr/bin/apt-get", "apt-get -y upgrade"},
		{"/usr/bin/systemctl", "systemctl reload nginx.service", "/usr/bin/bash", "bash /etc/letsencrypt/renewal-hooks/deploy/nginx.sh"},
	} {
		events = append(events, decode(set, sigma.LogSource{Product: "linux", Category: "process_creation"}, map[string]any{
			"Image": p[0], "CommandLine": p[1], "ParentImage": p[2], "ParentCommandLine": p[3], "User": "root", "LogonId": "3",
			"CurrentDirectory": "/root", "ProcessId": 4000 + i, "ParentProcessId": 900,
		}))
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
		{"windows-benign", vary(set, benignWindows(set))},
		{"windows-attack", vary(set, attackEvents(b, set))},
		{"linux-benign", vary(set, benignLinux(set))},
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

// BenchmarkPublicRulesJSON reads Windows events from JSON lines and matches
// them.
func BenchmarkPublicRulesJSON(b *testing.B) {
	set := corpus(b)
	mapper, m := fields.NewJSONMapper(set, sigma.LogSource{}), set.NewMatcher(detect.Limits{})
	cases := regressionCases(b)
	n, size := 0, 0
	b.ReportAllocs()
	began := cputime.Used()
	for b.Loop() {
		line := cases[n%len(cases)].event
		d, err := mapper.Map(line, nil)
		if err != nil {
			b.Fatal(err)
		}
		m.Match(d, func(detect.Match) {})
		size += len(line)
		n++
	}
	used := (cputime.Used() - began).Seconds()
	b.ReportMetric(float64(n)/used, "events/cpu-s")
	b.ReportMetric(float64(size)/1e6/used, "MB/cpu-s")
}

// BenchmarkCompile compiles all SigmaHQ rules, parsing not included.
func BenchmarkCompile(b *testing.B) {
	rules := corpusRules(b)
	var before, after runtime.MemStats
	var set *detect.Ruleset
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		set, _ = detect.Compile(rules)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
	b.ReportMetric(float64(len(set.Rules())), "rules")
}
