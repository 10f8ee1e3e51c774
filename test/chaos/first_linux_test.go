package chaos_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/internal/hosttest"
	"github.com/holdfast-security/holdfast/test/fleet"
)

// TestFirstStartSurvivesKills kills servers while they make what a new server
// needs (keys, database, the first administrator, the log): the next start
// finishes it, and its administrator can log on.
func TestFirstStartSurvivesKills(t *testing.T) {
	rounds := 4
	if hosttest.Full() {
		rounds = 8
	}
	programs := fleet.Build(t)
	for range rounds {
		dir := t.TempDir()
		data, config := filepath.Join(dir, "data"), filepath.Join(dir, "server.yaml")
		text := "data_dir: " + data + "\nlisten: " + fleet.FreeAddress(t) + "\nstream_listen: " + fleet.FreeAddress(t) + "\nnames: [127.0.0.1]\n"
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			server := fleet.Launch(t, exec.Command(programs.Server, "run", "--config", config))
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
			if !server.Running() {
				t.Fatal("the server died by itself")
			}
			server.Kill()
		}
		fleet.NewServer(t, fleet.ServerOptions{DataDir: data}).Stop()
	}
}
