-- +goose Up
-- Times are nanoseconds since 1970 in UTC, 0 for none. Documents are JSON.
-- Columns named "search" hold lower-case text for substring search.
CREATE TABLE hosts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  public_key TEXT NOT NULL UNIQUE,
  labels TEXT NOT NULL,
  enrolled BIGINT NOT NULL,
  version BIGINT NOT NULL,
  search TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX hosts_by_name ON hosts (name, id);

CREATE TABLE host_labels (
  host TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (host, name)
) WITHOUT ROWID;
CREATE INDEX host_labels_by_value ON host_labels (name, value, host);

CREATE TABLE heartbeats (
  host TEXT PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  seen BIGINT NOT NULL,
  search TEXT NOT NULL,
  doc TEXT NOT NULL
);

CREATE TABLE intakes (
  host TEXT PRIMARY KEY,
  doc TEXT NOT NULL
);

CREATE TABLE enrol_tokens (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  note TEXT NOT NULL,
  labels TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  max_uses BIGINT NOT NULL,
  revoked BOOLEAN NOT NULL
);
CREATE INDEX enrol_tokens_by_time ON enrol_tokens (created, id);

-- What alerts are filtered, sorted and counted by. Every change takes the next
-- number of alert_clock, whose row is locked until the change is committed, so
-- that changes become visible in the order of their numbers.
CREATE TABLE alert_clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  changes BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  forgotten BIGINT NOT NULL -- deletions up to this change are no longer in alerts_gone
);
INSERT INTO alert_clock (id, changes, last_seq, forgotten) VALUES (1, 0, 0, 0);

CREATE TABLE alerts (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  alert_type TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  status TEXT NOT NULL,
  host TEXT NOT NULL,
  rule TEXT NOT NULL,
  tactics TEXT NOT NULL,
  assignee TEXT NOT NULL,
  count BIGINT NOT NULL,
  last_time BIGINT NOT NULL,
  changed BIGINT NOT NULL
);
CREATE INDEX alerts_by_change ON alerts (changed);
CREATE INDEX alerts_by_time ON alerts (last_time);

CREATE TABLE alerts_gone (
  seq INTEGER PRIMARY KEY,
  changed BIGINT NOT NULL
);
CREATE INDEX alerts_gone_by_change ON alerts_gone (changed);

CREATE TABLE alert_docs (
  seq INTEGER PRIMARY KEY REFERENCES alerts (seq) ON DELETE CASCADE,
  title TEXT NOT NULL,
  story TEXT NOT NULL,
  host_name TEXT NOT NULL,
  first_time BIGINT NOT NULL,
  received BIGINT NOT NULL,
  triaged BIGINT NOT NULL,
  triaged_by TEXT NOT NULL,
  version BIGINT NOT NULL,
  search TEXT NOT NULL,
  doc TEXT NOT NULL
);

-- Which three-letter sequences occur in alert_docs.search.
CREATE VIRTUAL TABLE alert_text USING fts5 (
  search, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);

CREATE TABLE comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  seq BIGINT NOT NULL REFERENCES alerts (seq) ON DELETE CASCADE,
  alert TEXT NOT NULL,
  time BIGINT NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  change TEXT NOT NULL
);
CREATE INDEX comments_by_alert ON comments (seq, id);

CREATE TABLE positions (
  reader TEXT NOT NULL,
  part TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  PRIMARY KEY (reader, part)
) WITHOUT ROWID;

CREATE TABLE views (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  shared BOOLEAN NOT NULL,
  page TEXT NOT NULL,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX views_by_owner ON views (owner);

CREATE TABLE users (
  name TEXT PRIMARY KEY,
  full_name TEXT NOT NULL,
  role TEXT NOT NULL,
  disabled BOOLEAN NOT NULL,
  external BOOLEAN NOT NULL,
  created BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  version BIGINT NOT NULL,
  password TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_name TEXT NOT NULL,
  data BLOB NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  note TEXT NOT NULL,
  role TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  last_used BIGINT NOT NULL
);
CREATE INDEX tokens_by_time ON tokens (created, id);

CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  address TEXT NOT NULL,
  detail TEXT NOT NULL,
  outcome TEXT NOT NULL
);
CREATE INDEX audit_log_by_time ON audit_log (time);
CREATE INDEX audit_log_by_actor ON audit_log (actor, id);
CREATE INDEX audit_log_by_object ON audit_log (object, id);

-- +goose StatementBegin
CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'entries of the audit log are never changed');
END;
-- +goose StatementEnd

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE segments (
  id TEXT PRIMARY KEY,
  day TEXT NOT NULL,
  first_time BIGINT NOT NULL,
  last_time BIGINT NOT NULL,
  min_host TEXT NOT NULL,
  max_host TEXT NOT NULL,
  row_count BIGINT NOT NULL,
  byte_count BIGINT NOT NULL,
  part TEXT NOT NULL,
  from_seq BIGINT NOT NULL,
  to_seq BIGINT NOT NULL
);
CREATE INDEX segments_by_time ON segments (first_time, id);

CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  created BIGINT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX orders_by_time ON orders (created, id);
CREATE INDEX orders_by_host ON orders (host, created, id);

CREATE TABLE serials (
  host TEXT NOT NULL,
  kind TEXT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (host, kind)
) WITHOUT ROWID;
