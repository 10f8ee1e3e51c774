package conn

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/holdfast-security/holdfast/store"
)

// Error codes of PostgreSQL, from appendix A of its manual.
const (
	pgUniqueViolation = "23505"
	pgDiskFull        = "53100"
)

// Problem says what was being done when the database returned err, and wraps
// the error of package store that it stands for. It returns nil for nil.
func Problem(err error, doing string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(doing, args...), translate(err))
}

// translate returns the error of package store for one of the database, or
// err as it is.
func translate(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return translateSQLite(lite)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case pgUniqueViolation:
			return fmt.Errorf("%w (%w)", store.ErrExists, err)
		case pgDiskFull:
			return fmt.Errorf("%w (%w)", store.ErrFull, err)
		}
	}
	return err
}

func translateSQLite(err *sqlite.Error) error {
	switch err.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return fmt.Errorf("%w (%w)", store.ErrExists, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: make room on the disk of the state database, or raise its quota (%w)", store.ErrFull, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is not a SQLite database: move it away, or restore a backup (%w)", err)
	}
	switch err.Code() & 0xff { // the primary code of an extended one
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the state database is damaged: stop the server and restore a backup (%w)", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("the file or its folder cannot be written: give the server's user write permission on the folder (%w)", err)
	}
	return err
}
