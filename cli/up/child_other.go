//go:build !unix

package up

import (
	"os"
	"os/exec"
)

// askToEnd ends a program: there is no signal to ask with.
func askToEnd(p *os.Process) error { return p.Kill() }

func detach(*exec.Cmd) {}

// locked reports false: the server itself says when its directory is in use.
func locked(string) bool { return false }
