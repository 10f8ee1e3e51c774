//go:build !linux

package simulate

import "os/exec"

func ownGroup(*exec.Cmd, bool) {}

func endGroup(*exec.Cmd) {}

// unmet returns why the host does not meet a need, or "".
func unmet(need Need) string { return "needs " + string(need) + " on Linux" }
