package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/holdfast-security/holdfast/store/sqlstore/migrations"
)

// Settings of the connections, see https://sqlite.org/pragma.html. A commit
// must be durable when it returns: with write-ahead logging that needs
// synchronous=FULL, which syncs the log once per commit.
var (
	writerPragmas = []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"cache_size(-65536)", "journal_size_limit(67108864)", "temp_store(MEMORY)",
	}
	readerPragmas = []string{
		"busy_timeout(10000)", "query_only(1)", "cache_size(-16384)", "temp_store(MEMORY)",
	}
	copierPragmas = []string{"busy_timeout(10000)"}
)

func openSQLite(ctx context.Context, c Config) (*Store, error) {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("find the state database %s: %w", c.Path, err)
	}
	if err := privateFile(path); err != nil {
		return nil, fmt.Errorf("open the state database %s: %w", path, err)
	}
	write, err := sqliteConns(path, 1, "immediate", writerPragmas)
	if err != nil {
		return nil, fmt.Errorf("open the state database %s: %w", path, err)
	}
	if err := migrate(ctx, c, goose.DialectSQLite3, write.DB, migrations.SQLite()); err != nil {
		write.Close()
		return nil, problem(err, "open the state database %s", path)
	}
	read, err := sqliteConns(path, c.ReadConns, "deferred", readerPragmas)
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("open the state database %s: %w", path, err)
	}
	s := newStore(c, write, read)
	s.path = path
	return s, nil
}

// privateFile makes the file if it is not there, and has nobody but its owner
// read it: it holds password hashes.
func privateFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("its folder does not exist: make it, or change the data directory of the server")
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to write it: give it to the user that the server runs as (%w)", err)
	case err != nil:
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func sqliteConns(path string, n int, lock string, pragmas []string) (*bun.DB, error) {
	query := url.Values{"_txlock": {lock}, "_pragma": pragmas}
	db, err := sql.Open("sqlite", fileURL(path)+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// fileURL returns the name of a file as SQLite wants it in URI form, see
// https://sqlite.org/uri.html.
func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' {
		path = "/" + path // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// Backup implements [store.State]. On PostgreSQL it refuses: backups of its
// databases are made with pg_dump, which is part of it.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.postgres {
		return errors.New("back up the state: it is in PostgreSQL, whose own pg_dump makes consistent copies while it is in use")
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up the state to %s: %w", path, errors.Join(fs.ErrExist, err))
	}
	if err := privateFile(path); err != nil {
		return fmt.Errorf("back up the state to %s: %w", path, err)
	}
	if err := s.copyTo(ctx, path); err != nil {
		os.Remove(path)
		return problem(err, "back up the state to %s", path)
	}
	return nil
}

// copyTo copies the database to an empty file, from one snapshot and without
// stopping writers, see https://sqlite.org/lang_vacuum.html.
func (s *Store) copyTo(ctx context.Context, path string) error {
	db, err := sqliteConns(s.path, 1, "deferred", copierPragmas)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
