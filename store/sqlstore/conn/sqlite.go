package conn

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

func openSQLite(ctx context.Context, c Config) (*Databases, error) {
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
	if err := migrate(ctx, c.Log, goose.DialectSQLite3, write, migrations.SQLite()); err != nil {
		if damaged(ctx, write) {
			err = fmt.Errorf("open the state database %s: it is damaged: move it away, or restore a backup (%w)", path, err)
		} else {
			err = Problem(err, "open the state database %s", path)
		}
		return nil, errors.Join(err, write.Close())
	}
	read, err := sqliteConns(path, c.ReadConns, "deferred", readerPragmas)
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("open the state database %s: %w", path, err)
	}
	return &Databases{Write: write, Read: read, path: path}, nil
}

// damaged reports whether a database that could not be brought up to date is
// not sound: SQLite reads on as long as it can, and fails by what it misses. See
// https://sqlite.org/pragma.html#pragma_quick_check.
func damaged(ctx context.Context, db *sql.DB) bool {
	var found string
	return db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found) == nil && found != "ok"
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

func sqliteConns(path string, n int, lock string, pragmas []string) (*sql.DB, error) {
	query := url.Values{"_txlock": {lock}, "_pragma": pragmas}
	db, err := sql.Open("sqlite", fileURL(path)+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
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

// Copy copies a SQLite database to a file that must not exist, from one
// snapshot and without stopping writers, see https://sqlite.org/lang_vacuum.html.
func (d *Databases) Copy(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	if err := privateFile(path); err != nil {
		return err
	}
	if err := d.copyInto(ctx, path); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

// copyInto copies to a file that is empty.
func (d *Databases) copyInto(ctx context.Context, path string) error {
	db, err := sqliteConns(d.path, 1, "deferred", copierPragmas)
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
