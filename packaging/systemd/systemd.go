// Package systemd holds the units of the services, as the packages and the
// server's install script put them in place.
package systemd

import _ "embed"

//go:embed holdfast-agent.service
var agent string

// Agent returns the unit of the agent, to be started as holdfast-agent.service.
// It expects the program in /usr/local/bin.
func Agent() string { return agent }
