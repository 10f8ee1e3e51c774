package up

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/holdfast-security/holdfast/agent/control"
)

const (
	// alonePatience is how long what runs here already may take to end: an
	// earlier run that was killed leaves programs that are ending.
	alonePatience = 10 * time.Second
	aloneGap      = 100 * time.Millisecond
	lockName      = "lock" // of the server's data directory
)

// alone waits for a server or agent that runs on the directories already, which
// would answer in the place of those that are to be started. One that does not
// end is an error that says what to do.
func (o *Options) alone(ctx context.Context) error {
	deadline := time.Now().Add(alonePatience)
	for said := false; ; said = true {
		err := o.occupied(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		if !said && o.Notice != nil {
			o.Notice("waiting: " + err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(aloneGap):
		}
	}
}

// occupied says what runs on the directories, nil for nothing.
func (o *Options) occupied(ctx context.Context) error {
	if locked(filepath.Join(o.Server, lockName)) {
		return fmt.Errorf("a server runs on %s already: stop it first, as by systemctl stop holdfast-server, or name another directory with --data", o.Server)
	}
	if o.Console {
		return nil
	}
	var report struct{}
	if control.Ask(ctx, o.Run, &report) == nil {
		return fmt.Errorf("an agent answers on %s already: stop it first, as by systemctl stop holdfast-agent, or run the server alone with --no-agent", filepath.Join(o.Run, control.SocketName))
	}
	return nil
}
