package incident

import "github.com/holdfast-security/holdfast/incident/evidence"

type (
	// Signal is what [Engine.Add] takes in.
	Signal = evidence.Signal
	// Entity is a thing that a signal has to do with.
	Entity = evidence.Entity
	// Process is one of a signal's lineage.
	Process = evidence.Process
	// Role is what a file is to a signal.
	Role = evidence.Role
)

type digest = evidence.Digest
