// Package migrations holds the schema of the state database, as the steps from
// nothing to the present one, for both databases.
//
// A step that has been released is never edited; a change is a new step with
// the next number in both folders. There are no steps down: to go back, restore
// a backup with the version that made it.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// SQLite returns the steps for SQLite.
func SQLite() fs.FS { return folder("sqlite") }

// Postgres returns the steps for PostgreSQL.
func Postgres() fs.FS { return folder("postgres") }

func folder(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic(err) // the name is one of the embedded folders
	}
	return sub
}
