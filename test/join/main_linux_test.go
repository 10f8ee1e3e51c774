package join_test

import (
	"os"
	"testing"

	"github.com/holdfast-security/holdfast/test/fleet"
)

func TestMain(m *testing.M) {
	code := m.Run()
	fleet.Remove()
	os.Exit(code)
}
