package simulate

import (
	"context"
	"os"
)

// The scenarios of this file run the real account tools on account files of
// their own below /tmp (option --prefix); the host's accounts stay as they are.

var rootAccount = Scenario{
	Name:      "root-account",
	Title:     "a second account with number 0 is added",
	AlertType: "VM_SuspectUserAddition",
	Summary:   "Adds an account with number 0 to account files of its own below /tmp.",
	Needs:     []Need{NeedRoot, NeedProgram("useradd")},
	Run:       accountTool("useradd", "-o", "-u", "0", "-g", "0", "-M", "{token}"),
}

var lookalikeAccount = Scenario{
	Name:      "lookalike-account",
	Title:     "an account is added that looks like root",
	AlertType: "HF_SuspiciousAccountCreation",
	Summary:   "Adds an account r00t to account files of its own below /tmp.",
	Needs:     []Need{NeedRoot, NeedProgram("useradd")},
	Run:       accountTool("useradd", "-M", "-c", "{token}", "r00t"),
}

var newSudoer = Scenario{
	Name:      "new-sudoer",
	Title:     "an account becomes an administrator",
	AlertType: "VM_NewSudoerAccount",
	Summary:   "Adds an account to the group sudo in account files of its own below /tmp.",
	Needs:     []Need{NeedRoot, NeedProgram("usermod")},
	Run:       accountTool("usermod", "-a", "-G", "sudo", "guest"),
}

// accountTool returns the play of a scenario that runs an account tool with
// --prefix on account files below the stage.
func accountTool(tool string, args ...string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		files := map[string]string{
			"passwd":  "root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/nonexistent:/bin/false\n",
			"shadow":  "root:*:19000:0:99999:7:::\nguest:*:19000:0:99999:7:::\n",
			"group":   "root:x:0:\nsudo:x:27:\nusers:x:100:\nguest:x:1000:\n",
			"gshadow": "root:*::\nsudo:*::\nusers:*::\nguest:*::\n",
		}
		for name, text := range files {
			path, err := s.Write("root/etc/"+name, text)
			if err != nil {
				return err
			}
			if err := os.Chmod(path, 0o600); err != nil {
				return err
			}
		}
		return s.Exec(ctx, tool, append([]string{"--prefix", s.Path("root")}, s.fill(args)...)...)
	}
}
