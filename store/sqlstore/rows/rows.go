// Package rows says what a statement came to: how many rows it changed, and
// whether there was one.
package rows

import (
	"database/sql"
	"errors"

	"github.com/holdfast-security/holdfast/store"
)

// One returns err, or [store.ErrNotFound] when the statement changed nothing.
func One(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// Count returns how many rows a statement changed.
func Count(res sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// Missing reports whether err says that no row was there.
func Missing(err error) bool {
	return errors.Is(err, sql.ErrNoRows) || errors.Is(err, store.ErrNotFound)
}
