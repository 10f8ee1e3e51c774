//go:build !linux

package spool

// bootID returns zero: how this system names a run of the machine is not used,
// and an unclean end begins a new epoch.
func bootID() uint64 { return 0 }
