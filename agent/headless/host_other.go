//go:build !linux

package headless

// kernelRelease is not known here.
func kernelRelease() string { return "" }

// bootID is not known here.
func bootID() string { return "" }

// consumption is not known here.
func consumption() (resident uint64, cpu float64) { return 0, 0 }
