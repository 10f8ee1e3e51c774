package literals

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect/sigma"
)

// Weight estimates how often a literal turns up in events that no rule
// matches. Only the order of estimates matters, and only for speed. The empty
// literal is that there is a value at all.
func Weight(place sigma.Place, text string) float64 {
	if text == "" {
		return 0.6
	}
	w, odd := 0.0005, unusual(text)
	switch n := len(text); {
	case odd:
	case n <= 2 && strings.Trim(text, rare) == "":
		w = 0.02
	case n < len(byLength):
		w = byLength[n]
	}
	if !odd && isEveryday(text) {
		w = max(w, 0.1) * 2
	}
	switch place {
	case sigma.PlaceWhole:
		if len(text) <= 8 && !strings.ContainsAny(text, `\/. `) {
			return 0.3 // one of few possible values, as a rule
		}
		return w / 10
	case sigma.PlaceEnd:
		if text == ".exe" || text == ".dll" {
			return 0.8 // of most programs and libraries
		}
		return w / 3
	case sigma.PlaceStart:
		return w / 3
	}
	return w
}

// byLength is the estimate for a text of so many bytes.
var byLength = [...]float64{1, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001}

// rare is the characters that few values have.
const rare = "`^~{}[]#$!<>|\x00"

// Everyday is text that many harmless events hold, folded.
var Everyday = strings.Join(everyday, "\x01")

// unusual reports whether a text has characters beyond ASCII, or white space
// other than blanks, which [Everyday] has none of.
func unusual(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c >= '\t' && c <= '\r' {
			return true
		}
	}
	return false
}

// isEveryday reports whether [Everyday] holds a text. The analysis of a
// hundred expressions asks that of a hundred thousand texts.
func isEveryday(text string) bool {
	ends := everydayEnds()
	i, _ := slices.BinarySearch(ends, text)
	return i < len(ends) && strings.HasPrefix(ends[i], text)
}

// everydayEnds returns all ends of [Everyday], sorted: those that begin with a
// text stand together.
var everydayEnds = sync.OnceValue(func() []string {
	ends := make([]string, len(Everyday))
	for i := range ends {
		ends[i] = Everyday[i:]
	}
	slices.Sort(ends)
	return ends
})

// everyday is the parts of [Everyday]; no literal that matters spans two.
var everyday = []string{
	`"c:\windows\system32\cmd.exe" /c `, `c:\windows\system32\windowspowershell\v1.0\powershell.exe -noprofile -noninteractive -executionpolicy bypass -command -file `,
	`c:\windows\syswow64\rundll32.exe`, `c:\windows\system32\svchost.exe -k netsvcs -p -s`, `c:\windows\explorer.exe`, `c:\program files (x86)\microsoft\`,
	`c:\program files\`, `c:\programdata\microsoft\windows\`, `c:\users\public\`, `\appdata\local\temp\`, `\appdata\roaming\microsoft\windows\`, `\downloads\`,
	`regsvr32.exe`, `msiexec.exe /i /q`, `net.exe`, `sc.exe`, `reg.exe add hklm\software\microsoft\windows\currentversion\run`, `schtasks.exe /create`,
	`wscript.exe`, `mshta.exe`, `pwsh.dll`, `.vbs`, `.bat`, `.ps1`, `.tmp`, `.txt`, `.log`, `.zip`, `https://www.`, `.com`, `microsoft`, `install`, `update`,
	`/usr/bin/`, `/usr/sbin/`, `/bin/bash -c `, `/bin/sh -c `, `/usr/local/bin/`, `/usr/lib/`, `/usr/bin/python3 -c `, `/etc/`, `/etc/systemd/system/`,
	`/var/log/`, `/var/lib/dpkg/`, `/tmp/`, `/dev/null`, `/home/`, `/root/`, `/proc/self/`, `grep -e`, ` -r `, ` --`, `sudo `, `systemctl `, `.service`, `.conf`, `.sh`, `.py`, `.so`,
	`microsoft corporation`, `microsoft windows operating system`, `nt authority\system`, `corp\`, `host process`,
	`execve`, `syscall`, `path`, `success`, `failure`, `root`, `true`, `false`,
}

// Ordinary is [Everyday] with command lines that hosts run all the time. What
// rules look for is in some of these, too, but is best told from them by the
// rest of it.
var Ordinary = Everyday + strings.Join([]string{
	``,
	`c:\program files\google\chrome\application\chrome.exe" --type=renderer --lang=en-us --field-trial-handle= --enable-features= --renderer-client-id= --mojo-platform-channel-handle=`,
	`\mozilla firefox\firefox.exe" -contentproc -childid `, `\microsoft\edge\application\msedge.exe`, `\microsoft office\root\office16\winword.exe" /n "`, `\documents\`,
	`\system32\conhost.exe 0xffffffff -forcev1`, `\backgroundtaskhost.exe" -servername:app.`, `\runtimebroker.exe -embedding`, `\taskhostw.exe`, `\services.exe`,
	`\nodejs\node.exe`, `java.exe -jar -xmx`, `git.exe status --porcelain --short head`, `%systemroot%`,
	`/usr/lib/gcc/x86_64-linux-gnu/cc1 -quiet -dumpbase main.c -mtune=generic -march=x86-64 -o2 -wall -iinclude -o `, `make -j all`, `--color=auto -la`,
	`dpkg --status-fd --unpack /var/cache/apt/archives/ _amd64.deb`, `apt-get -y upgrade`, `node_modules`, `git rev-parse`,
}, "\x01")
