package simulate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// The scenarios of this file write to the files that the alerts are about. What
// they write is a comment that names the token; the file is restored.

var sudoersModified = Scenario{
	Name:      "sudoers-modified",
	Title:     "the sudoers policy is changed",
	AlertType: "HF_SudoersModified",
	Summary: "Makes a file in /etc/sudoers.d with a comment, under a name with a dot, which sudo ignores, and " +
		"removes it.",
	Needs: []Need{NeedRoot},
	Run: func(ctx context.Context, s *Stage) error {
		return s.comment(ctx, "/etc/sudoers.d/holdfast."+s.Token)
	},
}

var cronModified = Scenario{
	Name:      "cron-modified",
	Title:     "a scheduled task is added",
	AlertType: "VM_CronJobAccess",
	Summary:   "Makes a file in /etc/cron.d with a comment, under a name with a dot, and removes it. No job is in it.",
	Needs:     []Need{NeedRoot},
	Run: func(ctx context.Context, s *Stage) error {
		return s.comment(ctx, "/etc/cron.d/holdfast."+s.Token)
	},
}

var sshKeyAdded = Scenario{
	Name:      "ssh-key-added",
	Title:     "a key is added to authorized_keys",
	AlertType: "VM_SshKeyAddition",
	Summary: "Appends a comment, no key, to root's authorized_keys and takes it out again; where root has no such " +
		"file, to one below /tmp.",
	Run: func(ctx context.Context, s *Stage) error {
		path := "/root/.ssh/authorized_keys"
		if err := s.WillAppend(path); err != nil {
			if path, err = s.Write(".ssh/authorized_keys", ""); err != nil {
				return err
			}
		}
		return s.Shell(ctx, "echo '# "+s.Token+"' >> "+path)
	},
}

var preloadModified = Scenario{
	Name:      "preload-modified",
	Title:     "the list of preloaded libraries is changed",
	AlertType: "HF_LdPreloadModified",
	Summary: "Makes an empty /etc/ld.so.preload with touch(1) and removes it; where there is one, its times are " +
		"set and restored. No library is preloaded.",
	Needs: []Need{NeedRoot},
	Run: func(ctx context.Context, s *Stage) error {
		const path = "/etc/ld.so.preload"
		err := s.WillAppend(path)
		if errors.Is(err, os.ErrNotExist) {
			err = s.WillCreate(path)
		}
		if err != nil {
			return err
		}
		return s.Exec(ctx, "touch", path)
	},
}

var logRemoved = Scenario{
	Name:      "log-removed",
	Title:     "a log of user activity is removed",
	AlertType: "VM_SystemLogRemoval",
	Summary:   "Removes a file auth.log from a directory below /var/log that it made before.",
	Needs:     []Need{NeedRoot},
	Run: func(ctx context.Context, s *Stage) error {
		dir := filepath.Join("/var/log", s.Token)
		if err := s.MakeDir(dir); err != nil {
			return err
		}
		path := filepath.Join(dir, "auth.log")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		return s.Exec(ctx, "rm", "-f", path)
	},
}

var historyCleared = Scenario{
	Name:      "history-cleared",
	Title:     "a command history is removed",
	AlertType: "VM_HistoryFileCleared",
	Summary:   "Removes a file .bash_history of its own below /tmp.",
	Run: func(ctx context.Context, s *Stage) error {
		path, err := s.Write(".bash_history", "# nothing\n")
		if err != nil {
			return err
		}
		return s.Exec(ctx, "rm", "-f", path)
	},
}

var timestampCopied = Scenario{
	Name:      "timestamp-copied",
	Title:     "a file gets the times of a system program",
	AlertType: "VM_TimestampTampering",
	Summary:   "Gives a file of its own below /tmp the times of /bin/sh.",
	Run:       command("touch", "-r", "/bin/sh", "{dir}/implant"),
}

var passwordHashesRead = Scenario{
	Name:      "password-hashes-read",
	Title:     "the password hashes are read",
	AlertType: "VM_SuspectPasswordFileAccess",
	Summary:   "Reads /etc/shadow with cat(1), whose output goes nowhere.",
	Run:       command("cat", "/etc/shadow"),
}

// comment makes a file with a comment line through a shell, and registers its
// removal. The directory must be there.
func (s *Stage) comment(ctx context.Context, path string) error {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return skip("no directory %s", filepath.Dir(path))
	}
	if err := s.WillCreate(path); err != nil {
		return err
	}
	return s.Shell(ctx, "umask 227; echo '# "+s.Token+"' > "+path)
}
