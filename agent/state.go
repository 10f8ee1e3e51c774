package agent

import (
	"fmt"
	"os"
	"path/filepath"
)

// makeStateDir makes the state directory and completes StateDir. An ordinary
// user changes nothing on the host that would have to survive: without a home
// to write to, the state goes to a temporary directory, which is returned and
// removed when the agent stops.
func (c *Config) makeStateDir() (scratch string, err error) {
	if c.StateDir != "" || os.Geteuid() == 0 {
		if c.StateDir == "" {
			c.StateDir = DefaultStateDir
		}
		if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
			return "", fmt.Errorf("make the state directory: %w; choose another one or run as root", err)
		}
		return "", nil
	}
	c.StateDir, err = userStateDir()
	if err == nil {
		return "", nil
	}
	c.Log.Info("the state is kept in a temporary directory", "reason", err)
	if c.StateDir, err = os.MkdirTemp("", "holdfast-"); err != nil {
		return "", fmt.Errorf("make a temporary state directory: %w", err)
	}
	return c.StateDir, nil
}

// userStateDir returns a directory under the user's cache that can be written
// to. It may be there and belong to root, after a run with sudo.
func userStateDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "holdfast")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return "", err
	}
	probe.Close()
	return dir, os.Remove(probe.Name())
}

// removeScratch removes a temporary state directory.
func (a *Agent) removeScratch() error {
	if a.scratch == "" {
		return nil
	}
	if err := os.RemoveAll(a.scratch); err != nil {
		return fmt.Errorf("remove the temporary state directory: %w", err)
	}
	return nil
}
