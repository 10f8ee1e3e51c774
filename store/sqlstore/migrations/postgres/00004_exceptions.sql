-- +goose Up

-- The exception that hides a suppressed alert, "" for others.
ALTER TABLE alerts ADD COLUMN exception TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE exceptions (
  id TEXT COLLATE "C" PRIMARY KEY,
  author TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  enabled BOOLEAN NOT NULL,
  expires BIGINT NOT NULL,
  hits BIGINT NOT NULL,
  last_hit BIGINT NOT NULL,
  version BIGINT NOT NULL,
  search TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C" NOT NULL
);
CREATE INDEX exceptions_by_time ON exceptions (created, id);

-- What exceptions name, for filters.
CREATE TABLE exception_scopes (
  exception TEXT COLLATE "C" NOT NULL REFERENCES exceptions (id) ON DELETE CASCADE,
  kind TEXT COLLATE "C" NOT NULL, -- rule, type or host
  value TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (exception, kind, value)
);
CREATE INDEX exception_scopes_by_value ON exception_scopes (kind, value, exception);
