package simulate

import (
	"context"
	"strings"
)

// Scenarios returns all scenarios of this system, in the order of the attack
// they would make up: entry, first steps, privileges, staying, hiding, loot.
func Scenarios() []Scenario {
	return []Scenario{
		testAlert,
		sshBruteForce, sshUserGuessing, sshBruteForceSuccess,
		webShell, reverseShell, reverseShellText,
		reconnaissanceScript, reconnaissanceBurst,
		suspiciousDownload, testFileDownload, downloadAndRun, downloadedProgram, downloadedScript,
		hiddenFile, sharedMemoryProgram, memoryProgram, nohupTemporary,
		suspiciousCompilation, processInjection, privilegedContainer,
		kernelModuleLoaded, kernelModuleRemoved,
		rootAccount, lookalikeAccount, newSudoer, sudoersModified,
		sshKeyAdded, cronModified, preloadModified,
		logRemoved, historyCleared, firewallFlushed, auditDisabled,
		timestampCopied, updateTimerStopped, securityProcessKilled,
		passwordHashesRead, credentialTool, credentialToolMissing, credentialToolRefused,
		attackTool, attackToolMissing,
		reverseForwarding, miner,
		minerProxy, minerRenamed, minerDownload, botStarted, botCommands, toolkitWritten, hostileScript, yarnExploited,
		mailServerExploited, daemonCrashed, phpCode, accessFileChanged, mixedCase, scriptInDisguise, binaryTyped,
		rescueScript, programReplaced, keysThinned, passwordByHash, screenRecorded, dataSentOut, dataWiped,
		exploitAttempt, hiddenCommand, firstCommand, serviceAccountRoot, calderaAgent,
		historyRead, suspiciousDomain, socksConnection, dnsOverHTTPS, suspiciousConnection,
		listedLocation, listedDownload, listedLogon,
		minerImage, exposedDocker, privilegedContainerCommand, privilegedContainerExec, containerSSH,
		imageBuiltOnNode, kubernetesAPI, kubernetesDashboard, containerNamespace, kubeletConfiguration, cloudMetadata,
		ransomware, xorgExploit, pythonDownloader, shellcode, oddKernelModule,
		bruteForcedSession, serverPersistence, rootGained, kernelProtection, credentialSweep,
		compositeTest,
	}
}

// standIn returns the play of a scenario that runs a stand-in of a tool with
// arguments. "{token}" and "{dir}" in them stand for those of the stage.
func standIn(tool string, args ...string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		path, err := s.StandIn(tool)
		if err != nil {
			return err
		}
		return s.Exec(ctx, path, s.fill(args)...)
	}
}

// fill replaces the placeholders of a scenario's arguments.
func (s *Stage) fill(args []string) []string {
	replace := strings.NewReplacer("{token}", s.Token, "{dir}", s.Dir)
	filled := make([]string, len(args))
	for i, arg := range args {
		filled[i] = replace.Replace(arg)
	}
	return filled
}
