// Package conn opens the state database, brings its schema up to date, and
// says in words what is wrong with it.
//
// SQLite has one connection that writes and others that only read; PostgreSQL
// has one pool for both. Errors of either become those of package store.
package conn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
)

// Config says where the database is: Path names a file of SQLite, DSN a
// database of PostgreSQL, and exactly one of them is set.
type Config struct {
	Path, DSN string
	ReadConns int          // at least one
	Log       *slog.Logger // not nil
}

// Databases are the open connections.
type Databases struct {
	Write, Read *sql.DB // the same for PostgreSQL
	Postgres    bool
	path        string // of the SQLite file
}

// Open opens the database, makes it if it is not there, and brings its schema
// up to date. Errors are sentences for the administrator.
func Open(ctx context.Context, c Config) (*Databases, error) {
	if c.DSN != "" {
		return openPostgres(ctx, c)
	}
	return openSQLite(ctx, c)
}

// Close closes all connections. It waits for queries under way.
func (d *Databases) Close() error {
	return errors.Join(d.Read.Close(), d.Write.Close())
}

// migrate brings the schema up to date, or refuses one that is newer.
func migrate(ctx context.Context, log *slog.Logger, dialect goose.Dialect, db *sql.DB, steps fs.FS, options ...goose.ProviderOption) error {
	provider, err := goose.NewProvider(dialect, db, steps, append(options, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))...)
	if err != nil {
		return fmt.Errorf("prepare the schema: %w", err)
	}
	present, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if present > newest {
		return fmt.Errorf("it was written by a newer version of Holdfast (schema %d, this version knows %d): run that version, or restore a backup from before its installation", present, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema from version %d to %d: %w", present, newest, err)
	}
	return nil
}
