// Package hostile_test attacks a real server, and a real agent, with what an
// attacker may hold: a host's own credential, tokens that should no longer
// work, and a place in the middle. Everything must be refused, counted, and said
// in a sentence.
package hostile_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/test/fleet"
)

func TestMain(m *testing.M) {
	code := m.Run()
	fleet.Remove()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
