// Package sqlstore keeps the server's state in a SQL database: SQLite in one
// file by default, or PostgreSQL when several servers share the state.
//
// One layer of queries serves both. SQLite has a single writing connection,
// which syncs the write-ahead log at every commit, and a pool of readers that
// never wait for it. Lists and counts of alerts are answered from columns in
// memory (package facet) that follow the database by a change counter, so that
// any filter in any order takes milliseconds at a million alerts, also when
// another server changed them.
//
// What comes in is bounded and checked by the callers; this package makes sure
// that text fits both databases: bytes that are not UTF-8 and NUL become
// U+FFFD. Queries are built by bun, never by joining values into SQL.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/alerttext"
	"github.com/holdfast-security/holdfast/store/sqlstore/conn"
	"github.com/holdfast-security/holdfast/store/sqlstore/exceptions"
	"github.com/holdfast-security/holdfast/store/sqlstore/facet"
	"github.com/holdfast-security/holdfast/store/sqlstore/incidents"
	"github.com/holdfast-security/holdfast/store/sqlstore/rulebook"
	"github.com/holdfast-security/holdfast/store/sqlstore/setting"
	"github.com/holdfast-security/holdfast/store/sqlstore/views"
)

// Config says where the state is. Exactly one of Path and DSN is set.
type Config struct {
	// Path is the file of the SQLite database. It is made with mode 0600 if it
	// is not there; its folder must be writable.
	Path string
	// DSN names a PostgreSQL database, version 13 or later, as a URL or as
	// key=value pairs. It may hold a password and is never logged.
	DSN string
	// ReadConns bounds the connections for reading; zero means twice the
	// number of processors, at least 4. PostgreSQL uses them for all.
	ReadConns int
	// Log receives what happens to the database as a whole; nil discards it.
	Log *slog.Logger
}

// Store is a [store.State] in a SQL database.
type Store struct {
	log       *slog.Logger
	write     *bun.DB // SQLite: one connection; PostgreSQL: the same as read
	read      *bun.DB
	databases *conn.Databases // under both
	postgres  bool

	stop    context.CancelFunc // ends the goroutines
	running sync.WaitGroup

	facetsLock sync.RWMutex // guards facets and seenChange
	facets     *facet.Index
	seenChange int64 // the change of alert_clock that facets stand at; -1 before they are loaded

	texts *alerttext.Index

	ruleTable

	incidentTable

	exceptionTable

	viewTable
	settingTable
}

// incidentTable is the part of the store that keeps incidents.
type incidentTable = incidents.Table

// ruleTable is the part of the store that keeps rule documents.
type ruleTable = rulebook.Table

// Parts of the store that keep exceptions, saved views and settings.
type (
	exceptionTable = exceptions.Table
	viewTable      = views.Table
	settingTable   = setting.Table
)

var _ store.State = (*Store)(nil)

// Open opens the database, makes it if it is not there, and brings its schema
// up to date. The caller closes the store.
//
// Errors are sentences for the administrator: a folder without write
// permission, a file that is no database or is damaged, a schema of a newer
// version of Holdfast.
func Open(ctx context.Context, c Config) (*Store, error) {
	if (c.Path == "") == (c.DSN == "") {
		return nil, errors.New("state database: set either the path of a SQLite file or the DSN of a PostgreSQL database")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ReadConns <= 0 {
		c.ReadConns = max(4, 2*runtime.GOMAXPROCS(0))
	}
	databases, err := conn.Open(ctx, conn.Config(c))
	if err != nil {
		return nil, err
	}
	s := &Store{log: c.Log, databases: databases, postgres: databases.Postgres, facets: facet.New(), seenChange: -1}
	var dialect schema.Dialect = sqlitedialect.New()
	if s.postgres {
		dialect = pgdialect.New()
	}
	s.write, s.read = bun.NewDB(databases.Write, dialect), bun.NewDB(databases.Read, dialect)
	s.texts = alerttext.New(s.read, s.postgres)
	s.ruleTable = rulebook.New(s.write, s.read, s.postgres)
	s.viewTable, s.settingTable = views.New(s.write, s.read), setting.New(s.write, s.read)
	s.exceptionTable = exceptions.New(s.write, s.read, s.postgres)
	s.incidentTable = incidents.New(s.write, s.read, s.postgres)
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.warm(ctx) })
	return s, nil
}

// warm loads the facets and what is known of texts, so that the first list and
// the first search need not wait for them.
func (s *Store) warm(ctx context.Context) {
	err := s.withFacets(ctx, func(*facet.Index) {})
	if err == nil {
		err = s.texts.Warm(ctx)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("reading alerts ahead; the first list will try again", "error", err)
	}
}

// Ping implements [store.State]: it asks the database for a row of the state.
func (s *Store) Ping(ctx context.Context) error {
	var changes int64
	err := s.read.NewSelect().Table("alert_clock").Column("changes").Scan(ctx, &changes)
	return problem(err, "reach the state database")
}

// Close implements [store.State]. It waits for queries under way. Closing
// again does nothing.
func (s *Store) Close() error {
	s.stop()
	s.running.Wait()
	return s.databases.Close()
}

// Backup implements [store.State]. On PostgreSQL it refuses: backups of its
// databases are made with pg_dump, which is part of it.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.postgres {
		return errors.New("back up the state: it is in PostgreSQL, whose own pg_dump makes consistent copies while it is in use")
	}
	return problem(s.databases.Copy(ctx, path), "back up the state to %s", path)
}

// problem says what was being done when the database returned err; nil for nil.
func problem(err error, doing string, args ...any) error { return conn.Problem(err, doing, args...) }

// change runs fn in a transaction that writes, and commits it if fn returns nil.
func (s *Store) change(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return s.write.RunInTx(ctx, nil, fn)
}

// snapshot runs fn in a transaction that reads, in which every query sees the
// same state.
func (s *Store) snapshot(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if s.postgres {
		options.Isolation = sql.LevelRepeatableRead
	}
	return s.read.RunInTx(ctx, options, fn)
}

// forUpdate locks the rows that q selects until the transaction ends. SQLite's
// single writer needs no such lock and does not know the clause.
func (s *Store) forUpdate(q *bun.SelectQuery) *bun.SelectQuery {
	if s.postgres {
		return q.For("UPDATE")
	}
	return q
}
