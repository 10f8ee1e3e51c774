//go:build !unix

package up

import (
	"os"
	"os/exec"
)

// askToEnd ends a program: there is no signal to ask with.
func askToEnd(p *os.Process) error { return p.Kill() }

func detach(*exec.Cmd) {}
