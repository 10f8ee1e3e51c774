package up

import "syscall"

// endWithParent has the kernel ask a program to end when its parent has:
// PR_SET_PDEATHSIG, prctl(2).
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGTERM }
