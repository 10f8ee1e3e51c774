package conn

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/holdfast-security/holdfast/store/sqlstore/migrations"
)

func openPostgres(ctx context.Context, c Config) (*Databases, error) {
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("state database: the DSN for PostgreSQL is not valid: %w", err) // pgx leaves the password out
	}
	where := fmt.Sprintf("%s on %s", config.Database, config.Host)
	sqlDB := stdlib.OpenDB(*config)
	sqlDB.SetMaxOpenConns(c.ReadConns)
	sqlDB.SetMaxIdleConns(c.ReadConns)
	if err := preparePostgres(ctx, c, sqlDB); err != nil {
		sqlDB.Close()
		return nil, Problem(err, "open the state database %s", where)
	}
	return &Databases{Write: sqlDB, Read: sqlDB, Postgres: true}, nil
}

func preparePostgres(ctx context.Context, c Config, db *sql.DB) error {
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	// Servers that start together migrate one after the other.
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	if err := migrate(ctx, c.Log, goose.DialectPostgres, db, migrations.Postgres(), goose.WithSessionLocker(locker)); err != nil {
		return err
	}
	return textIndex(ctx, c, db)
}

// textIndex makes the search of text in alerts fast where the extension
// pg_trgm, which comes with PostgreSQL's contributed modules, is installed.
// Without it a search reads the text of all alerts.
func textIndex(ctx context.Context, c Config, db *sql.DB) error {
	var installable bool
	err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm')").Scan(&installable)
	if err != nil {
		return err
	}
	if installable {
		_, err = db.ExecContext(ctx, `CREATE EXTENSION IF NOT EXISTS pg_trgm`)
	}
	if !installable || err != nil {
		c.Log.Info("text search in alerts will be slow: PostgreSQL has no pg_trgm for us", "error", err)
		return nil
	}
	_, err = db.ExecContext(ctx, `CREATE INDEX IF NOT EXISTS alert_search_by_text ON alert_search USING gin (search gin_trgm_ops)`)
	return err
}
