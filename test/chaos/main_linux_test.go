// Package chaos_test breaks what can break between a host and what is stored of
// it (processes, network, disks, clocks) and then adds everything up.
package chaos_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/test/fleet"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(producerVariable); text != "" {
		if err := produce(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
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
