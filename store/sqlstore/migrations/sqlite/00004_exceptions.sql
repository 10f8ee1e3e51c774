-- +goose Up

-- The exception that hides a suppressed alert, "" for others.
ALTER TABLE alerts ADD COLUMN exception TEXT NOT NULL DEFAULT '';

CREATE TABLE exceptions (
  id TEXT PRIMARY KEY,
  author TEXT NOT NULL,
  created BIGINT NOT NULL,
  enabled BOOLEAN NOT NULL,
  expires BIGINT NOT NULL,
  hits BIGINT NOT NULL,
  last_hit BIGINT NOT NULL,
  version BIGINT NOT NULL,
  search TEXT NOT NULL,
  doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX exceptions_by_time ON exceptions (created, id);

-- What exceptions name, for filters.
CREATE TABLE exception_scopes (
  exception TEXT NOT NULL REFERENCES exceptions (id) ON DELETE CASCADE,
  kind TEXT NOT NULL, -- rule, type or host
  value TEXT NOT NULL,
  PRIMARY KEY (exception, kind, value)
) WITHOUT ROWID;
CREATE INDEX exception_scopes_by_value ON exception_scopes (kind, value, exception);
