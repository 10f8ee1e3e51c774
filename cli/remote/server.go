package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/store"
)

func (e *Env) auditLogCommand() *cobra.Command {
	var q client.ListAuditLogQuery
	var since, until timeFlag
	limit := 100
	cmd := &cobra.Command{
		Use: "audit-log", Short: "List who changed or read what on a server, newest first", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			q.Since, q.Until = since.Time, until.Time
			list, err := listing.Collect(limit, func(size int, after string) (store.List[account.Entry], error) {
				q.Limit, q.After = size, after
				return c.ListAuditLog(ctx, q)
			})
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string {
				rows := [][]string{}
				for _, entry := range list {
					rows = append(rows, []string{stamp(entry.Time), actorText(entry), entry.Action, entry.Object, entry.Outcome, entry.Address})
				}
				return render.Table([]string{"TIME", "ACTOR", "ACTION", "OBJECT", "OUTCOME", "ADDRESS"}, rows, style)
			})
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Actor, "actor", "", "who: a user, by their tokens too, token:UID or host:UID")
	flags.StringVar(&q.Action, "action", "", "what, such as alert.update or user.*")
	flags.StringVar(&q.Object, "object", "", "uid of what it was done to")
	flags.Var(&since, "since", "at or after: a time, or how long ago")
	flags.Var(&until, "until", "before: a time, or how long ago")
	flags.IntVar(&limit, "limit", limit, "how many at most; 0 for all")
	return cmd
}

// actorText names who did something, and whose token it was.
func actorText(e account.Entry) string {
	if e.Owner == "" {
		return e.Actor
	}
	return e.Owner + " by " + e.Actor
}

const backupHelp = `Write a consistent copy of everything that a server keeps to a file, while the
server runs: state, telemetry and keys. Whoever has the file can be the server,
so keep it as safe as the server itself. holdfast-server restore brings it back.`

func (e *Env) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy everything that a server keeps to a file", Long: backupHelp, Args: usage.One("file"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			size, err := backup(ctx, c, args[0])
			if err != nil {
				return err
			}
			e.note("Wrote %s bytes to %s.\n", render.Number(uint64(size)), args[0])
			return nil
		}),
	}
}

// backup writes the server's backup to a file that must not exist. Nothing is
// left when it fails.
func backup(ctx context.Context, c *client.Client, path string) (size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, fmt.Errorf("%s exists already; backups are never overwritten", path)
	}
	source, err := c.CreateBackup(ctx)
	if err != nil {
		return 0, err
	}
	defer source.Close()
	file, err := os.CreateTemp(filepath.Dir(path), ".backup-*") // mode 0600
	if err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	defer os.Remove(file.Name()) // fails once it is renamed
	size, err = io.Copy(file, source)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	return size, nil
}
