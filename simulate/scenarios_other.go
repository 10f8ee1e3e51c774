//go:build !linux

package simulate

// Scenarios returns no scenarios: there are none for this system yet.
func Scenarios() []Scenario { return nil }
